"""What the judges beside the first say of the same answers, as figures."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from tacitly.evaluation.agreement import agree


def summarise_agreement(rows: pd.DataFrame, judgements: pd.DataFrame, *, seed: int) -> dict[str, dict[str, Any]]:
    """Compare every further judge with the one whose labels count.

    Args:
        rows: One row per greedy answer: answer_id, entity, and correct (True, False or None).
        judgements: What the further judges say: answer_id, judge, correct; or nothing.
        seed: Seeds the intervals.

    Returns:
        By judge: the fields of `tacitly.evaluation.agreement.Agreement`, with `answers` and the interval as a pair.

    Example:
        >>> rows = pd.DataFrame({"answer_id": ["a", "b"], "entity": ["x", "y"], "correct": [True, False]})
        >>> judgements = pd.DataFrame({"answer_id": ["b", "a"], "judge": "nli", "correct": [False, True]})
        >>> summarise_agreement(rows, judgements, seed=0)["nli"]["kappa"]
        1.0
    """
    figures: dict[str, dict[str, Any]] = {}
    if judgements.empty:
        return figures
    for name, said in judgements.groupby("judge", sort=False):
        both = rows[["answer_id", "entity", "correct"]].merge(
            said[["answer_id", "correct"]], on="answer_id", suffixes=("", "_other"), validate="one_to_one"
        )
        first, other = (
            np.array([None if pd.isna(value) else bool(value) for value in both[column]], dtype=object)
            for column in ("correct", "correct_other")
        )
        entities = both["entity"].astype(str).to_numpy(dtype=object)
        found = agree(first, other, entities, rng=np.random.default_rng(seed))
        interval = found.kappa_interval
        figures[str(name)] = {
            "answers": found.answers,
            **asdict(found),
            "kappa_interval": [interval.lower, interval.upper] if interval else None,
        }
    return figures
