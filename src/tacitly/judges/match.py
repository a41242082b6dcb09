"""Judging by matching: of a closed set the choice named first, else any accepted answer as whole words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tacitly.judges.base import Judge
from tacitly.mentions import Mention, canonical, named, phrase_keys
from tacitly.records import Label, Question
from tacitly.text import words

_REFUSAL = re.compile(
    r"\bi(?:'m| am) (?:not (?:sure|certain|aware|able)|unable|sorry(?! to hear| for))\b"
    r"|\bi (?:do not|don't|did not|didn't) (?:know|have|understand)\b"
    r"|\bi (?:cannot|can't|can not|could not|couldn't) (?:answer|provide|help|assist|give|say|tell|find|determine)\b"
    r"|\bi have no (?:information|knowledge|data)\b|\bas an? (?:ai|(?:large )?language model)\b"
    r"|\bno idea\b|\bit is (?:impossible|not possible) to (?:say|tell|know|determine)\b"
    r"|^\W*(?:unknown|unsure|not sure|n/a|none of the above|cannot be determined|no answer)\W*$",
    re.IGNORECASE,
)
_CURLY = str.maketrans("’‘", "''")


@dataclass(frozen=True)
class MatchJudge(Judge):
    """Judges by the words of the answer.

    With choices, the first of them that the answer names decides; an accepted answer that is not a choice itself counts
    as one. Without choices, an accepted answer anywhere makes it right. A phrase that the answer denies, or that only
    repeats the question, is not named (`tacitly.mentions.named`). An answer without a word is neither right nor wrong;
    one that names nothing is wrong, and `refused` where it says that it does not know.

    Reference:
        Orgad et al. (ICLR 2025), appendix A.2; `METHOD.md` section 2.

    Example:
        >>> question = Question(
        ...     question_id="1", question="What causes measles?", answers=("virus",), entity="measles",
        ...     choices=("bacterium", "virus"),
        ... )
        >>> MatchJudge().judge(question, "It is a virus, not a bacterium.")
        Label(correct=True, refused=False, judge='match', evidence="names 'virus'")
        >>> MatchJudge().judge(question, "Bacteria or viruses.").evidence
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
            The labels; their evidence says which phrases an answer names.
        """
        return [_label(question, answer) for question, answer in zip(questions, answers, strict=True)]


def refuses(answer: str) -> bool:
    """Whether an answer says that it does not know, or will not say.

    Example:
        >>> refuses("I'm not sure."), refuses("The liver.")
        (True, False)
    """
    return _REFUSAL.search(answer.translate(_CURLY)) is not None


def _label(question: Question, answer: str) -> Label:
    if not words(answer):
        return Label(correct=None, refused=False, judge="match", evidence="empty answer")
    mentions = named(answer, question.choices, question.answers, question=question.question)
    if not mentions:
        refused = refuses(answer)
        missing = "none of the choices" if question.choices else "no accepted answer"
        evidence = f"refuses and names {missing}" if refused else f"names {missing}"
        return Label(correct=False, refused=refused, judge="match", evidence=evidence)
    accepted = {phrase_keys(canonical(phrase, question.choices)) for phrase in question.answers}
    accepted |= {phrase_keys(phrase) for phrase in question.answers}
    correct = phrase_keys(mentions[0].phrase) in accepted
    return Label(correct=correct, refused=False, judge="match", evidence=_evidence(mentions))


def _evidence(mentions: list[Mention]) -> str:
    phrases = list(dict.fromkeys(mention.phrase for mention in mentions))
    if len(phrases) == 1:
        return f"names {phrases[0]!r}"
    return f"names {phrases[0]!r} first, then {', '.join(map(repr, phrases[1:4]))}"
