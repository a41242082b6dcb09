"""The tasks made from MedQuAD: what is asked, what is accepted, and what is left out."""

from pathlib import Path

import pytest

from tacitly.errors import TaskError
from tacitly.judges.alias import AliasJudge
from tacitly.tasks.medquad import MedQuadAnswers
from tacitly.tasks.medquad_genes import EXAMPLES, MedQuadGenes, genes_of
from tacitly.tasks.medquad_inheritance import (
    GIVEN_AWAY,
    NO_PATTERN,
    SEVERAL,
    MedQuadInheritance,
    find_patterns,
    patterns_of,
)
from tests.unit.medquad_samples import SMALL, document, write_folder

pytestmark = pytest.mark.unit

DOMINANT = "It is inherited in an autosomal dominant pattern."
RECESSIVE = "This condition is inherited in an autosomal recessive pattern, which means both copies are changed."


def _inherited(number: str, focus: str, *answers: str, synonyms: tuple[str, ...] = ()) -> bytes:
    return document(number, focus, [("inheritance", f"Is {focus} inherited ?", a) for a in answers], synonyms=synonyms)


def _genetic(number: str, focus: str, answer: str, synonyms: tuple[str, ...] = ()) -> bytes:
    asked = f"What are the genetic changes related to {focus} ?"
    return document(number, focus, [("genetic changes", asked, answer)], synonyms=synonyms)


def test_the_free_form_task_asks_as_published(tmp_path: Path) -> None:
    task = MedQuadAnswers(path=write_folder(tmp_path))
    questions = task.questions()
    assert task.questions() is questions
    assert [question.question_id for question in questions] == [
        "medquad/GARD/0000001/1",
        "medquad/GHR/0000001/1",
        "medquad/GHR/0000002/1",
    ]
    assert questions[1].answers == ("Gout is a\ndisease.",)
    assert questions[0].entity == questions[1].entity == "gout"
    assert dict(questions[1].meta) == {
        "question_type": "information",
        "source": "GHR",
        "document_id": "GHR/0000001",
        "names": "Gouty arthritis|gout|podagra",
    }
    assert task.prompt(questions[2]) == [{"role": "user", "content": "What is (are) mumps ?"}]


def test_a_limit_is_drawn_evenly_over_the_question_types(tmp_path: Path) -> None:
    pairs = [("symptoms", f"Question {i} ?", "a") for i in range(20)] + [
        ("causes", "Why ?", "b"),
        ("outlook", "How ?", "c"),
    ]
    folder = write_folder(tmp_path, {"a.xml": document("1", "gout", pairs)})
    drawn = MedQuadAnswers(path=folder, limit=6).questions()
    assert sorted(question.meta["question_type"] for question in drawn) == ["causes", "outlook"] + ["symptoms"] * 4


@pytest.mark.parametrize(
    ("answer", "patterns"),
    [
        (DOMINANT, ("autosomal dominant",)),
        ("How is it inherited? It is inherited in an X-linked recessive pattern.", ("X-linked",)),
        ("MIDD is inherited in a mitochondrial pattern, also known as maternal inheritance.", ("mitochondrial",)),
        ("Most cases of CPEO are sporadic, which means they are not inherited.", ("not inherited",)),
        ("CIDP is not known to be inherited.", ("not inherited",)),
        ("MCAP is not inherited from a parent and does not run in families.", ("not inherited",)),
        ("It is autosomal recessive. Rarely it is autosomal dominant.", ("autosomal recessive",)),
        ("It is autosomal dominant or autosomal recessive.", ("autosomal dominant", "autosomal recessive")),
        ("It is not inherited in an X-linked manner.", ("X-linked", "not inherited")),
        ("Branchiootorenal syndrome may be inherited or occur sporadically.", ()),
        ("It is not known whether gout is inherited. It is autosomal dominant.", ()),
        ("Mitochondrial genetic disorders have many causes.", ()),
        ("When caused by PRSS1, it is autosomal dominant. Else it is X-linked.", ("autosomal dominant", "X-linked")),
        ("Some cases are autosomal dominant. The cause of others is not known.", ("autosomal dominant",)),
        ("This condition is almost never inherited.", ()),
        ("Is it autosomal dominant?", ()),
        ("", ()),
    ],
)
def test_patterns_are_those_of_the_first_sentence(answer: str, patterns: tuple[str, ...]) -> None:
    assert patterns_of(answer) == patterns


def test_inheritance_is_asked_once_for_a_disease_as_a_choice(tmp_path: Path) -> None:
    files = {
        "a.xml": _inherited("1", "sialuria", DOMINANT),
        "b.xml": _inherited("2", "Sialuria", "Sialuria is autosomal dominant, as are others."),
        "c.xml": _inherited("3", "alkaptonuria", RECESSIVE),
    }
    task = MedQuadInheritance(path=write_folder(tmp_path, files))
    questions = task.questions()
    assert [question.question_id for question in questions] == [
        "medquad_inheritance/sialuria",
        "medquad_inheritance/alkaptonuria",
    ]
    assert questions[0].question == (
        "Is sialuria autosomal dominant, autosomal recessive, X-linked, mitochondrial, or not inherited?"
    )
    assert len(questions[0].choices) == 5
    assert "|".join(questions[0].answers) in questions[0].choices
    assert questions[0].meta["subject"] == "sialuria"
    assert task.prompt(questions[0]) == [{"role": "user", "content": questions[0].question}]


def test_documents_that_disagree_and_names_that_tell_are_left_out(tmp_path: Path) -> None:
    files = {
        "a.xml": _inherited("1", "sialuria", DOMINANT),
        "b.xml": _inherited("2", "Sialuria", RECESSIVE),
        "c.xml": _inherited("3", "X-linked deafness", "It is X-linked."),
        "d.xml": _inherited("4", "gout", "It is autosomal dominant or autosomal recessive."),
        "e.xml": _inherited("5", "X-linked gusher", "It is X-linked.", synonyms=("perilymphatic gusher",)),
        "f.xml": _inherited("6", "Perilymphatic gusher", "It is X-linked."),
        "g.xml": _inherited("7", "mumps", "It is not known."),
    }
    task = MedQuadInheritance(path=write_folder(tmp_path, files))
    found = find_patterns(task.medquad)
    assert found.left_out == {NO_PATTERN: 1, SEVERAL: 2, GIVEN_AWAY: 1}
    assert [(pair.focus, pattern) for pair, pattern in found.facts] == [("Perilymphatic gusher", "X-linked")]
    assert task.notes[-1] == (
        "patterns of inheritance: 5 questions about them, of whose answers 1 name one; left out: 1 name none, 2 name "
        "several, 1 are about a disease whose name holds it"
    )


def test_types_that_are_inherited_alike_are_asked_about_each(tmp_path: Path) -> None:
    files = {f"{i}.xml": _inherited(str(i), f"ataxia {i}", DOMINANT, synonyms=("ataxias",)) for i in (1, 2)}
    questions = MedQuadInheritance(path=write_folder(tmp_path, files)).questions()
    assert [question.meta["subject"] for question in questions] == ["ataxia 1", "ataxia 2"]
    assert len({question.entity for question in questions}) == 1


@pytest.mark.parametrize(
    "answer",
    [
        "Chronic hiccups are not thought to be inherited.",
        "SJS/TEN is not an inherited condition.",
        "It usually occurs sporadically in people with no family history of the condition.",
        "Although it isn't inherited, genes may play a role.",
        "Binswanger's disease is not considered an inherited condition.",
    ],
)
def test_the_judge_reads_not_inherited_in_the_words_of_the_references(tmp_path: Path, answer: str) -> None:
    files = {"a.xml": _inherited("1", "hiccups", "Hiccups are not inherited.")}
    [asked] = MedQuadInheritance(path=write_folder(tmp_path, files)).questions()
    assert AliasJudge().judge(asked, answer).correct


@pytest.mark.parametrize(
    ("answer", "genes"),
    [
        ("Mutations in the PAH gene cause phenylketonuria. The PAH gene is long.", ("PAH",)),
        ("Mutations in the CCBE1 or FAT4 gene can cause it.", ("CCBE1", "FAT4")),
        ("Variations of the ATG16L1, IRGM, and NOD2 genes.", ("ATG16L1", "IRGM", "NOD2")),
        ("The HLA-DRB1 gene and the C9orf72 gene.", ("HLA-DRB1", "C9orf72")),
        ("COL11A1 gene mutations cause it.", ("COL11A1",)),
        ("The BBS genes and other HLA genes, MHC genes.", ()),
        ("DNA gene. A gene. One gene. The type IIIC gene.", ()),
        ("Mutations in at least 15 genes.", ()),
        ("The PAX6 protein, not a gene.", ()),
        ("UBE3A gene changes cause it. Loss of the OCA2 gene does not cause it.", ("UBE3A",)),
        ("The GHR gene causes it. The changed GHR gene may protect against cancer.", ("GHR",)),
        ("The G6PD gene protects red blood cells.", ("G6PD",)),
    ],
)
def test_genes_are_the_symbols_before_the_word(answer: str, genes: tuple[str, ...]) -> None:
    assert genes_of(answer) == genes


def test_genes_are_asked_once_for_a_disease_and_any_of_them_is_right(tmp_path: Path) -> None:
    files = {
        "a.xml": _genetic("1", "sialuria", "Mutations in the GNE gene, and in the FOO1 gene."),
        "b.xml": _genetic("2", "SYNGAP1-related disability", "Mutations in the SYNGAP1 gene."),
        "c.xml": _genetic("3", "lateral sclerosis", "The SOD1 gene. Another LSX gene.", synonyms=("LSX",)),
        "d.xml": _genetic("4", "Wiskott-Aldrich syndrome", "The WAS gene.", synonyms=("WAS",)),
        "e.xml": _genetic("5", "osteopetrosis", "The CLCN7 gene.", synonyms=("marble bones",)),
        "g.xml": _genetic("7", "Cystic Fibrosis", "The CFTR gene."),
        "f.xml": _genetic("6", "osteopetrosis type 2", "The TNFSF11 gene.", synonyms=("marble bones",)),
        "h.xml": _genetic("8", "osteopetrosis type 3", "The CLCN7 gene.", synonyms=("marble bones",)),
        "i.xml": _genetic("9", "Alberg disease", "The SNX10 gene.", synonyms=("osteopetrosis",)),
    }
    task = MedQuadGenes(path=write_folder(tmp_path, files))
    questions = task.questions()
    assert {question.meta["subject"]: question.answers for question in questions} == {
        "sialuria": ("GNE", "FOO1"),
        "lateral sclerosis": ("SOD1",),
        "Wiskott-Aldrich syndrome": ("WAS",),
        "osteopetrosis": ("CLCN7", "SNX10"),  # another source's answer about the same disease, under another name
        "osteopetrosis type 3": ("CLCN7",),
        "osteopetrosis type 2": ("TNFSF11",),  # a type of its own, of one disease for every split
    }
    prompts = [task.prompt(question) for question in questions]
    assert {str(prompt[:-1]) for prompt in prompts} == {str(prompts[0][:-1])}
    assert len(prompts[0]) == 2 * len(EXAMPLES) + 1
    judge = AliasJudge()
    assert judge.judge(questions[0], "It is FOO1, I think.").correct
    assert judge.judge(questions[0], "It is PAH.").correct is False
    assert judge.judge(questions[2], "It was him.").correct is False


def test_a_table_without_names_says_that_a_disease_may_count_twice(tmp_path: Path) -> None:
    path = tmp_path / "three.csv"
    path.write_text("qtype,Question,Answer\ncauses,What causes gout ?,Uric acid.\n", encoding="utf-8")
    assert "one disease may count as several" in MedQuadAnswers(path=path).notes[1]


def test_every_source_s_answer_is_accepted(tmp_path: Path) -> None:
    files = {f"{i}.xml": _genetic(str(i), "sialuria", f"The GNE gene, source {i}.") for i in (1, 2)}
    [asked] = MedQuadAnswers(path=write_folder(tmp_path, files)).questions()
    assert asked.answers == ("The GNE gene, source 1.", "The GNE gene, source 2.")


@pytest.mark.parametrize("task", [MedQuadInheritance, MedQuadGenes])
def test_a_copy_without_such_answers_is_refused(
    tmp_path: Path, task: type[MedQuadInheritance] | type[MedQuadGenes]
) -> None:
    with pytest.raises(TaskError, match="names no"):
        task(path=write_folder(tmp_path, {name: SMALL[name] for name in list(SMALL)[:1]})).questions()
