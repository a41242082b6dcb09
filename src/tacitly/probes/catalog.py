"""The families of probes by name."""

from collections.abc import Iterable

from tacitly.errors import SettingsError
from tacitly.probes.base import Probe
from tacitly.probes.family import Family
from tacitly.probes.penalties import C_GRID
from tacitly.probes.readings import ContrastPair, EveryLayer, EveryToken
from tacitly.probes.unseen import UNSEEN_FAMILIES

FAMILIES = {
    "logistic": Family(
        estimator="tacitly.probes.logistic:LogisticProbe",
        words="logistic regression with an L2 penalty, the reference",
        grid=tuple({"C": C} for C in C_GRID),
    ),
    "mean_difference": Family(
        estimator="tacitly.probes.mean_difference:MeanDifferenceProbe",
        words="the direction from the mean wrong answer to the mean right one",
    ),
    "lda": Family(
        estimator="tacitly.probes.lda:LdaProbe",
        words="linear discriminant analysis with a shrunk covariance",
        grid=({"shrinkage": 0.9}, {"shrinkage": 0.5}, {"shrinkage": "auto"}),
    ),
    "nearest_centroid": Family(
        estimator="tacitly.probes.nearest_centroid:NearestCentroidProbe",
        words="nearer to the right answers' centre or to the wrong ones', by Euclid's or Mahalanobis's distance",
        grid=({"metric": "euclidean"}, {"metric": "mahalanobis"}),
    ),
    "mlp": Family(
        estimator="tacitly.probes.mlp:MlpProbe",
        words="a network with three hidden layers (SAPLMA)",
        grid=({"epochs": 5}, {"epochs": 10}),
    ),
    "layer_ensemble": Family(
        estimator="tacitly.probes.layer_ensemble:LayerEnsembleProbe",
        words="a logistic regression per layer, their log-odds averaged",
        reads=EveryLayer(),
        grid=tuple({"C": C, "depth": depth} for C in (1e-3, 1e-2) for depth in ((0.0, 1.0), (1 / 3, 1.0))),
    ),
    "attention": Family(
        estimator="tacitly.probes.attention:AttentionProbe",
        words="a learned query over all tokens of the answer",
        reads=EveryToken(),
        grid=({"epochs": 4}, {"epochs": 12}),
    ),
    "contrast_consistent": Family(
        estimator="tacitly.probes.contrast_consistent:ContrastConsistentProbe",
        words="a direction on which “true” and “false” disagree (CCS); its sign alone is taken from labels",
        reads=ContrastPair(),
        supervised=False,
    ),
    **UNSEEN_FAMILIES,
}


def load_families(names: Iterable[str]) -> dict[str, Family]:
    """The families of some names, in their order.

    Raises:
        SettingsError: No family has such a name.

    Example:
        >>> load_families(["mean_difference"])["mean_difference"].supervised
        True
    """
    names = tuple(dict.fromkeys(names))
    for name in names:
        if name not in FAMILIES:
            raise SettingsError(
                f"unknown family of probes {name!r}", allowed=", ".join(FAMILIES), remedy="name some of them"
            )
    return {name: FAMILIES[name] for name in names}


def load_probe(name: str) -> Probe:
    """Make the probe of a family, with its default settings.

    Raises:
        SettingsError: No family has that name.

    Example:
        >>> type(load_probe("logistic")).__name__
        'LogisticProbe'
    """
    return load_families([name])[name].make()
