"""The answers of a study as arrays, and which of them each set of answers holds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Shaped

from tacitly.activations.base import StateTable
from tacitly.baselines.catalog import load_baselines
from tacitly.baselines.controls import answer_strings
from tacitly.evaluation.folds import undefined_by_answer

SetName = Literal["located", "all"]
Grouping = Literal["by_entity", "by_answer"]
SETS: tuple[SetName, ...] = ("located", "all")
GROUPINGS: tuple[Grouping, ...] = ("by_entity", "by_answer")
ELIGIBLE_SHARE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSet:
    """The answers that one set of figures is about.

    Attributes:
        name: `located` for the headline, `all` for answers with or without a span.
        rows: Which answers are in play: with a known label, and with every eligible baseline.
        left_out: Answers of the set with a known label that an eligible baseline cannot score.
        baselines: Scores of the eligible baselines.
        missing_baselines: Why each other baseline is not compared.
        positions: The positions that answers of the set can have, and whether enough of both classes have each.
        reason: Why nothing can be learned from the set; None where it can.
    """

    name: SetName
    rows: Bool[np.ndarray, " row"]
    left_out: int
    baselines: Mapping[str, Float[np.ndarray, " row"]]
    missing_baselines: Mapping[str, str]
    positions: Mapping[str, bool]
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerTable:
    """Greedy answers with labels and groups.

    Attributes:
        rows: The frame that this comes from, its index reset.
        correct: The labels; False where unknown.
        groups: The keys of each grouping: entities, and what was given.
        tested: Which rows are the task's own test split; None where it has none.
        sets: The sets of answers.
        no_answer_folds: Why `by_answer` is not defined; None where it is.
    """

    rows: pd.DataFrame
    correct: Bool[np.ndarray, " row"]
    groups: Mapping[Grouping, Shaped[np.ndarray, " row"]]
    tested: Bool[np.ndarray, " row"] | None
    sets: Mapping[SetName, AnswerSet]
    no_answer_folds: str | None

    def ids(self, which: Bool[np.ndarray, " row"]) -> np.ndarray:
        """The answer ids of some rows."""
        found: np.ndarray = self.rows["answer_id"].to_numpy(dtype=object)[which]
        return found


def read_answers(rows: pd.DataFrame, states: StateTable) -> AnswerTable:
    """Bring the rows of an experiment into arrays.

    Unknown labels are in no set. The headline set holds located answers; the other one all of them, read at positions
    that do not depend on a span. A position or baseline is eligible if at least 95 % of both classes have it; answers
    that lack an eligible baseline are left out of the set, so that all methods are compared on the same answers.

    Args:
        rows: One greedy answer each, as the experiments' rows are described.
        states: The states of the same answers, in the same order.

    Returns:
        The table.
    """
    rows = rows.reset_index(drop=True)
    known, correct = labels_of(rows)
    located = rows["located"].astype(bool).to_numpy()
    test = rows["split"].to_numpy(dtype=object) == "test"
    scores = {name: baseline.scores(rows) for name, baseline in load_baselines("token_probability").items()}
    given = rows["given"][known & located & rows["given"].notna().to_numpy()].tolist()
    return AnswerTable(
        rows=rows,
        correct=correct,
        groups={"by_entity": rows["entity"].astype(str).to_numpy(dtype=object), "by_answer": answer_strings(rows)},
        tested=test if test.any() and not test.all() else None,
        sets={
            "located": _answer_set("located", known & located, correct, scores, states),
            "all": _answer_set("all", known, correct, scores, states),
        },
        no_answer_folds=undefined_by_answer(given),
    )


def with_further(
    table: AnswerTable, further: Mapping[str, Float[np.ndarray, " row"]], absent: Mapping[str, str]
) -> AnswerTable:
    """Let more baselines take part in each set of answers where every answer in play has a finite score.

    Those of the exact answer, whose names end in `_exact`, are not part of the set of all answers.

    Args:
        table: The answers; which of them are in play stays as it is.
        further: Scores by name, in the order of the rows.
        absent: Why other baselines have no scores at all.

    Raises:
        ValueError: A name is taken.
    """
    sets = {}
    for name, one in table.sets.items():
        known = {*one.baselines, *one.missing_baselines}
        if taken := sorted(known.intersection({*further, *absent}) | {*further}.intersection(absent)):
            raise ValueError(f"there are two baselines {taken[0]!r}")
        own = [b for b in (*further, *absent) if name == "located" or not b.endswith("_exact")]
        gaps = {b: int((one.rows & ~np.isfinite(further[b])).sum()) for b in own if b in further}
        missing = {
            baseline: f"{count} of {int(one.rows.sum())} answers have no such score"
            for baseline, count in gaps.items()
            if count
        }
        fitting = {baseline: further[baseline] for baseline, count in gaps.items() if not count}
        sets[name] = replace(
            one,
            baselines={**one.baselines, **fitting},
            missing_baselines={**one.missing_baselines, **missing, **{b: absent[b] for b in own if b in absent}},
        )
    return replace(table, sets=sets)


def labels_of(rows: pd.DataFrame) -> tuple[Bool[np.ndarray, " row"], Bool[np.ndarray, " row"]]:
    """Which answers are judged, and which of them are right.

    Example:
        >>> rows = pd.DataFrame({"correct": pd.Series([True, None, False], dtype=object)})
        >>> [labels.tolist() for labels in labels_of(rows)]
        [[True, False, True], [True, False, False]]
    """
    known = rows["correct"].notna().to_numpy()
    return known, known & (rows["correct"].to_numpy(dtype=object) == True)  # noqa: E712


def _answer_set(
    name: SetName,
    rows: Bool[np.ndarray, " row"],
    correct: Bool[np.ndarray, " row"],
    scores: Mapping[str, Float[np.ndarray, " row"]],
    states: StateTable,
) -> AnswerSet:
    in_play = rows.copy()
    eligible: dict[str, Float[np.ndarray, " row"]] = {}
    missing: dict[str, str] = {}
    for baseline, values in scores.items():
        if name == "all" and baseline.endswith("_exact"):
            continue
        if is_eligible(~np.isnan(values), rows, correct):
            eligible[baseline] = values
            in_play &= ~np.isnan(values)
        else:
            missing[baseline] = "fewer than 95 % of the right or of the wrong answers have it"
    positions = {
        position: is_eligible(states.present(position), in_play, correct)
        for position in states.positions
        if name == "located" or not position.startswith("exact_answer")
    }
    return AnswerSet(
        name=name,
        rows=in_play,
        left_out=int(rows.sum() - in_play.sum()),
        baselines=eligible,
        missing_baselines=missing,
        positions=positions,
        reason=_unusable(name, rows, in_play, correct, positions),
    )


def _unusable(
    name: SetName,
    rows: Bool[np.ndarray, " row"],
    in_play: Bool[np.ndarray, " row"],
    correct: Bool[np.ndarray, " row"],
    positions: Mapping[str, bool],
) -> str | None:
    what = "located answer" if name == "located" else "answer"
    if not rows.any():
        return f"no {what} has a known label"
    right, wrong = int((in_play & correct).sum()), int((in_play & ~correct).sum())
    if not right or not wrong:
        return f"every {what} is {'right' if right else 'wrong'}; there is nothing to tell apart"
    if not any(positions.values()):
        return "no captured position is one that at least 95 % of both classes have"
    return None


def is_eligible(
    present: Bool[np.ndarray, " row"], rows: Bool[np.ndarray, " row"], correct: Bool[np.ndarray, " row"]
) -> bool:
    """Whether at least 95 % of the right and of the wrong answers have something.

    Example:
        >>> rows, correct = np.array([True, True]), np.array([True, False])
        >>> is_eligible(np.array([True, True]), rows, correct), is_eligible(np.array([True, False]), rows, correct)
        (True, False)
    """
    classes = [rows & correct, rows & ~correct]
    return all(present[one].mean() >= ELIGIBLE_SHARE for one in classes if one.any())
