"""A made-up `comparison.json` in which no two figures are alike, for the tests of its words, table and page."""

from typing import Any

from tests.unit.report_samples import full_study

NAMES = ("probe", "best_baseline", "best_control", "gain", "gain_over_control")


def figure(value: float, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    """A figure with its interval, 0.05 to either side by default."""
    return {"value": value, "ci": [value - 0.05 if low is None else low, value + 0.05 if high is None else high]}


def pair(base: float, tuned: float, low: float, high: float) -> dict[str, Any]:
    """A figure of both models, and the interval of their difference."""
    return {"base": figure(base), "tuned": figure(tuned), "difference": figure(tuned - base, low, high)}


def undefined(reason: str) -> dict[str, Any]:
    """A figure that neither model has."""
    return {name: {"value": None, "ci": None, "reason": reason} for name in ("base", "tuned", "difference")}


def detected() -> dict[str, dict[str, Any]]:
    """Detection under both groupings: the probe fell, and is still better than what it is held against."""
    return {
        "by_entity": {
            "rows": 500,
            "probe": pair(0.81, 0.72, -0.15, -0.03),
            "best_baseline": pair(0.69, 0.63, -0.1, -0.01),
            "best_control": pair(0.6, 0.64, 0.01, 0.08),
            "gain": pair(0.12, 0.09, -0.09, 0.03),
            "gain_over_control": pair(0.21, 0.08, -0.2, -0.06),
        },
        "by_answer": {
            "rows": 480,
            "probe": pair(0.76, 0.68, -0.15, -0.01),
            "best_baseline": pair(0.67, 0.59, -0.1, 0.0),
            "best_control": pair(0.57, 0.58, -0.04, 0.06),
            "gain": pair(0.11, 0.07, -0.1, 0.02),
            "gain_over_control": pair(0.19, 0.1, -0.12, -0.02),
        },
    }


def exchanged() -> dict[str, Any]:
    """Exchanged probes, each figure of its own."""

    def entry(rows: int, foreign: float, own: float) -> dict[str, Any]:
        return {
            "rows": rows,
            "auroc": figure(foreign),
            "own": figure(own),
            "difference": figure(foreign - own, foreign - own - 0.1, foreign - own + 0.1),
        }

    return {
        "by_entity": {"base_to_tuned": entry(401, 0.66, 0.71), "tuned_to_base": entry(402, 0.74, 0.83)},
        "by_answer": {"base_to_tuned": entry(301, 0.62, 0.65), "tuned_to_base": entry(302, 0.54, 0.77)},
    }


def comparison(**more: Any) -> dict[str, Any]:
    """A comparison over all questions and over those held out."""
    part = {
        "shared_questions": 600,
        "questions": 590,
        "accuracy": pair(0.4, 0.5, 0.06, 0.14),
        "outcomes": {"right_right": 1, "right_wrong": 2, "wrong_right": 3, "wrong_wrong": 4},
        "wrong_and_sure": {
            "0.5": pair(0.1, 0.2, -0.01, 0.21),
            "0.7": pair(0.05, 0.11, 0.01, 0.1),
            "0.9": pair(0.03, 0.02, -0.03, 0.01),
        },
        "calibration": {"probe": {"rows": 500, "brier": pair(0.2, 0.25, 0.01, 0.09)}},
        "detection": {"located": detected()},
        "exchange": {"located": exchanged()},
        "error_types_reason": "no samples",
    }
    cells = {"set", "grouping", "site", "layer", "position"}
    return {
        "task": "medfacts",
        "parts": {"all": part, "held_out": part | {"shared_questions": 90, "questions": 88}},
        "grid_difference": [
            {key: cell[key] for key in cells}
            | {"base": 0.5, "tuned": 0.6, "difference": 0.1 if cell["eligible"] else None}
            for cell in full_study().metrics["grid"]
        ],
        **more,
    }
