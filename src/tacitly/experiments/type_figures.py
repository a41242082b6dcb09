"""The figures of the error types: how many questions show each, which go together, and what a probe sees of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Shaped

from tacitly.experiments.detection_metrics import REASON_ONE_CLASS, MethodScores, SeedScores
from tacitly.experiments.error_types import ERROR_TYPES
from tacitly.experiments.paired_figures import Draws, figure
from tacitly.experiments.score_rows import CONTROL_PREFIX, SAMPLES_PREFIX
from tacitly.experiments.type_change import Types
from tacitly.experiments.type_probes import TEXT_CONTROLS, Contrast

TYPES = tuple(dict.fromkeys(name.partition("/")[0] for name in ERROR_TYPES))
"""The types without their subtypes."""

SUBTYPES = {
    name: tuple(full for full in ERROR_TYPES if full.startswith(f"{name}/"))
    for name in TYPES
    if name not in ERROR_TYPES
}
"""The two subtypes of each type that has some."""

_WORDS = {
    "consistently_correct": ("right every time", "right most times"),
    "consistently_incorrect": ("never right", "sometimes right"),
}


def has_type(types: Sequence[Types | None], name: str) -> Bool[np.ndarray, " row"]:
    """Which questions show a type, whichever its subtype, or one subtype.

    Example:
        >>> types = [("consistently_correct/all",), None, ("many_answers", "refuses")]
        >>> has_type(types, "consistently_correct").tolist(), has_type(types, "refuses").tolist()
        ([True, False, False], [False, False, True])
    """
    return np.array(
        [found is not None and any(f == name or f.startswith(f"{name}/") for f in found) for found in types], dtype=bool
    )


def list_contrasts(types: Sequence[Types | None]) -> list[Contrast]:
    """Each type against the rest, and each first subtype against the second, without questions that have both."""
    typed = np.array([found is not None for found in types], dtype=bool)
    contrasts = [Contrast(name=f"type:{name}", rows=typed, has=has_type(types, name)) for name in TYPES]
    for name, (first, second) in SUBTYPES.items():
        one, other = has_type(types, first), has_type(types, second)
        contrasts.append(Contrast(name=f"subtype:{name}", rows=one ^ other, has=one, words=_WORDS[name]))
    return contrasts


def summarise_types(
    types: Sequence[Types | None],
    scores: pd.DataFrame,
    *,
    answer_ids: Sequence[str],
    entities: Shaped[np.ndarray, " row"],
    reasons: Mapping[str, str],
    replicates: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Put the figures of the types together.

    Args:
        types: The types of each question; None where it has none, since a sample is unknown.
        scores: Score rows of the contrasts.
        answer_ids: The greedy answer of each question.
        entities: What each question is about; the intervals resample it.
        reasons: Why a contrast has no scores.
        replicates: How often entities are resampled.
        rng: Source of the draws.

    Returns:
        `error_types`, `error_subtypes`, `error_subtype_probes` and `error_type_overlaps`, as `metrics.json` holds them.
    """
    typed = np.array([found is not None for found in types], dtype=bool)
    draws = Draws.of(entities, which=typed, replicates=replicates, rng=rng)
    place = {answer: at for at, answer in enumerate(answer_ids)}
    by_method = dict(tuple(scores.groupby("method"))) if len(scores) else {}

    def probed(contrast: Contrast) -> dict[str, Any]:
        def auroc(method: str) -> dict[str, Any]:
            found = _replicates(by_method.get(SAMPLES_PREFIX + method), contrast, place, draws)
            return figure(found, reason=reasons.get(contrast.name, REASON_ONE_CLASS))

        found = _renamed(auroc(contrast.name), "probe_auroc")
        if found["probe_auroc"] is None:
            return found
        controls = {name: auroc(f"{CONTROL_PREFIX}{name}/{contrast.name}") for name in TEXT_CONTROLS}
        return {**found, "controls": {name: _renamed(control, "auroc") for name, control in controls.items()}}

    def counted(name: str) -> dict[str, Any]:
        has = has_type(types, name)
        share = figure(draws.share(has, among=typed), reason="no question has a type")
        return {"count": draws.count(has), "share": share["value"], "share_ci": share["ci"]}

    contrasts = {contrast.name: contrast for contrast in list_contrasts(types)}
    return {
        "error_types": {name: {**counted(name), **probed(contrasts[f"type:{name}"])} for name in TYPES},
        "error_subtypes": {full: counted(full) for names in SUBTYPES.values() for full in names},
        "error_subtype_probes": {
            name: {"first": first, "second": second, **probed(contrasts[f"subtype:{name}"])}
            for name, (first, second) in SUBTYPES.items()
        },
        "error_type_overlaps": {
            one: {other: draws.count(has_type(types, one) & has_type(types, other)) for other in TYPES} for one in TYPES
        },
    }


def _replicates(
    scores: pd.DataFrame | None, contrast: Contrast, place: Mapping[str, int], draws: Draws
) -> Float[np.ndarray, " replicate"] | None:
    if scores is None:
        return None
    seeds = []
    for _, part in scores.groupby("seed", sort=True):
        where = np.array([place[answer] for answer in part["answer_id"]], dtype=np.int64)
        values, folds = np.full(len(contrast.has), np.nan), np.full(len(contrast.has), -1)
        values[where], folds[where] = part["score"], part["outer_fold"]
        seeds.append(SeedScores(values, folds))
    of_contrast = MethodScores(correct=contrast.has, groups=draws.groups, methods={contrast.name: seeds})
    found = of_contrast.replicates(contrast.name, draws.weights)
    return None if found is None else draws.only_plain_if_few(found, contrast.rows & contrast.has)


def _renamed(found: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {key if name == "value" else name: value for name, value in found.items()}
