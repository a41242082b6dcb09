"""Answers that are kept from everything else, and the promise about a detector that they allow."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from tacitly.activations.base import StateTable
from tacitly.evaluation.abstention import find_threshold
from tacitly.experiments.answer_table import labels_of
from tacitly.probes.detector import Abstention, Detector, Role
from tacitly.probes.detector_header import AbstentionTrial

KEPT_SHARE = 0.2
KEPT_COLUMNS = ("answer_id", "question_id", "entity", "drawn")
NOT_ASKED = "no guarantee was asked for; abstention.alpha asks for one"


def keep_back(rows: pd.DataFrame, *, rng: np.random.Generator) -> pd.DataFrame:
    """Choose the entities that nothing learns from and no figure sees, and one answer of each.

    Args:
        rows: Every greedy answer: answer_id, question_id, entity and correct.
        rng: Source of the draw.

    Returns:
        The greedy answers of a fifth of the entities: answer_id, question_id, entity, and whether it is the one that
        was drawn. Drawn is one of those that could be judged, since an answer that nobody can call right or wrong says
        nothing about a share of wrong ones; an entity without any has none.

    Example:
        >>> rows = pd.DataFrame({"answer_id": list("abcdef"), "question_id": list("abcdef"), "entity": list("uvwxyz"),
        ...                      "correct": pd.Series([True] * 5 + [None], dtype=object)})
        >>> keep_back(rows, rng=np.random.default_rng(0)).to_dict("records")
        [{'answer_id': 'd', 'question_id': 'd', 'entity': 'x', 'drawn': True}]
    """
    entities = rows["entity"].astype(str)
    names = np.array(sorted(entities.unique()), dtype=object)
    chosen = set(rng.permutation(names)[: round(KEPT_SHARE * len(names))])
    kept = rows.loc[entities.isin(chosen), ["answer_id", "question_id", "entity", "correct"]]
    kept = kept.assign(entity=kept["entity"].astype(str)).sort_values(["entity", "answer_id"], ignore_index=True)
    judged = kept[kept["correct"].notna()]
    drawn = [rng.choice(part.to_numpy(dtype=object)) for _, part in judged.groupby("entity")["answer_id"]]
    return kept.assign(drawn=kept["answer_id"].isin(drawn))[list(KEPT_COLUMNS)]


def score_answers(detector: Detector, rows: pd.DataFrame, states: StateTable) -> pd.DataFrame:
    """What a detector says of answers whose states were kept, in the way in which it is used.

    An answer with an exact answer is scored by the probe that reads it; where that probe or its token is missing, and
    where there is no exact answer, by the one that reads any answer.

    Args:
        detector: The detector.
        rows: The answers: answer_id and located.
        states: Their states, in the same order.

    Returns:
        answer_id, role (which probe said it; None where neither can) and probability (NaN there).
    """
    roles: Mapping[Role, np.ndarray] = {
        "exact_answer": rows["located"].to_numpy(dtype=bool),
        "any_answer": np.ones(len(rows), dtype=bool),
    }
    role = np.full(len(rows), None, dtype=object)
    probability: Float[np.ndarray, " row"] = np.full(len(rows), np.nan)
    for name, meant in roles.items():
        probe = detector.probes.get(name)
        if probe is None or probe.header.position not in states.positions:
            continue
        free = np.flatnonzero(meant & np.isnan(probability) & states.present(probe.header.position))
        if len(free):
            cell = states.states(probe.header.site, probe.header.layer, probe.header.position)
            probability[free], role[free] = probe.score(cell[free]), name
    return pd.DataFrame({"answer_id": rows["answer_id"].to_numpy(), "role": role, "probability": probability})


def make_promise(
    kept: pd.DataFrame,
    rows: pd.DataFrame,
    scored: pd.DataFrame,
    *,
    thresholds: tuple[float, ...],
    alpha: float,
    delta: float,
) -> Abstention:
    """Find the threshold that the kept answers allow, or the reason for none.

    Args:
        kept: What `keep_back` returned.
        rows: At least the drawn answers: answer_id and correct.
        scored: What the detector says of them: answer_id and probability.
        thresholds: Fixed without them.
        alpha: The share of wrong answers among the accepted ones that is allowed.
        delta: The chance at which it may be exceeded.

    Returns:
        What goes into the detector.
    """
    drawn = kept.loc[kept["drawn"], ["answer_id"]]
    joined = drawn.merge(rows[["answer_id", "correct"]], on="answer_id", validate="one_to_one")
    joined = joined.merge(scored[["answer_id", "probability"]], on="answer_id", validate="one_to_one")
    _, correct = labels_of(joined)
    probabilities = joined["probability"].to_numpy(dtype=np.float64)
    found = find_threshold(correct, probabilities, thresholds=thresholds, alpha=alpha, delta=delta)
    return Abstention(
        alpha=alpha,
        delta=delta,
        threshold=found.chosen and found.chosen.threshold,
        reason=found.reason,
        groups=kept["entity"].nunique(),
        answers=len(joined),
        accepted=found.chosen and found.chosen.accepted,
        errors=found.chosen and found.chosen.errors,
        trials=tuple(AbstentionTrial(**asdict(trial)) for trial in found.trials),
    )


def summarise_abstention(detector: Detector | None, *, alpha: float | None, reason: str | None) -> dict[str, Any]:
    """The part of `metrics.json` that is abstention's.

    Args:
        detector: The detector, or None.
        alpha: What was asked for; None for nothing.
        reason: Why there is no detector.

    Returns:
        `abstention`, null beside its reason where no promise was asked for or there is no detector.

    Example:
        >>> summarise_abstention(None, alpha=None, reason=None)["abstention"] is None
        True
    """
    promise = detector.abstention if detector else None
    if promise is None:
        why = NOT_ASKED if alpha is None else f"there is no detector: {reason}"
        return {"abstention": None, "abstention_reason": why}
    return {"abstention": promise.model_dump(mode="json")}
