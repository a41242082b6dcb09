"""The families of probes by name."""

from collections.abc import Iterable

from tacitly.errors import SettingsError
from tacitly.probes.base import Probe
from tacitly.probes.family import Family
from tacitly.probes.logistic import C_GRID
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
