"""The probes of the outer folds made again from the files, to hold what was written down against."""

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from jaxtyping import Float

from tacitly.errors import UndefinedMetricError
from tacitly.evaluation.folds import OuterFold
from tacitly.experiments.answer_table import Grouping, SetName
from tacitly.experiments.calibrating import Calibration, calibrate
from tacitly.experiments.checks.study_files import StudyFiles
from tacitly.experiments.nested_fit import Choice, NestedFit, choose_penalty, fit_nested
from tacitly.experiments.probe_stage import PROBE, read_cell
from tacitly.experiments.threads import run_in_threads
from tacitly.probes.cell import Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A probe that was made again.

    Attributes:
        fit: The probe at the penalty that was written down.
        preferred: What its training part chooses among all penalties.
        calibration: Its calibrators.
    """

    fit: NestedFit
    preferred: Choice
    calibration: Calibration


@dataclass(frozen=True, slots=True, kw_only=True)
class Refit:
    """An outer fold's probe, made again.

    Attributes:
        choice: What was written down of it.
        outer: Its fold, put together from the files.
        made: The probe at the cell and penalty that were written down; None where the files allow no fit.
    """

    choice: Mapping[str, Any]
    outer: OuterFold
    made: Made | None

    @property
    def answers(self) -> SetName:
        """The set of answers."""
        name: SetName = self.choice["set"]
        return name

    @property
    def cell(self) -> Cell:
        """Where it reads."""
        return Cell(self.choice["site"], self.choice["layer"], self.choice["position"])


def refit_probes(files: StudyFiles, grouping: Grouping) -> list[Refit]:
    """Make every probe of a grouping again, under its first seed, in both sets of answers.

    Args:
        files: The study.
        grouping: The grouping.

    Returns:
        One refit per outer fold that has a choice.
    """
    wanted = [c for c in files.probes["choices"] if c["grouping"] == grouping and c["method"] == PROBE]
    first = min((choice["seed"] for choice in wanted), default=0)
    lock, table = Lock(), files.table

    def refit(choice: Mapping[str, Any]) -> Refit:
        outer = files.outer_fold(choice["set"], grouping, first, choice["outer_fold"])
        cell = Cell(choice["site"], choice["layer"], choice["position"])
        with lock:
            features = read_cell(files.states, cell, table.sets[choice["set"]].rows)
        present = files.states.present(cell.position)
        try:
            fit = fit_nested(features, table.correct, present=present, outer=outer, grid=(choice["C"],))
            preferred = choose_penalty(features, table.correct, present=present, inner=outer.inner)
        except UndefinedMetricError:
            return Refit(choice=choice, outer=outer, made=None)
        calibration = calibrate(fit.choice, fit.scale, table.correct, inner=outer.inner)
        return Refit(choice=choice, outer=outer, made=Made(fit=fit, preferred=preferred, calibration=calibration))

    return run_in_threads(refit, [choice for choice in wanted if choice["seed"] == first])


def fitted_scores(refit: Refit) -> Float[np.ndarray, " row"]:
    """What the probe made again says of the tested answers, as its score rows do; NaN for other answers."""
    if refit.made is None:
        return np.full(len(refit.outer.fold.test), np.nan)
    return refit.made.fit.choice.platt.probability(refit.made.fit.margins)
