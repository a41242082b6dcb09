"""One family of probes in one outer fold: place and settings chosen inside, one refit, one look at the tested part."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from sklearn.base import clone

from tacitly.errors import UndefinedMetricError
from tacitly.evaluation.folds import Fold, OuterFold
from tacitly.evaluation.metrics import fold_aurocs, snap_ties
from tacitly.experiments.cell_ranking import merge_margins
from tacitly.probes.base import Probe
from tacitly.probes.family import Family
from tacitly.probes.grid import MarginScale
from tacitly.probes.readings import Features, Material, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyFit:
    """What a family says in one outer fold.

    Attributes:
        place: Where it read.
        settings: What was chosen on the inner folds, or the only ones there are.
        inner_auroc: The mean inner AUROC of that choice; None where there was nothing to choose.
        margins: The scores of the tested rows; NaN for other rows.
        probe: The probe, refitted on the training part.
        seconds: Processor time of all its fits and scores, without reading.
    """

    place: Place
    settings: Mapping[str, Any]
    inner_auroc: float | None
    margins: Float[np.ndarray, " row"]
    probe: Probe
    seconds: float


def fit_family(
    family: Family,
    features: Mapping[Place, Features],
    correct: Bool[np.ndarray, " row"],
    *,
    outer: OuterFold,
    material: Material,
    seed: int = 0,
) -> FamilyFit:
    """Choose place and settings on the inner folds, refit on the training part, and score the tested part once.

    Args:
        family: The family.
        features: What it reads, by place.
        correct: The labels.
        outer: The outer fold.
        material: Where the columns come from that go to `fit`.
        seed: For estimators that draw.

    Returns:
        The fit.

    Raises:
        UndefinedMetricError: A part has one class only, the inner folds allow no choice, or a score is not finite.
    """
    started = time.thread_time()
    job = _Job(family, correct, {name: material.columns[name] for name in family.columns}, seed)
    options = [(place, settings) for place in features for settings in family.grid]
    place, settings, inner_auroc = *options[0], None
    if len(options) > 1:
        if not outer.inner:
            raise UndefinedMetricError("the training part has too few groups for inner folds")
        aurocs = [job.inner_auroc(features[place], settings, outer.inner) for place, settings in options]
        if np.isnan(aurocs).all():
            raise UndefinedMetricError("no inner fold has right and wrong answers in both parts")
        best = int(np.nanargmax(aurocs))
        place, settings, inner_auroc = *options[best], aurocs[best]
    probe, margins = job.fit(features[place], settings, outer.fold)
    return FamilyFit(
        place=place,
        settings=settings,
        inner_auroc=inner_auroc,
        margins=margins,
        probe=probe,
        seconds=time.thread_time() - started,
    )


@dataclass(frozen=True, slots=True)
class _Job:
    family: Family
    correct: Bool[np.ndarray, " row"]
    columns: Mapping[str, np.ndarray]
    seed: int

    def fit(
        self, features: Features, settings: Mapping[str, Any], fold: Fold
    ) -> tuple[Probe, Float[np.ndarray, " row"]]:
        """A probe of one training part, and its scores for the tested rows on the scale that folds share."""
        train, test = fold.train & features.present, fold.test & features.present
        labels = self.correct[train]
        if labels.all() or not labels.any():
            raise UndefinedMetricError("the training part has one class only")
        probe = clone(self.family.make(**settings))
        if "random_state" in probe.get_params():
            probe.set_params(random_state=self.seed)
        learned = features.values[train]
        try:
            probe.fit(learned, labels, **{name: column[train] for name, column in self.columns.items()})
        except np.linalg.LinAlgError as error:
            raise UndefinedMetricError(f"the fit did not converge: {error}") from error
        scale = MarginScale.of(probe.decision_function(learned))
        margins = np.full(len(self.correct), np.nan)
        if test.any():
            scored = probe.decision_function(features.values[test])
            if not np.isfinite(scored).all():
                raise UndefinedMetricError("the fit did not converge: its scores are not finite")
            margins[test] = snap_ties(scale.apply(scored))
        return probe, margins

    def inner_auroc(self, features: Features, settings: Mapping[str, Any], inner: tuple[Fold, ...]) -> float:
        """The mean AUROC over the inner folds; NaN where none defines it."""
        margins = np.full((len(inner), len(self.correct)), np.nan)
        for number, fold in enumerate(inner):
            try:
                _, margins[number] = self.fit(features, settings, fold)
            except UndefinedMetricError:
                continue  # an inner fold of one class, or a setting that does not converge, is no candidate
        merged, numbers = merge_margins(margins, inner)
        return float(fold_aurocs(self.correct, merged, numbers, weights=np.ones((1, len(numbers))))[0])
