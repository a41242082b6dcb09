"""Weights & Biases: a run on its server, or a folder to be synced later (`WANDB_MODE=offline`)."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tacitly.report.pictures import Picture
from tacitly.tracking.base import PROJECT


class WandbTracker:
    """Logs settings, metrics and figures, and nothing of the machine, its code or its console."""

    _run: Any

    def start(self, name: str, folder: Path, settings: Mapping[str, str]) -> None:  # noqa: ARG002
        """Begin a run in the project of `WANDB_PROJECT`, or in ours."""
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=name,
            config=dict(settings),
            settings=wandb.Settings(
                console="off",
                disable_code=True,
                disable_git=True,
                quiet=True,
                save_code=False,
                x_disable_machine_info=True,
                x_disable_meta=True,
                x_disable_stats=True,
                x_save_requirements=False,
            ),
        )

    def log(self, metrics: Mapping[str, float]) -> None:
        """The numbers are the run's summary: there is one of each."""
        self._run.summary.update(dict(metrics))

    def figure(self, picture: Picture) -> None:
        """Log a figure that can be read with the mouse."""
        import wandb

        self._run.log({f"figures/{picture.key}": wandb.Plotly(picture.figure)})

    def finish(self) -> None:
        """End the run; waits until all is sent."""
        self._run.finish()
