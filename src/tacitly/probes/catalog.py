"""The probes by name."""

from importlib import import_module
from typing import cast

from tacitly.errors import SettingsError
from tacitly.probes.base import Probe

PROBES = {
    "logistic": "tacitly.probes.logistic:LogisticProbe",
    "mean_difference": "tacitly.probes.mean_difference:MeanDifferenceProbe",
}


def load_probe(name: str) -> Probe:
    """Make the probe of a name, with its default settings.

    Args:
        name: A name of the catalog.

    Returns:
        An unfitted probe.

    Raises:
        SettingsError: No probe has that name.

    Example:
        >>> type(load_probe("logistic")).__name__
        'LogisticProbe'
    """
    if name not in PROBES:
        raise SettingsError(f"unknown probe {name!r}", allowed=", ".join(sorted(PROBES)), remedy="name one of them")
    module, _, attribute = PROBES[name].partition(":")
    return cast("Probe", getattr(import_module(module), attribute)())
