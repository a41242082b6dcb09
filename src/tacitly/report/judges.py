"""What the page says of the judges: how far they agree, and answers on which they do not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tacitly.report.examples import clipped
from tacitly.report.results import mapping_in, number_in

_COUNTS = (
    ("both_right", "both say right"),
    ("both_wrong", "both say wrong"),
    ("only_first_right", "only {first} says right"),
    ("only_second_right", "only {second} says right"),
    ("unknown_first", "{first} cannot tell"),
    ("unknown_second", "{second} cannot tell"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgePair:
    """The judge whose labels count, and another.

    Attributes:
        title: Both names.
        kappa: Cohen's kappa with its interval, in words.
        counts: What is counted, and how often it is so.
        disagreements: Answers that one calls right and the other wrong.
    """

    title: str
    kappa: str
    counts: Sequence[tuple[str, str]]
    disagreements: Sequence["Disagreement"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """An answer that one judge calls right and the other wrong, with the evidence of each."""

    question: str
    text: str
    first: str
    second: str


def judge_pairs(
    metrics: Mapping[str, Any], rows: pd.DataFrame, judgements: pd.DataFrame, *, each: int = 2
) -> list[JudgePair]:
    """Say how each further judge agrees with the first.

    Args:
        metrics: The content of `metrics.json`.
        rows: One row per greedy answer: answer_id, question, text, correct, evidence.
        judgements: What the further judges say: answer_id, judge, correct, evidence; or nothing.
        each: How many examples of each kind of disagreement.

    Returns:
        A pair per further judge.
    """
    judges = mapping_in(metrics, "judges")
    first = str(judges.get("first"))
    pairs = []
    for second, figures in mapping_in(judges, "agreement").items():
        said = judgements[judgements["judge"] == second] if len(judgements) else judgements
        pairs.append(
            JudgePair(
                title=f"{first} and {second}",
                kappa=_kappa(figures),
                counts=[
                    (words.format(first=first, second=second), f"{count:,.0f}")
                    for key, words in _COUNTS
                    if (count := number_in(figures, key)) is not None
                ],
                disagreements=_disagreements(rows, said, first=first, second=str(second), each=each),
            )
        )
    return pairs


def _kappa(figures: Mapping[str, Any]) -> str:
    kappa = number_in(figures, "kappa")
    if kappa is None:
        return f"Cohen's kappa is not defined: {figures.get('reason')}."
    answers = f"over {figures.get('answers'):,} answers that both can tell"
    interval = figures.get("kappa_interval")
    between = f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else ""
    return f"Cohen's kappa {kappa:.2f}{between} {answers}: 1 is full agreement, 0 what chance would give."


def _disagreements(rows: pd.DataFrame, said: pd.DataFrame, *, first: str, second: str, each: int) -> list[Disagreement]:
    if said.empty:
        return []
    both = rows[["answer_id", "question", "text", "correct", "evidence"]].merge(
        said[["answer_id", "correct", "evidence"]], on="answer_id", suffixes=("", "_other")
    )
    both = both[both["correct"].notna() & both["correct_other"].notna()]
    found = []
    for right in (True, False):
        some = both[(both["correct"] == right) & (both["correct_other"] != right)].head(each)
        found += [
            Disagreement(
                question=clipped(str(row["question"])),
                text=clipped(str(row["text"])),
                first=_opinion(first, right=right, evidence=row["evidence"]),
                second=_opinion(second, right=not right, evidence=row["evidence_other"]),
            )
            for row in some.to_dict("records")
        ]
    return found


def _opinion(judge: str, *, right: bool, evidence: object) -> str:
    return f"{judge}: {'right' if right else 'wrong'} ({evidence})"
