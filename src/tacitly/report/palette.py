"""The report's colours: one set for light pages and one for dark ones, with a name for each part they play.

Figures are built in the light colours; the page exchanges them for the dark ones, colour by colour, where the
reader's system asks for that. So every light colour appears once only.
"""

from collections.abc import Mapping
from types import MappingProxyType

LIGHT: Mapping[str, str] = MappingProxyType(
    {
        "paper": "#fdfcf9",
        "panel": "#f5f3ed",
        "ink": "#1f2125",
        "soft": "#5b6069",
        "line": "#dfdbd1",
        "accent": "#1d5e8c",
        "contrast": "#b0560d",
        "baseline": "#8d949e",
        "control": "#c8b28a",
        "ineligible": "#e4e1da",
        "cross": "#b3afa5",
        "mark": "#fbe3b3",
        "worst": "#6b2c06",
        "worse": "#c4702c",
        "below": "#efc39c",
        "chance": "#f4f2ee",
        "above": "#a3c8dd",
        "better": "#3b86b4",
        "best": "#0c3a5e",
    }
)
"""Colours by part; `worst` to `best` are the heat map's scale, with chance (0.5) in its neutral middle."""

DARK: Mapping[str, str] = MappingProxyType(
    {
        "paper": "#16181b",
        "panel": "#1e2125",
        "ink": "#e7e4de",
        "soft": "#a5aab2",
        "line": "#343940",
        "accent": "#82bde4",
        "contrast": "#eba468",
        "baseline": "#838b96",
        "control": "#9a8255",
        "ineligible": "#202327",
        "cross": "#555b63",
        "mark": "#5c4512",
        "worst": "#ffe0c2",
        "worse": "#e29a5c",
        "below": "#7d4b22",
        "chance": "#2b2f34",
        "above": "#2c5f80",
        "better": "#5ca6d3",
        "best": "#d9f0ff",
    }
)

SCALE: tuple[tuple[float, str], ...] = tuple(
    (step / 6, LIGHT[part])
    for step, part in enumerate(("worst", "worse", "below", "chance", "above", "better", "best"))
)
"""Diverging from the neutral middle to orange (worse than chance) and blue (better); safe for colour-blind readers."""


def dark_of_light() -> dict[str, str]:
    """Each light colour with the dark one that takes its place.

    Returns:
        A mapping of lower-case hexadecimal colours.

    Example:
        >>> dark_of_light()[LIGHT["paper"]] == DARK["paper"]
        True
    """
    return {LIGHT[part]: DARK[part] for part in LIGHT}
