"""Do the figures that a study states agree with what its files give?"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tacitly.experiments.answer_table import labels_of
from tacitly.experiments.checks.check import Check
from tacitly.experiments.checks.study_files import StudyFiles
from tacitly.experiments.detection_summary import summarise_detection

NEAR = 1e-6
NEAR_AGAIN = 1e-3
"""For what is fitted anew, which other machines sum in another order."""

PARTS = ("by_entity", "by_answer", "all_answers", "within_answer")
_DRAWN = frozenset({"ci", "brier_ci", "mean_ci"})


def differing_figures(files: StudyFiles, metrics: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Compute every figure of error detection again, without its interval, and compare.

    Args:
        files: The study.
        metrics: What it states.

    Returns:
        How many numbers were compared, and where others stand.
    """
    again = summarise_detection(
        files.rows, files.placed_scores, probes=files.probes, baselines=files.baselines, seed=files.seed, replicates=0
    )
    again |= _counts(files)
    return differing_parts({part: again[part] for part in (*PARTS, "counts", "accuracy")}, metrics)


def differing_parts(again: Mapping[str, Any], metrics: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Compare parts that were computed again, without their intervals, with those that are stated.

    Args:
        again: The parts.
        metrics: What a study states.

    Returns:
        How many numbers were compared, and where others stand.
    """
    pairs = [pair for part, found in again.items() for pair in _pairs(found, metrics.get(part), part)]
    return len(pairs), [name for name, one, other in pairs if not _same(one, other, NEAR)]


def _counts(files: StudyFiles) -> dict[str, Any]:
    known, right = labels_of(files.rows)
    located = files.rows["located"].to_numpy(dtype=bool)
    return {
        "counts": {
            "answers": len(known),
            "correct": int(right.sum()),
            "incorrect": int((known & ~right).sum()),
            "unknown": int((~known).sum()),
            "located_correct": int((right & located).sum()),
            "located_incorrect": int((known & ~right & located).sum()),
        },
        "accuracy": float(right.sum() / known.sum()) if known.any() else None,
    }


def differing_checks(checks: Sequence[Check], stated: object) -> list[str]:
    """Which checks were stated otherwise: another outcome, other numbers, or not at all.

    Args:
        checks: As the files give them.
        stated: What `metrics.json` holds.

    Returns:
        The names.
    """
    entries = stated if isinstance(stated, list) else []
    held = {entry.get("name"): entry for entry in entries if isinstance(entry, Mapping)}
    off = [check.name for check in checks if not _agrees(check, held.get(check.name))]
    return [*off, *sorted(str(name) for name in held.keys() - {check.name for check in checks})]


def _agrees(check: Check, entry: Mapping[str, Any] | None) -> bool:
    if entry is None or (entry.get("ok"), entry.get("kind")) != (check.ok, check.kind):
        return False
    pairs = _pairs(check.as_json()["value"], entry.get("value"), "")
    return all(_same(one, other, NEAR_AGAIN) for _, one, other in pairs)


def _pairs(one: object, other: object, name: str) -> Iterator[tuple[str, object, object]]:
    """Every leaf of the first with its counterpart; intervals, which are drawn, are passed over."""
    if isinstance(one, Mapping):
        for key, value in one.items():
            if key not in _DRAWN and not str(key).endswith("_ci"):
                yield from _pairs(value, other.get(key) if isinstance(other, Mapping) else None, f"{name}.{key}")
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        for at, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            yield from _pairs(mine, theirs, f"{name}.{at}")
    elif not isinstance(one, str) or not name.endswith("reason"):
        yield name, one, other


def _same(one: object, other: object, near: float) -> bool:
    if isinstance(one, float | int) and isinstance(other, float | int) and not isinstance(one, bool):
        return math.isclose(one, other, rel_tol=near, abs_tol=near)
    return one == other
