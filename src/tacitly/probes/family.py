"""What a family of probes is: an estimator, what it reads, and what is chosen on the inner folds."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

from tacitly.probes.base import Probe
from tacitly.probes.readings import ONE_CELL, Reading

Settings = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A family of probes.

    How one is added: an estimator with scikit-learn's contract in a file of its own (`binary.BinaryProbe` gives it
    `predict_proba` and `predict`), a `Reading` where it reads what no other family reads, and one entry in
    `catalog.FAMILIES`. `experiments/probe_families.py` then does in every outer fold: read; choose place and settings
    by the mean AUROC of the inner folds, where there is more than one; refit on the training part; score the tested
    part once. Labels and folds reach the estimator through `fit` only, so nothing that a reading or `columns` hands
    over may depend on them.

    Attributes:
        estimator: `module:Class`; its `random_state`, where it has one, is the study's seed.
        words: What it does, in a line for the report.
        reads: What it reads; its values, at the rows of a part, are the estimator's `X`.
        grid: The settings to choose from on the inner folds; the first of equally good ones is taken.
        supervised: Whether it learns from labels.
        columns: Names in `Material.columns` that go to `fit` by keyword, at the training rows (such as `given`, for
            an estimator that weighs rows by the answer they gave). What is needed for scoring, too, is read instead.

    Example:
        >>> family = Family(estimator="tacitly.probes.logistic:LogisticProbe", words="", grid=({"C": 0.1}, {"C": 1.0}))
        >>> family.make(C=0.1)
        LogisticProbe(C=0.1)
    """

    estimator: str
    words: str
    reads: Reading = ONE_CELL
    grid: tuple[Settings, ...] = ({},)
    supervised: bool = True
    columns: tuple[str, ...] = ()

    def make(self, **settings: Any) -> Probe:
        """An unfitted probe with some settings, the others by default."""
        module, _, attribute = self.estimator.partition(":")
        return cast("Probe", getattr(import_module(module), attribute)(**settings))
