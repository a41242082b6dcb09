"""The probe grid against the loop that one would write with scikit-learn: 465 cells, 5 folds, 5 values of C.

The states are made up: 1,000 answers of width 576 whose features are as correlated as the embedded model's (the k-th
largest direction has a spread of k to the power -0.5, which is what its states at layer 2 to 30 come to once
standardised), with one direction a cell that tells right from wrong answers, more or less loudly. Ours does all cells
at once; the loop does `make_pipeline(StandardScaler(), LogisticRegression(C=C))` for each cell, fold and C, on 8
cells in each round, others in every round (24 in three), scaled. The AUROC of each of those cells, fold by fold and
averaged, must be the same within 0.002 at each C.

`probe_fits` is the estimator alone, one fit after the other, as where a detector is refitted. About 6 minutes in all.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.machine import compare_seconds
from benchmarks.rounds import Options, Result, Side, alternate, deal, seconds
from tacitly.activations.base import ArrayStateTable
from tacitly.probes.cell import Cell
from tacitly.probes.grid import list_cells, score_grid
from tacitly.probes.logistic import LogisticProbe
from tacitly.probes.penalties import C_GRID, RANKING_C
from tacitly.settings import POSITIONS

ANSWERS, WIDTH, LAYERS, FOLDS = 1_000, 576, 31, 5
PEER_CELLS = 8  # of a round
LOUDEST = 4.0
CLOSE = 0.002
FITS = 20

Aurocs = Float[np.ndarray, " penalty"]


@dataclass
class GridSides:
    """What is measured on one table of states."""

    states: ArrayStateTable
    correct: Bool[np.ndarray, " answer"]
    test: Bool[np.ndarray, "fold answer"]
    options: Options
    ours: dict[Cell, Aurocs] = field(default_factory=dict)
    peer: dict[Cell, Aurocs] = field(default_factory=dict)

    @classmethod
    def make(cls, layers: int, options: Options) -> "GridSides":
        """Draw states, labels and folds."""
        rng = np.random.default_rng(0)
        correct = rng.random(ANSWERS) < 0.5
        turn, _ = np.linalg.qr(rng.normal(size=(WIDTH, WIDTH)))
        mix = (np.arange(1, WIDTH + 1) ** -0.5)[:, None] * turn
        values = {}
        for layer in range(layers):
            noise = rng.standard_normal((ANSWERS, len(POSITIONS), WIDTH), dtype=np.float32) @ mix.astype(np.float32)
            told = rng.normal(size=(len(POSITIONS), WIDTH)) @ mix / np.sqrt(WIDTH)
            told *= rng.uniform(0, LOUDEST, size=(len(POSITIONS), 1))
            noise += (correct[:, None, None] - 0.5) * told
            values["residual", layer] = noise.astype(np.float16)
        test = np.arange(ANSWERS) % FOLDS == np.arange(FOLDS)[:, None]
        return cls(ArrayStateTable(values, positions=POSITIONS), correct, test, options)

    def solve(self, _: int = 0) -> float:
        """Seconds in which ours fits and tests every cell."""
        test = np.tile(self.test, (len(C_GRID), 1))
        penalties = np.repeat(np.array(C_GRID), FOLDS)
        kept = {}

        def work() -> None:
            for found in score_grid(self.states, correct=self.correct, train=~test, test=test, C=penalties):
                kept[found.cell] = found.margins

        taken = seconds(work)
        self.ours = {cell: self._aurocs(margins) for cell, margins in kept.items()}
        return taken

    def loop(self, round_: int) -> float:
        """Seconds in which scikit-learn would fit and test every cell, from some of them."""
        cells = list_cells(self.states)
        count, rounds = self.options.size(PEER_CELLS, 2), self.options.rounds
        dealt = [cells[i] for i in deal(len(cells), per_round=count, rounds=rounds, round_=round_)]
        kept = {}

        def work() -> None:
            for cell in dealt:
                features = self.states.states(cell.site, cell.layer, cell.position)
                kept[cell] = np.concatenate([self._margins(features, C) for C in C_GRID])

        taken = seconds(work)
        self.peer |= {cell: self._aurocs(margins) for cell, margins in kept.items()}
        return taken * len(cells) / len(dealt)

    def _margins(self, features: Float[np.ndarray, "answer width"], C: float) -> Float[np.ndarray, "fold answer"]:
        margins = np.full(self.test.shape, np.nan)
        for fold, test in enumerate(self.test):
            model = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=10_000))
            model.fit(features[~test], self.correct[~test])
            margins[fold, test] = model.decision_function(features[test])
        return margins

    def _aurocs(self, margins: Float[np.ndarray, "fit answer"]) -> Aurocs:
        def each() -> Iterator[float]:
            for fit, values in enumerate(margins):
                test = self.test[fit % FOLDS]
                yield float(roc_auc_score(self.correct[test], values[test]))

        found: Aurocs = np.reshape(list(each()), (len(C_GRID), FOLDS)).mean(axis=1)
        return found

    def largest_difference(self) -> float:
        """By how much the AUROC of any cell that both did differs at any C.

        Raises:
            RuntimeError: By more than it may.
        """
        off = max(float(np.abs(self.ours[cell] - theirs).max()) for cell, theirs in self.peer.items())
        if off > CLOSE:
            raise RuntimeError(f"the AUROC of a cell is {off:.4f} off scikit-learn's; at most {CLOSE} is allowed")
        return off


def _fit_singly() -> tuple[Side, Side]:
    """Our estimator and scikit-learn's on the same data, one fit after the other."""
    rng = np.random.default_rng(0)
    states = rng.normal(size=(FITS, 600, WIDTH)).astype(np.float32)
    correct = states[:, :, 0] + rng.normal(size=(FITS, 600)) > 0

    def ours() -> None:
        for features, labels in zip(states, correct, strict=True):
            LogisticProbe(C=RANKING_C).fit(features, labels)

    def peer() -> None:
        for features, labels in zip(states, correct, strict=True):
            make_pipeline(StandardScaler(), LogisticRegression(C=RANKING_C, max_iter=1_000)).fit(features, labels)

    return Side(lambda _: seconds(ours), ours), Side(lambda _: seconds(peer), peer)


def measure(options: Options) -> list[Result]:
    """Measure `grid` and `probe_fits`, or the one that is wanted."""
    results = []
    if "grid" in options.names:
        sides = GridSides.make(options.size(LAYERS, 1), options)
        warm = GridSides.make(1, options)
        found = alternate({"ours": Side(sides.solve, warm.solve), "peer": Side(sides.loop)}, rounds=options.rounds)
        note = (
            f"{len(sides.ours)} cells of {ANSWERS} x {WIDTH}, {FOLDS} folds, {len(C_GRID)} values of C; the peer did "
            f"{len(sides.peer)} cells, scaled; AUROC at most {sides.largest_difference():.5f} apart"
        )
        results.append(compare_seconds("grid", found, note=note))
    if "probe_fits" in options.names:
        ours, peer = _fit_singly()
        found = alternate({"ours": ours, "peer": peer}, rounds=options.rounds)
        note = f"{FITS} fits of 600 x {WIDTH} at C = {RANKING_C}, one after the other"
        results.append(compare_seconds("probe_fits", found, note=note))
    return results
