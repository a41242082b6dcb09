"""Judging by the label that an answer gives."""

from collections.abc import Sequence
from dataclasses import dataclass

from tacitly.judges.base import Judge
from tacitly.judges.refusal import refuses
from tacitly.reading.given_label import can_be_paraphrased, given_label, with_wordings
from tacitly.reading.mentions import canonical
from tacitly.records import Label, Question
from tacitly.text import normalize, words


@dataclass(frozen=True)
class LabelJudge(Judge):
    """Right is an answer that gives an accepted label of the question's closed set.

    Unlike `ChoiceJudge`, it does not take the first label that is named but the one that is meant
    (`tacitly.reading.given_label`). Unknown is an answer that names several without deciding, denies them all, has no
    word, or names none of a set whose labels can be said in other words (`entailment`, `positive`, `yes` and the
    like). Wrong is an answer that names none of another set, such as two people, and one that does not know, which is
    `refused`.

    Example:
        >>> question = Question(
        ...     question_id="1", question="Is it positive or negative?", answers=("negative",), entity="x",
        ...     choices=("positive", "negative"),
        ... )
        >>> LabelJudge().judge(question, "It is not positive but negative.")
        Label(correct=True, refused=False, judge='label', evidence="gives 'negative'")
        >>> LabelJudge().judge(question, "Neither positive nor negative.").correct is None
        True
    """

    @property
    def caveat(self) -> None:
        """None: the evidence of a label says all there is."""

    def judge_all(self, questions: Sequence[Question], answers: Sequence[str]) -> list[Label]:
        """Judge answers one by one.

        Args:
            questions: The question of each answer, with its accepted labels and its closed set.
            answers: What the model wrote.

        Returns:
            The labels; their evidence says which label an answer gives.
        """
        return [_label(question, answer) for question, answer in zip(questions, answers, strict=True)]


def _label(question: Question, answer: str) -> Label:
    if not question.choices:
        return _say(None, "the question has no closed set of labels")
    if not words(answer):
        return _say(None, "empty answer")
    given = given_label(question.question, answer, question.choices)
    if isinstance(given, str):
        refused = refuses(answer)
        unknown = not refused and (given != "names no label" or can_be_paraphrased(question.choices))
        return _say(None if unknown else False, f"refuses and {given}" if refused else given, refused=refused)
    names = with_wordings(question.choices)
    accepted = {normalize(canonical(label, names)) for label in question.answers}
    shown = f"gives {given.label!r}" if given.start is not None else f"leaves only {given.label!r}"
    return _say(normalize(given.label) in accepted, shown)


def _say(correct: bool | None, evidence: str, *, refused: bool = False) -> Label:
    return Label(correct=correct, refused=refused, judge="label", evidence=evidence)
