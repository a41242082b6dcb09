"""Which documents are about one disease, and which questions are asked twice."""

from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacitly.tasks.medquad_documents import Document, PublishedPair
from tacitly.tasks.medquad_entities import MOST_NAMES, fold_name, group_documents
from tacitly.tasks.medquad_pairs import REPEATED, read_medquad
from tests.unit.medquad_samples import document, write_folder

pytestmark = pytest.mark.unit

_NUMBERS = count()


def _about(focus: str, *synonyms: str, cuis: tuple[str, ...] = (), answer: str | None = None) -> Document:
    return Document(
        document_id=f"GHR/{next(_NUMBERS)}",
        source="GHR",
        focus=focus,
        cuis=cuis,
        synonyms=synonyms,
        pairs=(PublishedPair("1", "causes", f"What causes {focus} ?", answer),),
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


def test_a_set_of_concepts_joins_however_many_names_carry_it() -> None:
    many = [_about(f"disease {i}", cuis=("C1",)) for i in range(3 * MOST_NAMES)]
    assert _sizes(many) == 1


@pytest.mark.parametrize("generic", ["C0012634", "C0039082"])
def test_the_concepts_disease_and_syndrome_join_nothing(generic: str) -> None:
    assert _sizes([_about("gout", cuis=(generic,)), _about("mumps", cuis=(generic,))]) == 2
    assert _sizes([_about("gout", cuis=("C1", generic)), _about("podagra", cuis=("C1",))]) == 1
    assert _sizes([_about("gout", "podagra", cuis=(generic,)), _about("podagra", cuis=("C1",))]) == 1


def test_a_synonym_joins_what_concepts_do_not_tell_apart() -> None:
    assert _sizes([_about("gout", "podagra", cuis=("C1",)), _about("gouty arthritis", "podagra", cuis=("C2",))]) == 2
    assert _sizes([_about("gout", "podagra", cuis=("C1",)), _about("podagra", cuis=("C1", "C2"))]) == 1
    assert _sizes([_about("gout", "podagra", cuis=("C1",)), _about("podagra")]) == 1


def test_a_synonym_of_many_names_joins_nothing_and_is_no_name() -> None:
    few = [_about(f"disease {word}", "a wider group") for word in "abcdefgh"[:MOST_NAMES]]
    assert _sizes(few) == 1
    found = group_documents([*few, _about("disease z", "a wider group")])
    assert len(set(found.of_document)) == MOST_NAMES + 1
    assert "a wider group" not in [name for names in found.names.values() for name in names]


def test_a_name_of_another_disease_is_not_given_to_this_one() -> None:
    found = group_documents([_about("gout", "podagra", cuis=("C1",)), _about("podagra", cuis=("C2",))])
    assert found.names == {"gout": ("gout",), "podagra": ("podagra",)}


def test_the_same_long_answer_joins() -> None:
    long = "The same words about both. " * 8
    assert _sizes([_about("gout 1", answer=long), _about("gout 2", answer=long)]) == 1
    assert _sizes([_about("gout", answer="It is rare."), _about("mumps", answer="It is rare.")]) == 2
    assert _sizes([_about(f"cancer {i}", answer=long) for i in range(MOST_NAMES + 1)]) == MOST_NAMES + 1


def test_abbreviations_join_nothing() -> None:
    assert _sizes([_about("adrenoleukodystrophy", "ALD"), _about("alcoholic liver disease", "ALD")]) == 2


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
    asked = "What are the symptoms of {} ?"
    files = {
        "a.xml": document("1", "Crohn disease", [("symptoms", asked.format("Crohn disease"), "first")], source="GARD"),
        "b.xml": document(
            "1",
            "Crohn's Disease",
            [("symptoms", asked.format("Crohn Disease"), "2nd"), ("symptoms", asked.format("Crohn Disease"), "3rd")],
            source="GHR",
        ),
        "c.xml": document("2", "mumps", [("symptoms", asked.format("mumps"), "other")], source="GHR"),
        "d.xml": document(
            "3", "regional ileitis", [("symptoms", asked.format("regional ileitis"), "4th")], source="GHR",
            synonyms=["Crohn Disease"],
        ),
    }  # fmt: skip
    found = read_medquad(write_folder(tmp_path, files))
    assert [pair.answer for pair in found.pairs] == ["first", "other"]
    assert [pair.answer for pair in found.repeated[found.pairs[0].pair_id]] == ["2nd", "3rd", "4th"]
    assert found.answers_to(found.pairs[0]) == ("first", "2nd", "3rd", "4th")
    assert found.counts.left_out[REPEATED] == 3
    assert found.counts.answered == 5
    assert [pair.answer for pair in found.answered("symptoms")] == ["first", "2nd", "3rd", "other", "4th"]


def test_types_of_one_disease_are_asked_about_each(tmp_path: Path) -> None:
    files = {
        f"{i}.xml": document(
            str(i), f"ataxia {i}", [("causes", f"What causes ataxia {i} ?", f"Answer {i}.")], source="GHR", cuis=["C1"]
        )
        for i in (1, 2)
    }
    found = read_medquad(write_folder(tmp_path, files))
    assert len({pair.entity for pair in found.pairs}) == 1
    assert [pair.answer for pair in found.pairs] == ["Answer 1.", "Answer 2."]
