"""Tasks that only a hub has, on made rows in its columns."""

import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tacitly.errors import TaskError
from tacitly.records import Question
from tacitly.tasks import fetching
from tacitly.tasks.catalog import load_task
from tacitly.tasks.parquet_rows import read_parquet
from tests.unit.task_samples import TABLES, TEXTS, write_sample

pytestmark = pytest.mark.unit


def _ask(name: str, folder: Path) -> list[Question]:
    return list(load_task(name, path=write_sample(name, folder)).questions())


def test_trivia_is_asked_once_with_all_of_its_names(tmp_path: Path) -> None:
    first, second = _ask("triviaqa", tmp_path)
    assert (first.question_id, first.answers) == ("triviaqa/train/tc_1", ("Ann", "Anne", "Annie"))
    assert (second.split, second.answers) == ("test", ("Here",))


def test_a_popular_thing_is_the_entity_of_its_questions(tmp_path: Path) -> None:
    first, second = _ask("popqa", tmp_path)
    assert first.entity == second.entity == "ann"
    assert first.answers == ("potter", "ceramist")
    assert (first.split, first.meta["relation"]) == (None, "occupation")


def test_two_hops_are_about_two_articles_and_may_come_with_them(tmp_path: Path) -> None:
    questions = _ask("hotpotqa", tmp_path)
    assert [question.split for question in questions] == ["train", "train", "test"]
    assert (questions[0].entity, questions[0].meta["names"], questions[0].context) == ("red cup", "Red cup|Ann", None)
    assert questions[1].meta["names"] == "Cup"
    task = load_task("hotpotqa_context", path=tmp_path)
    asked = next(iter(task.questions()))
    assert asked.context == "Red cup\nRed cup is there. It was made.\n\nAnn\nAnn is there. It was made."
    assert task.prompt(asked) == [
        {"role": "user", "content": f"{asked.context}\n\nWho made the red cup?\nAnswer briefly."}
    ]


def test_a_review_is_the_passage_and_its_own_entity(tmp_path: Path) -> None:
    good, bad = _ask("imdb", tmp_path)
    assert (good.answers, bad.answers) == (("positive",), ("negative",))
    assert good.context == "A good film.\n\nSee it."
    assert good.entity != bad.entity


def test_options_have_letters_and_one_of_them_is_right(tmp_path: Path) -> None:
    train, _ = _ask("medqa", tmp_path)
    assert train.choices == ("Work|A)", "Rest|B)", "Tea|C)", "Milk|D)")
    assert train.answers == ("Rest",)
    bone, organ, gland = _ask("medmcqa", tmp_path)
    assert (bone.answers, organ.answers, gland.answers) == (("Rib",), ("Liver",), ("Thyroid",))
    assert (bone.meta["subject"], bone.meta["topic"], gland.split) == ("Anatomy", "", "test")


def test_what_is_correct_of_an_open_question_is_accepted(tmp_path: Path) -> None:
    cup, _ = _ask("truthfulqa", tmp_path)
    assert (cup.question, cup.answers, cup.choices) == ("What happens to cup?", ("Nothing happens", "It stays"), ())
    assert load_task("truthfulqa", path=tmp_path).judge == "llm"


def test_a_true_statement_stands_among_untrue_ones_in_no_telling_order(tmp_path: Path) -> None:
    rows = [
        {
            "type": "Made",
            "category": "Cups",
            "question": f"What about {i}?",
            "best_answer": f"{i} is so",
            "incorrect_answers": [f"{i} is not so", f"{i} is never so", f"{i} was so"],
        }
        for i in range(40)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "validation-00000-of-00001.parquet")
    places = [
        [choice.split("|")[0] for choice in question.choices].index(question.answers[0])
        for question in load_task("truthfulqa_choice", path=tmp_path).questions()
    ]
    assert {places.count(place) for place in range(4)} <= set(range(3, 20))


def test_an_abstract_goes_before_its_question(tmp_path: Path) -> None:
    yes, maybe = _ask("pubmedqa", tmp_path)
    assert (yes.context, yes.answers, maybe.answers) == ("We gave cups. Many helped.", ("yes",), ("maybe",))
    assert yes.question_id == "pubmedqa/all/1"


def test_a_right_answer_and_a_made_up_one_are_asked_about_with_one_entity(tmp_path: Path) -> None:
    right, made_up = _ask("medhallu", tmp_path)
    assert (right.answers, made_up.answers) == (("no",), ("yes",))
    assert right.entity == made_up.entity == "do cups help"
    assert "They helped many." in right.question
    assert "They helped nobody." in made_up.question


def test_of_a_table_only_the_wanted_columns_are_read(tmp_path: Path) -> None:
    write_sample("hotpotqa", tmp_path)
    path = tmp_path / "distractor" / "train-00000-of-00002.parquet"
    (row,) = read_parquet(path, ["id", "supporting_facts.title"])
    assert row.values == {"id": "a1", "supporting_facts": {"title": ["Red cup", "Ann"]}}


def test_a_column_that_is_missing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "train-00000-of-00001.parquet"
    pq.write_table(pa.table({"question": ["Who?"]}), path)
    with pytest.raises(TaskError, match="lacks 'answer'; allowed: 'question', 'answer' in every row"):
        load_task("nq_open", path=path).questions()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("medqa", {"answer_idx": "E"}, "line 1: 'answer_idx' is 'e'; allowed: a, b, c, d"),
        ("medqa", {"options": ["Rest"]}, r"line 1: 'options' is .*; allowed: a text for each letter"),
        ("medqa", {"question": ""}, "line 1: 'question' is empty"),
    ],
)
def test_a_malformed_line_is_an_error_with_its_number(
    tmp_path: Path, name: str, change: Mapping[str, object], message: str
) -> None:
    file, text = next(iter(TEXTS[name].items()))
    path = tmp_path / file
    path.write_text(json.dumps({**json.loads(text), **change}))
    with pytest.raises(TaskError, match=message):
        load_task(name, path=path).questions()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("medmcqa", {"cop": 7}, "row 1: 'cop' is '7'; allowed: 0, 1, 2, 3"),
        ("imdb", {"label": 2}, "row 1: 'label' is '2'; allowed: 0, 1"),
        ("pubmedqa", {"context": {"contexts": [" "]}}, "row 1: 'context' holds no passage"),
        ("pubmedqa", {"final_decision": "perhaps"}, "row 1: 'final_decision' is 'perhaps'"),
        ("triviaqa", {"answer": "Ann"}, "lacks 'answer'; allowed: 'question', 'question_id', 'answer' in every row"),
        ("nq_open", {"answer": "['Ann']"}, r"row 1: 'answer' is \"\['Ann'\]\"; allowed: a JSON list of texts"),
    ],
)
def test_a_malformed_row_is_an_error_with_its_number(
    tmp_path: Path, name: str, change: Mapping[str, object], message: str
) -> None:
    file, rows = next(iter(TABLES[name].items()))
    path = tmp_path / Path(file).name
    pq.write_table(pa.Table.from_pylist([{**rows[0], **change}]), path)
    with pytest.raises(TaskError, match=message):
        load_task(name, path=path).questions()


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("medmcqa", {"opa": "Tea"}, "have an empty option, or one twice"),
        ("medmcqa", {"opa": ""}, "have an empty option, or one twice"),
        ("medmcqa", {"cop": -1}, "have no answer"),
        ("triviaqa", {"answer": {"value": "", "aliases": []}}, "have no answer"),
        ("hotpotqa", {"answer": ""}, "have no answer"),
    ],
)
def test_a_row_that_asks_nothing_is_counted_and_left_out(
    tmp_path: Path, name: str, change: Mapping[str, object], reason: str
) -> None:
    file, rows = next(iter(TABLES[name].items()))
    path = tmp_path / Path(file).name
    pq.write_table(pa.Table.from_pylist([{**rows[0], **change}, {**rows[0], "question": "Another?"}]), path)
    task = load_task(name, path=path)
    assert [question.question for question in task.questions()] == ["Another?"]
    assert task.notes[0] == f"1 of 2 rows {reason} and are left out: first in {path} row 1"


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_hub_out_of_reach_is_one_line_with_the_files_that_would_do(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(fetching, "is_reachable", lambda: False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(TaskError) as refused:
        load_task(name).questions()
    said = str(refused.value)
    assert said.startswith(f"task {name}: ")
    assert "the hub cannot be reached, and no copy is in its cache" in said
    assert "set task.path to" in said
    assert all(Path(file).name in said for file in TABLES[name])
    assert "\n" not in said
