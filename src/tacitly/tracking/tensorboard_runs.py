"""TensorBoard: event files in the run folder, which `tensorboard --logdir` reads."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from jaxtyping import UInt8

from tacitly.report.palette import LIGHT, SCALE
from tacitly.report.pictures import Picture

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FOLDER = "tensorboard"
_PIXELS = 14


class TensorboardTracker:
    """Writes scalars, settings as text, and of each figure its numbers as text; of a heat map also the picture."""

    _writer: "SummaryWriter"

    def start(self, name: str, folder: Path, settings: Mapping[str, str]) -> None:
        """Open the event file, below the run folder; one that told of earlier figures makes way for it."""
        from torch.utils.tensorboard import SummaryWriter

        for earlier in (folder / FOLDER).glob("events.out.tfevents.*"):
            earlier.unlink()
        self._writer = SummaryWriter(str(folder / FOLDER))
        self._writer.add_text("settings", f"{name}\n\n" + _markdown(("setting", "value"), list(settings.items())))

    def log(self, metrics: Mapping[str, float]) -> None:
        """Write each number as a scalar at step 0."""
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, 0)

    def figure(self, picture: Picture) -> None:
        """Write its numbers, and its picture if it is a heat map."""
        image = heat_image(picture.figure)
        if image is not None:
            self._writer.add_image(f"figures/{picture.key}", image, 0, dataformats="HWC")
        words = f"**{picture.title}.** {picture.caption}\n\n{_markdown(picture.header, picture.lines)}"
        self._writer.add_text(f"figures/{picture.key}", words, 0)

    def finish(self) -> None:
        """Close the event file."""
        self._writer.close()


def heat_image(figure: go.Figure) -> UInt8[np.ndarray, "height width 3"] | None:
    """A heat map as a picture without words, the first line at the bottom; None for another kind of figure.

    Args:
        figure: A figure in the palette's light colours.

    Example:
        >>> heat_image(go.Figure(go.Heatmap(z=[[0.5, None]], zmin=0.4, zmax=0.6))).shape
        (14, 28, 3)
    """
    maps = [trace for trace in figure.data if isinstance(trace, go.Heatmap)]
    if not maps:
        return None
    values = np.array([[np.nan if cell is None else cell for cell in line] for line in maps[0].z], dtype=np.float64)
    share = np.clip((values - maps[0].zmin) / (maps[0].zmax - maps[0].zmin), 0, 1)
    stops, colours = np.array([stop for stop, _ in SCALE]), np.array([_rgb(colour) for _, colour in SCALE])
    channels = [np.interp(np.nan_to_num(share), stops, colours[:, channel]) for channel in range(3)]
    cells = np.where(np.isnan(share)[..., None], _rgb(LIGHT["ineligible"]), np.stack(channels, axis=-1))
    image: UInt8[np.ndarray, "height width 3"] = np.kron(
        cells[::-1].round().astype(np.uint8), np.ones((_PIXELS, _PIXELS, 1), dtype=np.uint8)
    )
    return image


def _rgb(colour: str) -> list[int]:
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]


def _markdown(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table in Markdown, its cells' bars and line ends made harmless."""
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(" ".join(str(c).replace("|", "/").split()) for c in row) + " |" for row in rows)
