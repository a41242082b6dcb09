"""The trackers by name, each imported when it is used, and what has to be installed for it."""

from importlib import import_module
from importlib.util import find_spec
from typing import cast

from tacitly.errors import SettingsError
from tacitly.tracking.base import Tracker

TRACKERS = {
    "trackio": "tacitly.tracking.trackio_runs:TrackioTracker",
    "wandb": "tacitly.tracking.wandb_runs:WandbTracker",
    "mlflow": "tacitly.tracking.mlflow_runs:MlflowTracker",
    "tensorboard": "tacitly.tracking.tensorboard_runs:TensorboardTracker",
}
"""The names are those of the libraries, which `report_to` may name (`tacitly.settings.TRACKERS`)."""


def load_tracker(name: str) -> Tracker:
    """Make the tracker of a name.

    Raises:
        KeyError: No tracker has that name.
        ImportError: Its library is not installed.
    """
    module, _, attribute = TRACKERS[name].partition(":")
    return cast("Tracker", getattr(import_module(module), attribute)())


def require_trackers(names: tuple[str, ...]) -> None:
    """Refuse trackers whose library is not installed, before anything is done.

    Args:
        names: The trackers.

    Raises:
        SettingsError: Naming what to install.

    Example:
        >>> require_trackers(())
    """
    for name in names:
        if find_spec(name) is None:
            raise SettingsError(
                f"setting 'report_to' names {name!r}, which is not installed", remedy=f"pip install 'tacitly[{name}]'"
            )
