"""Which documents are about one disease, and which questions are asked twice."""

from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacitly.tasks.medquad_documents import Document
from tacitly.tasks.medquad_entities import LARGEST, MOST_NAMES, fold_name, group_documents
from tacitly.tasks.medquad_pairs import REPEATED, read_medquad
from tests.unit.medquad_samples import document, write_folder

pytestmark = pytest.mark.unit

_NUMBERS = count()


def _about(focus: str, *synonyms: str, cuis: tuple[str, ...] = ()) -> Document:
    return Document(
        document_id=f"GHR/{next(_NUMBERS)}", source="GHR", focus=focus, cuis=cuis, synonyms=synonyms, pairs=()
    )


def _sizes(documents: list[Document]) -> int:
    return len(set(group_documents(documents).of_document))


def test_the_same_name_is_the_same_disease() -> None:
    found = group_documents([_about("Crohn's Disease"), _about("Crohn disease"), _about("crohn’s diseases")])
    assert set(found.of_document) == {"crohn disease"}


def test_a_shared_concept_or_synonym_joins() -> None:
    assert _sizes([_about("gout", cuis=("C1",)), _about("gouty arthritis", cuis=("C1",))]) == 1
    assert _sizes([_about("gout", "podagra"), _about("gouty arthritis", "Podagra")]) == 1
    assert _sizes([_about("gout", "podagra"), _about("podagra")]) == 1
    assert _sizes([_about("gout", "podagra", cuis=("C1",)), _about("mumps", "parotitis", cuis=("C2",))]) == 2


def test_joining_is_transitive() -> None:
    assert _sizes([_about("one", "x1x1"), _about("two", "x1x1", cuis=("C1",)), _about("three", cuis=("C1",))]) == 1


def test_a_set_of_concepts_counts_as_a_whole() -> None:
    apart = [_about("ataxia with deafness", cuis=("C1", "C2")), _about("ataxia", cuis=("C1",))]
    assert _sizes(apart) == 2
    assert _sizes([*apart, _about("deaf ataxia", cuis=("C1", "C2"))]) == 2


def test_what_many_names_carry_joins_nothing() -> None:
    few = [_about(f"disease {word}", "a wider group", cuis=("C1",)) for word in "abcdefgh"[:MOST_NAMES]]
    assert _sizes(few) == 1
    many = [*few, _about("disease z", "a wider group", cuis=("C1",))]
    found = group_documents(many)
    assert len(set(found.of_document)) == MOST_NAMES + 1
    assert found.unused == 2
    assert "a wider group" not in [name for names in found.names.values() for name in names]


def test_abbreviations_join_nothing() -> None:
    assert _sizes([_about("adrenoleukodystrophy", "ALD"), _about("alcoholic liver disease", "ALD")]) == 2


def test_a_chain_does_not_grow_without_end_and_the_strongest_go_first() -> None:
    chain = [_about(f"name {i:02}", cuis=(f"C{link:02}",)) for i in range(40) for link in (i, i + 1)]
    chain += [_about(f"name {i}", "also both", cuis=("C21", "C99")) for i in (20, 21)]
    found = group_documents(chain)
    names = {document.focus: entity for document, entity in zip(chain, found.of_document, strict=True)}
    sizes = [list(names.values()).count(entity) for entity in set(names.values())]
    assert max(sizes) == LARGEST
    assert found.refused > 0
    assert names["name 20"] == names["name 21"]


def test_a_shared_synonym_joins_whatever_the_size() -> None:
    linked = [_about(f"name {i:02}", f"link {i:02}", f"link {i + 1:02}") for i in range(9)]
    assert _sizes(linked) == 1


def test_a_document_without_focus_stands_alone() -> None:
    found = group_documents([_about(""), _about(""), _about("gout")])
    assert len(set(found.of_document)) == 3


_WORDS = st.sampled_from(["gout", "podagra", "mumps", "parotitis", "measles", "rubeola", "wider group"])
_DOCUMENTS = st.lists(
    st.builds(
        lambda focus, synonyms, cuis: _about(focus, *synonyms, cuis=tuple(sorted(cuis))),
        _WORDS, st.lists(_WORDS, max_size=3), st.sets(st.sampled_from(["C1", "C2", "C3"]), max_size=2),
    ),
    max_size=12,
)  # fmt: skip


@settings(max_examples=60)
@given(_DOCUMENTS, st.randoms())
def test_grouping_does_not_depend_on_the_order(documents: list[Document], random: object) -> None:
    order = list(range(len(documents)))
    random.shuffle(order)  # type: ignore[attr-defined]
    straight = group_documents(documents).of_document
    shuffled = group_documents([documents[i] for i in order]).of_document
    assert [straight[i] for i in order] == list(shuffled)
    by_name: dict[str, set[str]] = {}
    for entity, about in zip(straight, documents, strict=True):
        by_name.setdefault(fold_name(about.focus), set()).add(entity)
    assert all(len(entities) == 1 for entities in by_name.values())
    assert len({next(iter(entities)) for entities in by_name.values()}) == len(set(straight))


def test_the_same_question_about_one_disease_counts_once(tmp_path: Path) -> None:
    asked = "What are the symptoms of Crohn {} ?"
    files = {
        "a.xml": document("1", "Crohn disease", [("symptoms", asked.format("disease"), "first")], source="GARD"),
        "b.xml": document(
            "1",
            "Crohn's Disease",
            [("symptoms", asked.format("Disease"), "second"), ("symptoms", asked.format("Disease"), "third")],
            source="GHR",
        ),
        "c.xml": document("2", "mumps", [("symptoms", "What are the symptoms of mumps ?", "other")], source="GHR"),
    }
    found = read_medquad(write_folder(tmp_path, files))
    assert [pair.answer for pair in found.pairs] == ["first", "other"]
    assert [pair.answer for pair in found.repeated] == ["second", "third"]
    assert found.counts.left_out[REPEATED] == 2
    assert found.counts.answered == 4
    assert [pair.answer for pair in found.answered("symptoms")] == ["first", "second", "third", "other"]
