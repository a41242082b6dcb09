"""Trackio: a local database (`TRACKIO_DIR`), or a Space that `TRACKIO_SPACE_ID` names."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tacitly.report.pictures import Picture
from tacitly.tracking.base import PROJECT


class TrackioTracker:
    """Logs settings, metrics and figures, and nothing of the machine."""

    _run: Any

    def start(self, name: str, folder: Path, settings: Mapping[str, str]) -> None:  # noqa: ARG002
        """Begin a run in the project of `TRACKIO_PROJECT`, or in ours."""
        import trackio

        self._run = trackio.init(
            os.environ.get("TRACKIO_PROJECT", PROJECT),
            name=name,
            config=dict(settings),
            embed=False,
            auto_log_cpu=False,
            auto_log_gpu=False,
        )

    def log(self, metrics: Mapping[str, float]) -> None:
        """Log the numbers."""
        self._run.log(dict(metrics), step=0)

    def figure(self, picture: Picture) -> None:
        """Log a figure that can be read with the mouse."""
        import trackio

        self._run.log({f"figures/{picture.key}": trackio.Html(picture.figure, caption=picture.title)}, step=0)

    def finish(self) -> None:
        """End the run; waits until all is written."""
        self._run.finish()
