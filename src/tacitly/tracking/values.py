"""A study's settings and metrics as the flat names and numbers that trackers take."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

_LEFT_OUT = frozenset({"schema", "model", "grid", "cells"})
"""What is no figure of its own: identities, and the heat map, which is told as a figure."""


def flat_metrics(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Every number of `metrics.json` by its path; both ends of an interval by `low` and `high`.

    What is not defined is left out: trackers know no reasons, and a made-up number would be drawn.

    Args:
        metrics: The content of `metrics.json`.

    Example:
        >>> flat_metrics({"schema": 1, "by_entity": {"best": {"auroc": 0.8, "ci": [0.7, 0.9]}}, "by_answer": None})
        {'by_entity/best/auroc': 0.8, 'by_entity/best/ci/low': 0.7, 'by_entity/best/ci/high': 0.9}
    """
    return dict(_numbers(metrics, ""))


def _numbers(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, float]]:
    for key, value in values.items():
        name = f"{prefix}{key}"
        if key in _LEFT_OUT or isinstance(value, bool):
            continue
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{name}/")
        elif isinstance(value, list) and len(value) == 2 and (key == "ci" or key.endswith("_ci")):
            yield from _numbers({"low": value[0], "high": value[1]}, f"{name}/")
        elif isinstance(value, int | float) and math.isfinite(value):
            yield name, float(value)


def flat_settings(settings: Mapping[str, Any], *, model: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Every setting by its dotted name, and the model's identity.

    Args:
        settings: The settings by group.
        model: The model's identity.

    Example:
        >>> flat_settings({"seed": 0, "task": {"name": "cities", "limit": None}}, model={"layers": 30})
        {'seed': '0', 'task.name': 'cities', 'task.limit': 'none', 'identity.layers': '30'}
    """
    told = {name: value for name, value in settings.items() if name != "report_to"}
    return dict(_texts({**told, "identity": model or {}}, ""))


def _texts(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _texts(value, f"{prefix}{key}.")
        elif isinstance(value, list | tuple):
            yield f"{prefix}{key}", ", ".join(map(str, value)) or "none"
        else:
            yield f"{prefix}{key}", "none" if value is None else str(value)
