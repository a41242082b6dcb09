"""Judging by the number that an answer gives."""

from collections.abc import Sequence
from dataclasses import dataclass

from tacitly.judges.base import Judge
from tacitly.judges.refusal import refuses
from tacitly.reading.given_number import given_number
from tacitly.reading.written_numbers import WrittenNumber, number_key, read_numbers
from tacitly.records import Label, Question
from tacitly.text import words

SHOWN = 40  # characters of a number in the evidence


@dataclass(frozen=True)
class NumberJudge(Judge):
    """Right is an answer whose number equals an accepted one.

    Numbers are compared by value: `12.`, `12.0`, `$12` and `twelve` agree; `12 %` is 12 and 0.12. Which of several
    numbers an answer gives is decided without the accepted ones (`tacitly.reading.given_number`). Unknown are an
    answer without a word, one that gives no plain number (`one half`, `12/4`, `10 to 12`) or only a bound (`more than
    12`), and one where no accepted answer is a number. Wrong is an answer that says no number, and `refused` where it
    says that it does not know.

    Example:
        >>> question = Question(question_id="1", question="How many?", answers=("1200",), entity="x")
        >>> NumberJudge().judge(question, "Twelve hundred.")
        Label(correct=True, refused=False, judge='number', evidence="gives 1200, as 'Twelve hundred'")
        >>> NumberJudge().judge(question, "One half.").correct is None
        True
    """

    @property
    def caveat(self) -> None:
        """None: the evidence of a label says all there is."""

    def judge_all(self, questions: Sequence[Question], answers: Sequence[str]) -> list[Label]:
        """Judge answers one by one.

        Args:
            questions: The question of each answer, with its accepted numbers.
            answers: What the model wrote.

        Returns:
            The labels; their evidence says which number an answer gives.
        """
        return [_label(question, answer) for question, answer in zip(questions, answers, strict=True)]


def _label(question: Question, answer: str) -> Label:
    if not words(answer):
        return _say(None, "empty answer")
    accepted = _accepted(question.answers)
    if not accepted:
        return _say(None, "no accepted answer is a plain number")
    given = given_number(question.question, answer)
    if isinstance(given, str):
        refused = refuses(answer)
        if given == "says no plain number" and not refused:
            return _say(None, given)
        return _say(False, f"refuses and {given}" if refused else given, refused=refused)
    key, said = _shorten(given.key), _shorten(answer[given.start : given.end])
    shown = f"gives {key}{' %' if given.percent else ''}, as {said!r}"
    if given.bounded:
        return _say(None, f"{shown}, only as a bound")
    return _say(not accepted.isdisjoint(_keys(given)), shown)


def _accepted(answers: Sequence[str]) -> set[str]:
    read = [read_numbers(answer) for answer in answers]
    return {key for numbers in read if len(numbers) == 1 for key in _keys(numbers[0])}


def _keys(number: WrittenNumber) -> set[str]:
    if number.value is None:
        return set()
    return {number.key, number_key(number.value / 100)} if number.percent else {number.key}


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 3]}..."


def _say(correct: bool | None, evidence: str, *, refused: bool = False) -> Label:
    return Label(correct=correct, refused=refused, judge="number", evidence=evidence)
