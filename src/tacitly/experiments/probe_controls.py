"""Controls that are probes themselves: layer 0 at the same position, and shuffled labels."""

from collections.abc import Mapping
from threading import Lock
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from tacitly.activations.base import StateTable
from tacitly.errors import UndefinedMetricError
from tacitly.evaluation.folds import OuterFold
from tacitly.experiments.answer_table import GROUPINGS, SETS, AnswerTable
from tacitly.experiments.fold_plan import FoldPlan
from tacitly.experiments.nested_fit import NestedFit, fit_nested
from tacitly.probes.grid import score_cell

LAYER_0 = "layer0"
SHUFFLED = "shuffled"
SHUFFLES = 10


class ProbeControls:
    """Fits the control probes of any outer fold; may be called from several threads.

    Args:
        table: The answers.
        states: Their states.
        seed: The seed of the study, which decides how labels are shuffled.
    """

    def __init__(self, table: AnswerTable, states: StateTable, *, seed: int) -> None:
        self._table = table
        self._states = states
        self._seed = seed
        self._lock = Lock()

    def read(
        self, site: str, layer: int, position: str
    ) -> tuple[Float[np.ndarray, "row width"], Bool[np.ndarray, " row"]]:
        """The states of a cell, and which answers have it."""
        with self._lock:
            return self._states.states(site, layer, position), self._states.present(position)

    def fit_layer_0(self, outer: OuterFold, choice: Mapping[str, Any]) -> NestedFit:
        """Fit a probe at layer 0 of the position that the probe chose, its penalty chosen in the same way.

        Args:
            outer: The outer fold.
            choice: The probe's cell there.

        Returns:
            The fit.

        Raises:
            UndefinedMetricError: Layer 0 was not captured, or the fold allows no fit.
        """
        if "residual" not in self._states.sites or 0 not in self._states.layers("residual"):
            raise UndefinedMetricError("layer 0 of the residual stream was not captured")
        features, present = self.read("residual", 0, choice["position"])
        return fit_nested(features, self._table.correct, present=present, outer=outer)

    def fit_shuffled(
        self, plan: FoldPlan, outer: OuterFold, choice: Mapping[str, Any]
    ) -> Float[np.ndarray, "replicate row"]:
        """Fit probes on shuffled labels of the training part, at the cell and penalty of the probe.

        One shuffle says little: a random direction can agree with the truth by chance. So there are several.

        Args:
            plan: The plan that the fold is of.
            outer: The outer fold.
            choice: The probe's cell and penalty there.

        Returns:
            The tested rows' log-odds from each shuffle; NaN for other rows.
        """
        features, present = self.read(choice["site"], choice["layer"], choice["position"])
        place = SETS.index(plan.answers), GROUPINGS.index(plan.grouping), plan.seed, outer.fold.number
        rng = np.random.default_rng([self._seed, 3, *place])
        train = outer.fold.train & present
        labels = np.tile(self._table.correct, (SHUFFLES, 1))
        for shuffle in range(SHUFFLES):
            labels[shuffle, train] = rng.permutation(labels[shuffle, train])
        rows = np.flatnonzero(present & (outer.fold.train | outer.fold.test))
        margins = np.full(labels.shape, np.nan)
        margins[:, rows] = score_cell(
            features[rows],
            labels[:, rows],
            train=np.tile(train[rows], (SHUFFLES, 1)),
            test=np.tile(outer.fold.test[rows], (SHUFFLES, 1)),
            C=np.full(SHUFFLES, choice["C"]),
        )
        return margins
