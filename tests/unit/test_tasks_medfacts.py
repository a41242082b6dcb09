"""The bundled task: every table of facts is whole, and the questions made from them are as METHOD.md wants them."""

import csv
from collections import Counter
from importlib import resources

import pytest

from tacitly.errors import TaskError
from tacitly.tasks.medfacts import EXAMPLES, RELATIONS, MedFacts, read_choices, read_facts, read_sources
from tacitly.text import normalize

pytestmark = pytest.mark.unit

TABLES = resources.files("tacitly") / "tasks" / "data" / "medfacts"


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(TABLES.joinpath(f"{name}.csv").read_text(encoding="utf-8").splitlines(), strict=True))


def test_there_are_enough_questions_of_enough_relations() -> None:
    per_relation = Counter(fact.relation for fact in read_facts())
    assert sum(per_relation.values()) >= 1200
    assert len([relation for relation, count in per_relation.items() if count >= 20]) >= 8


def test_every_file_belongs_to_a_relation() -> None:
    names = {entry.name.removesuffix(".csv") for entry in TABLES.iterdir() if entry.name.endswith(".csv")}
    assert names == {*RELATIONS, "choices", "sources"}


@pytest.mark.parametrize("relation", [*RELATIONS, "choices", "sources"])
def test_a_table_has_no_empty_cell_and_no_stray_space(relation: str) -> None:
    rows = _rows(relation)
    assert rows
    for row in rows:
        for column, cell in row.items():
            assert isinstance(column, str), row
            assert isinstance(cell, str), row
            for part in cell.split("|"):
                assert part, row
                assert part == " ".join(part.split()), row


@pytest.mark.parametrize("relation", RELATIONS)
def test_a_table_asks_nothing_twice(relation: str) -> None:
    subjects = Counter(normalize(row["subject"]) for row in _rows(relation))
    assert [subject for subject, count in subjects.items() if count > 1] == []


@pytest.mark.parametrize("relation", RELATIONS)
def test_every_answer_is_one_of_the_choices(relation: str) -> None:
    choices = set(read_choices()[relation])
    for row in _rows(relation):
        answers = row["answers"].split("|")
        assert set(answers) <= choices, row
        assert len(set(answers)) == len(answers), row


@pytest.mark.parametrize("relation", RELATIONS)
def test_no_name_stands_for_two_choices(relation: str) -> None:
    names = Counter(normalize(name) for names in read_choices()[relation].values() for name in names)
    assert [name for name, count in names.items() if count > 1] == []


def test_choices_are_declared_only_for_relations() -> None:
    assert {row["relation"] for row in _rows("choices")} == set(RELATIONS)


def test_every_table_has_a_source_and_a_licence() -> None:
    assert [source.relation for source in read_sources()] == list(RELATIONS)
    medquad = [source for source in read_sources() if "MedQuAD" in source.source]
    assert [source.licence for source in medquad] == ["CC BY 4.0"]


def test_no_question_holds_its_answer() -> None:
    from tacitly.text import find_whole

    given_away = [
        question.question_id
        for question in MedFacts().questions()
        if any(find_whole(answer, question.meta["subject"]) for answer in question.answers)
    ]
    assert given_away == []


def test_entities_are_normalised_and_shared_between_relations() -> None:
    relations: dict[str, set[str]] = {}
    for fact in read_facts():
        assert fact.entity == normalize(fact.entity)
        relations.setdefault(fact.entity, set()).add(fact.relation)
    assert relations["metoprolol"] == {"drug-class", "drug-use"}
    assert relations["parkinson disease"] >= {"disease-organ", "disease-specialist"}


def test_examples_are_not_asked_about() -> None:
    shown = {example.entity for example in EXAMPLES}
    assert shown == {normalize(entity) for entity in shown}
    assert not shown & {fact.entity for fact in read_facts()}
    asked = {question.question for question in MedFacts().questions()}
    assert not asked & {example.asked for example in EXAMPLES}


def test_ids_are_unique_and_stable() -> None:
    ids = [question.question_id for question in MedFacts().questions()]
    assert len(set(ids)) == len(ids)
    assert "medfacts/drug-class/metoprolol" in ids


def test_a_question_accepts_every_name_of_its_answers() -> None:
    question = next(q for q in MedFacts().questions() if q.question_id == "medfacts/infection-kind/cholera")
    assert question.question == "Which kind of pathogen causes cholera?"
    assert {"bacterium", "bacterial"} <= set(question.answers)
    assert set(question.answers) < {name for choice in question.choices for name in choice.split("|")}
    assert question.answers[0] == "bacterium"


def test_a_limit_is_balanced_and_repeatable() -> None:
    limited = MedFacts(limit=170).questions()
    per_relation = Counter(question.meta["relation"] for question in limited)
    assert len(limited) == 170
    assert set(per_relation) == set(RELATIONS)
    assert max(per_relation.values()) - min(per_relation.values()) <= 1
    assert limited == MedFacts(limit=170).questions()
    assert limited != MedFacts(limit=170, seed=1).questions()


def test_a_larger_limit_keeps_the_questions_of_a_smaller_one() -> None:
    few = {question.question_id for question in MedFacts(limit=60).questions()}
    many = {question.question_id for question in MedFacts(limit=600).questions()}
    assert len(few) == 60
    assert few < many


def test_a_limit_beyond_the_number_of_questions_asks_all() -> None:
    assert MedFacts(limit=10**6).questions() == MedFacts().questions()


def test_the_prompt_begins_the_same_for_every_question() -> None:
    task = MedFacts(limit=40)
    prompts = [task.prompt(question) for question in task.questions()]
    assert len({str(prompt[:-1]) for prompt in prompts}) == 1
    for question, prompt in zip(task.questions(), prompts, strict=True):
        assert [turn["role"] for turn in prompt] == ["user", "assistant"] * len(EXAMPLES) + ["user"]
        assert question.question in prompt[-1]["content"]


def test_a_prompt_of_the_user_takes_the_place_of_the_examples() -> None:
    task = MedFacts(limit=1, prompt="Say briefly: {question}")
    question = task.questions()[0]
    assert task.prompt(question) == [{"role": "user", "content": f"Say briefly: {question.question}"}]


def test_a_path_is_refused() -> None:
    with pytest.raises(TaskError, match=r"medfacts is bundled.*task\.path is 'x\.csv'.*task\.name=file"):
        MedFacts(path="x.csv")
