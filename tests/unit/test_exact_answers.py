"""How well the locators find the exact answers that were marked by hand."""

import json
from pathlib import Path

import pytest

from tacitly.judges.alias import AliasJudge
from tacitly.locators.catalog import load_locator
from tacitly.records import Question
from tacitly.tasks.cities import Cities
from tacitly.tasks.file import FileTask
from tacitly.tasks.medfacts import MedFacts

pytestmark = pytest.mark.unit

FIXTURES = Path(__file__).parents[1] / "fixtures"
ANSWERS = [json.loads(line) for line in (FIXTURES / "exact_answers.jsonl").read_text(encoding="utf-8").splitlines()]
CHOICES = json.loads((FIXTURES / "exact_answers_choices.json").read_text(encoding="utf-8"))
# Each answer is located as its task does it; trivia as a file of own questions.
LOCATORS = {
    task: load_locator(kind.locator)
    for task, kind in (("medfacts", MedFacts), ("cities", Cities), ("trivia", FileTask))
}
SHARE, GAP = 0.85, 0.05


def _choices(answer) -> tuple[str, ...]:
    return tuple(CHOICES[answer["choices"]]) if answer["choices"] else ()


def _is_exact(answer) -> bool:
    span = LOCATORS[answer["task"]].locate(answer["question"], answer["text"], _choices(answer))
    return (span.start, span.exact_answer) == (answer["start"], answer["exact_answer"])


def test_the_fixture_is_sound():
    assert len(ANSWERS) == len({answer["question"] for answer in ANSWERS}) == 400
    assert sum(answer["correct"] for answer in ANSWERS) == 200
    for answer in ANSWERS:
        exact, start = answer["exact_answer"], answer["start"]
        assert (exact is None) == (start is None)
        if exact is not None:
            assert answer["text"][start : start + len(exact)] == exact == exact.strip()


def test_exact_answers_are_found_alike_in_right_and_wrong_answers(capsys):
    hits: dict[tuple[str, bool], list[bool]] = {}
    batches: dict[tuple[int, bool], list[bool]] = {}
    for answer in ANSWERS:
        exact = _is_exact(answer)
        hits.setdefault((answer["task"], answer["correct"]), []).append(exact)
        batches.setdefault((answer["batch"], answer["correct"]), []).append(exact)
    share = {}
    for correct in (True, False):
        found = [exact for (_, label), each in hits.items() if label is correct for exact in each]
        share[correct] = sum(found) / len(found)
    with capsys.disabled():
        print("\nexact answers found as marked by hand:")
        for title, table in (("task", hits), ("batch", batches)):
            for (name, correct), found in sorted(table.items()):
                print(f"  {title} {name}, {'right' if correct else 'wrong'}: {sum(found)} of {len(found)}")
        print(f"  right {share[True]:.1%}, wrong {share[False]:.1%}")
    assert min(share.values()) >= SHARE
    assert abs(share[True] - share[False]) <= GAP


def test_the_judge_still_gives_the_labels_of_the_fixture():
    judge = AliasJudge()
    for answer in ANSWERS:
        question = Question(
            question_id="1",
            question=answer["question"],
            answers=tuple(answer["answers"]),
            entity="x",
            choices=_choices(answer),
        )
        assert judge.judge(question, answer["text"]).correct is answer["correct"], answer["text"]
