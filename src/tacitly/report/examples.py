"""Which answers the page shows, cut into what stands before, in and after the exact answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

MOST_CHARACTERS = 480


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One answer as the page shows it; `exact` is empty where no exact answer was found."""

    question: str
    before: str
    exact: str
    after: str
    correct: bool
    score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleGroup:
    """Answers that turned out the same way."""

    title: str
    note: str
    examples: Sequence[Example]


_KINDS = (
    (False, True, "Wrong, and caught", "The detector found these the most suspicious of the wrong answers."),
    (False, False, "Wrong, and missed", "The detector was fooled: it trusted these wrong answers most."),
    (True, False, "Right, and trusted", "The detector trusted these right answers most."),
    (True, True, "Right, but doubted", "False alarms: it doubted these right answers most."),
)


def choose_examples(rows: pd.DataFrame, scored: pd.DataFrame, *, each: int = 2) -> list[ExampleGroup]:
    """Pick right and wrong answers at both ends of the probe's scores, or the first ones where it has no scores.

    Args:
        rows: One row per answer: answer_id, question, text, correct, exact_answer, perhaps start, end and given.
        scored: The nested probe's opinions (columns answer_id and probability), one or several per answer, or none.
        each: How many of each kind.

    Returns:
        Groups that are not empty; no answer is in two of them.
    """
    if rows.empty:
        return []
    judged = rows[rows["correct"].notna()]
    means = scored.groupby("answer_id")["probability"].mean().to_dict()
    ranked = judged.assign(score=judged["answer_id"].map(means)).astype({"score": float})
    ranked = ranked[ranked["score"].notna()].sort_values("score", kind="stable")
    groups = []
    used: set[str] = set()
    for correct, lowest, title, note in _KINDS if len(ranked) else ():
        found = ranked[(ranked["correct"].astype(bool) == correct) & ~ranked["answer_id"].isin(used)]
        picked = _varied(found if lowest else found.iloc[::-1], each=each)
        used.update(picked["answer_id"])
        groups.append(ExampleGroup(title=title, note=note, examples=_examples(picked)))
    for correct, title in ((False, "Wrong answers"), (True, "Right answers")) if not len(ranked) else ():
        picked = _varied(judged[judged["correct"].astype(bool) == correct], each=2 * each)
        groups.append(ExampleGroup(title=title, note="The first in the run; no score.", examples=_examples(picked)))
    return [group for group in groups if group.examples]


def _varied(found: pd.DataFrame, *, each: int) -> pd.DataFrame:
    """The first rows, each with another exact answer as far as there are enough."""
    key = "given" if "given" in found.columns else "text"
    varied = found[~found.duplicated(key)].head(each)
    return varied if len(varied) == each else found.head(each)


def _examples(picked: pd.DataFrame) -> list[Example]:
    return [_example(row) for row in picked.to_dict("records")]


def _example(row: dict[Any, Any]) -> Example:
    text = str(row["text"])
    start, end = _exact_range(row, text)
    before, after = text[:start], text[end:]
    room = max(60, (MOST_CHARACTERS - (end - start)) // 2)
    score = row.get("score")
    return Example(
        question=clipped(str(row["question"])),
        before=before if len(before) <= room else "\u2026" + before[-room:],
        exact=clipped(text[start:end]),
        after=clipped(after, room),
        correct=bool(row["correct"]),
        score=None if score is None or pd.isna(score) else float(score),
    )


def _exact_range(row: dict[Any, Any], text: str) -> tuple[int, int]:
    """Where the exact answer stands: by its offsets if the row has them, else where its words first occur."""
    exact = row.get("exact_answer")
    if not isinstance(exact, str) or not exact:
        return len(text), len(text)
    start, end = row.get("start"), row.get("end")
    if start is not None and end is not None and not pd.isna(start) and not pd.isna(end):
        first, last = int(start), int(end)
        if text[first:last] == exact:
            return first, last
    first = text.find(exact)
    return (first, first + len(exact)) if first >= 0 else (len(text), len(text))


def clipped(text: str, most: int = MOST_CHARACTERS) -> str:
    """A text's beginning, with a mark where it goes on.

    Example:
        >>> clipped("abcdef", 3)
        'abc…'
    """
    return text if len(text) <= most else text[:most] + "\u2026"
