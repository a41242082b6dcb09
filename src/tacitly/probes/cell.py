"""Where a probe reads."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """A place in the model: where a probe reads."""

    site: str
    layer: int
    position: str
