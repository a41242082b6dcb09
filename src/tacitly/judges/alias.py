"""Judging by what an answer names: an accepted answer anywhere, or the first choice of a closed set."""

from collections.abc import Sequence
from dataclasses import dataclass

from tacitly.judges.base import Judge
from tacitly.judges.refusal import refuses
from tacitly.reading.mentions import Mention, canonical, phrase_keys
from tacitly.reading.stances import named
from tacitly.records import Label, Question
from tacitly.text import words


@dataclass(frozen=True)
class AliasJudge(Judge):
    """Right is an answer that has an accepted answer anywhere in it, as whole words.

    A phrase that the answer denies, or that only repeats the question, is not named (`tacitly.reading.stances.named`).
    An answer without a word is neither right nor wrong; one that names nothing is wrong, and `refused` where it says
    that it does not know. A question with choices is judged as `ChoiceJudge` would, since a list of choices may come
    with some rows of a file and not with others.

    Reference:
        Orgad et al. (ICLR 2025), appendix A.2; `METHOD.md` section 2.

    Example:
        >>> question = Question(question_id="1", question="Capital of France?", answers=("Paris",), entity="France")
        >>> AliasJudge().judge(question, "It is Paris, not Lyon.")
        Label(correct=True, refused=False, judge='alias', evidence="names 'Paris'")
    """

    @property
    def caveat(self) -> None:
        """None: the evidence of a label says all there is."""

    def judge_all(self, questions: Sequence[Question], answers: Sequence[str]) -> list[Label]:
        """Judge answers one by one.

        Args:
            questions: The question of each answer, with its accepted answers and choices.
            answers: What the model wrote.

        Returns:
            The labels; their evidence says which phrases an answer names.
        """
        return [_label(q, answer, judge="alias") for q, answer in zip(questions, answers, strict=True)]


@dataclass(frozen=True)
class ChoiceJudge(Judge):
    """Right is an answer whose first named choice is an accepted one.

    An accepted answer that is not a choice itself counts as one. What is named, and answers that name nothing, are as
    for `AliasJudge`. Unknown is an answer to a question without choices, and one that gives an option's letter with the
    words of another.

    Reference:
        `METHOD.md` section 2.

    Example:
        >>> question = Question(
        ...     question_id="1", question="What causes measles?", answers=("virus",), entity="measles",
        ...     choices=("bacterium|A)", "virus|B)"),
        ... )
        >>> ChoiceJudge().judge(question, "The answer is B.")
        Label(correct=True, refused=False, judge='choice', evidence="names 'virus'")
        >>> ChoiceJudge().judge(question, "Bacteria or viruses.").evidence
        "names 'bacterium' first, then 'virus'"
    """

    @property
    def caveat(self) -> None:
        """None: the evidence of a label says all there is."""

    def judge_all(self, questions: Sequence[Question], answers: Sequence[str]) -> list[Label]:
        """Judge answers one by one.

        Args:
            questions: The question of each answer, with its accepted answers and choices.
            answers: What the model wrote.

        Returns:
            The labels; their evidence says which choices an answer names.
        """
        return [
            _label(question, answer, judge="choice")
            if question.choices
            else Label(correct=None, refused=False, judge="choice", evidence="the question has no choices")
            for question, answer in zip(questions, answers, strict=True)
        ]


def _label(question: Question, answer: str, *, judge: str) -> Label:
    if not words(answer):
        return Label(correct=None, refused=False, judge=judge, evidence="empty answer")
    mentions = named(answer, question.choices, question.answers, question=question.question)
    if not mentions:
        refused = refuses(answer)
        missing = "none of the choices" if question.choices else "no accepted answer"
        evidence = f"refuses and names {missing}" if refused else f"names {missing}"
        return Label(correct=False, refused=refused, judge=judge, evidence=evidence)
    first = mentions[0]
    if first.disputed is not None:
        evidence = f"the letter is that of {first.phrase!r}, the words are those of {first.disputed!r}"
        return Label(correct=None, refused=False, judge=judge, evidence=evidence)
    accepted = {phrase_keys(canonical(phrase, question.choices)) for phrase in question.answers}
    accepted |= {phrase_keys(phrase) for phrase in question.answers}
    correct = phrase_keys(first.phrase) in accepted
    return Label(correct=correct, refused=False, judge=judge, evidence=_evidence(mentions))


def _evidence(mentions: list[Mention]) -> str:
    phrases = list(dict.fromkeys(mention.phrase for mention in mentions))
    if len(phrases) == 1:
        return f"names {phrases[0]!r}"
    return f"names {phrases[0]!r} first, then {', '.join(map(repr, phrases[1:4]))}"
