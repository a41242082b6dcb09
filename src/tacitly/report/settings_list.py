"""A run's settings, versions and timings as lines of words and values."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tacitly.report.names import duration
from tacitly.report.results import number_in

_NOT_SHOWN = frozenset({"files", "sha256", "checksums", "warnings"})
_LONGEST = 300


def setting_groups(manifest: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The manifest by its top-level keys, each flattened to dotted names; lists of files are left out.

    Example:
        >>> setting_groups({"schema": 1, "settings": {"seed": 0, "task": {"name": "cities"}}, "files": {"a": "b"}})
        [('run', [('schema', '1')]), ('settings', [('seed', '0'), ('task.name', 'cities')])]
    """
    loose: list[tuple[str, str]] = []
    groups: list[tuple[str, list[tuple[str, str]]]] = []
    for key, value in manifest.items():
        if key in _NOT_SHOWN:
            continue
        if isinstance(value, Mapping):
            lines = _flat(value, prefix="")
            groups += [(str(key), lines)] if lines else []
        else:
            loose.append((str(key), _shown(value)))
    return [("run", loose), *groups] if loose else groups


def timing_lines(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What each stage took, the sum, and the peak of memory.

    Example:
        >>> timing_lines({"timings": {"answers": 75.0}, "peak_rss_mb": 2048.0})
        [('answers', '1 min 15 s'), ('together', '1 min 15 s'), ('peak memory', '2.0 GB')]
    """
    timings = metrics.get("timings")
    known = {str(stage): number_in(timings, stage) for stage in timings} if isinstance(timings, Mapping) else {}
    lines = [(stage, duration(seconds)) for stage, seconds in known.items() if seconds is not None]
    if lines:
        lines.append(("together", duration(sum(seconds for seconds in known.values() if seconds is not None))))
    peak = number_in(metrics, "peak_rss_mb")
    if peak is not None:
        lines.append(("peak memory", f"{peak / 1024:.1f} GB"))
    return lines


def _flat(entry: Mapping[str, Any], *, prefix: str) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for key, value in entry.items():
        if key in _NOT_SHOWN:
            continue
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            lines += _flat(value, prefix=f"{name}.")
        else:
            lines.append((name, _shown(value)))
    return lines


def _shown(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        value = ", ".join(_shown(item) for item in value)
    text = json.dumps(value) if isinstance(value, str) and value != value.strip() else str(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "\u2026"
