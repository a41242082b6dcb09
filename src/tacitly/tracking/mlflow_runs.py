"""MLflow: a run in the store of `MLFLOW_TRACKING_URI`, or in MLflow's own local one."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tacitly.report.pictures import Picture
from tacitly.tracking.base import PROJECT

_FORBIDDEN = re.compile(r"[^\w\-./ ]")
_AT_ONCE = 500
"""How many numbers a server takes in one request."""


class MlflowTracker:
    """Logs settings as parameters, metrics, and figures as pages."""

    _client: Any
    _id: str

    def start(self, name: str, folder: Path, settings: Mapping[str, str]) -> None:  # noqa: ARG002
        """Begin a run in the experiment of `MLFLOW_EXPERIMENT_NAME`, or in ours."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient
        from mlflow.entities import Param

        self._client = MlflowClient()
        experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        known = self._client.get_experiment_by_name(experiment)
        place = self._client.create_experiment(experiment) if known is None else known.experiment_id
        self._id = self._client.create_run(place, run_name=name).info.run_id
        self._client.log_batch(self._id, params=[Param(_key(key), value[:_AT_ONCE]) for key, value in settings.items()])

    def log(self, metrics: Mapping[str, float]) -> None:
        """Log the numbers, some hundred at once."""
        import time

        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        numbers = [Metric(_key(name), value, now, 0) for name, value in metrics.items()]
        for first in range(0, len(numbers), _AT_ONCE):
            self._client.log_batch(self._id, metrics=numbers[first : first + _AT_ONCE])

    def figure(self, picture: Picture) -> None:
        """Log a figure as a page that can be read with the mouse."""
        self._client.log_figure(self._id, picture.figure, f"figures/{picture.key}.html")

    def finish(self) -> None:
        """End the run."""
        self._client.set_terminated(self._id)


def _key(name: str) -> str:
    """A name that MLflow takes.

    Example:
        >>> _key("by_entity/baselines/p(true)")
        'by_entity/baselines/p_true_'
    """
    return _FORBIDDEN.sub("_", name)
