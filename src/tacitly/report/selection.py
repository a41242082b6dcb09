"""What the page says of choosing among sampled answers: how often each way is right, and what it costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from tacitly.report.error_types import TYPE_NAMES
from tacitly.report.figures import base_layout
from tacitly.report.palette import LIGHT
from tacitly.report.pictures import Picture
from tacitly.report.results import Estimate, estimate_in, mapping_in, number_in, reason_in

STRATEGY_NAMES = {
    "greedy": "greedy answer",
    "random": "a random sample",
    "majority": "majority",
    "mean_log_probability": "most probable sample",
    "probe": "the probe’s choice",
    "majority_oracle": "majority, told which are wrong",
    "ceiling": "any right (ceiling)",
}
KNOWING = ("majority_oracle", "ceiling")
"""Strategies that nobody has who does not know what is right."""

_STROKES = {
    "random": ("baseline", "dot", "circle"),
    "majority": ("contrast", "dash", "diamond"),
    "mean_log_probability": ("control", "dashdot", "square"),
    "probe": ("accent", "solid", "circle"),
    "ceiling": ("soft", "dot", "x"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyLine:
    """One strategy: its accuracy, what it gains, what it costs."""

    name: str
    accuracy: str
    over_greedy: str
    over_majority: str
    tokens: str
    knowing: bool
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionSection:
    """The section's content.

    Attributes:
        samples: How many samples each question has.
        compared: On how many questions the strategies are compared.
        left_out: How many others there are.
        unscored: On how many of the questions the probe has no score for any sample.
        lines: The strategies.
        types: The types that questions show, with their number.
        by_type: For each strategy, its accuracy on each type.
        by_type_reason: Why there is no such table.
        pictures: Accuracy against cost.
        reason: Why nothing is compared; None where it is.
    """

    samples: int
    compared: int
    left_out: int
    unscored: int
    lines: Sequence[StrategyLine] = ()
    types: Sequence[tuple[str, int]] = ()
    by_type: Sequence[tuple[str, Sequence[str]]] = ()
    by_type_reason: str | None = None
    pictures: Sequence[Picture] = ()
    reason: str | None = None


def selection_section(metrics: Mapping[str, Any]) -> SelectionSection | None:
    """Say what choosing is worth; None for a study without samples.

    Args:
        metrics: The content of `metrics.json`.

    Example:
        >>> selection_section({"samples": {"per_question": 0}}) is None
        True
        >>> selection_section({"samples": {"per_question": 1}, "selection": None, "selection_reason": "one"}).reason
        'one'
    """
    samples = mapping_in(metrics, "samples")
    if not number_in(samples, "per_question"):
        return None
    about: dict[str, Any] = {
        name: int(number_in(samples, key) or 0)
        for name, key in (
            ("samples", "per_question"),
            ("compared", "questions_compared"),
            ("left_out", "questions_left_out"),
            ("unscored", "questions_without_scores"),
        )
    }
    selection = mapping_in(metrics, "selection")
    if not selection:
        return SelectionSection(**about, reason=reason_in(metrics, "selection"))
    by_type = mapping_in(metrics, "selection_by_type")
    seen = {key: name for key, name in TYPE_NAMES.items() if number_in(mapping_in(by_type, key), "questions")}
    return SelectionSection(
        **about,
        lines=[_line(selection, key) for key in STRATEGY_NAMES],
        types=[(name, int(number_in(mapping_in(by_type, key), "questions") or 0)) for key, name in seen.items()],
        by_type=[
            (name, [_percent(estimate_in(mapping_in(by_type, key), strategy, key="accuracy")) for key in seen])
            for strategy, name in STRATEGY_NAMES.items()
        ]
        if seen
        else (),
        by_type_reason=None if by_type else reason_in(metrics, "selection_by_type"),
        pictures=_pictures(metrics),
    )


def _line(selection: Mapping[str, Any], key: str) -> StrategyLine:
    entry = mapping_in(selection, key)
    accuracy = estimate_in(selection, key, key="accuracy")
    tokens = number_in(entry, "tokens")
    return StrategyLine(
        name=STRATEGY_NAMES[key],
        accuracy=_percent(accuracy, interval=True),
        over_greedy=_points(entry, "minus_greedy"),
        over_majority=_points(entry, "minus_majority"),
        tokens="" if tokens is None else f"{tokens:,.1f}",
        knowing=key in KNOWING,
        reason=accuracy.reason if accuracy.value is None else None,
    )


def _percent(estimate: Estimate, *, interval: bool = False) -> str:
    if estimate.value is None:
        return "not defined"
    text = f"{100 * estimate.value:.1f} %" if interval else f"{100 * estimate.value:.0f} %"
    if interval and estimate.low is not None and estimate.high is not None:
        text += f" [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"
    return text


def _points(entry: Mapping[str, Any], key: str) -> str:
    """A difference in percentage points with its interval."""
    if key not in entry:
        return ""
    found = estimate_in(entry, key, key="diff")
    if found.value is None:
        return "not defined"
    text = f"{100 * found.value:+.1f}"
    if found.low is not None and found.high is not None:
        text += f" [{100 * found.low:+.1f}, {100 * found.high:+.1f}]"
    return text.replace("-", "−")


def _pictures(metrics: Mapping[str, Any]) -> list[Picture]:
    by_k = mapping_in(metrics, "selection_by_k")
    numbers = sorted(int(number) for number in by_k)
    figure, lines = go.Figure(), []
    for key, (colour, dash, symbol) in _STROKES.items():
        points = [(number, mapping_in(by_k, str(number))) for number in numbers]
        known = [
            (number, found, number_in(mapping_in(strategies, key), "tokens"))
            for number, strategies in points
            if (found := estimate_in(strategies, key, key="accuracy")).value is not None
        ]
        if not known:
            continue
        figure.add_trace(
            go.Scatter(
                name=STRATEGY_NAMES[key],
                x=[tokens for *_, tokens in known],
                y=[found.value for _, found, _ in known],
                mode="lines+markers",
                line={"color": LIGHT[colour], "width": 2, "dash": dash},
                marker={"color": LIGHT[colour], "size": 8, "symbol": symbol},
                hovertext=[f"{STRATEGY_NAMES[key]}, {n} samples: {_percent(e, interval=True)}" for n, e, _ in known],
                hoverinfo="text",
            )
        )
        lines += [
            [STRATEGY_NAMES[key], str(number), _percent(found, interval=True), f"{tokens or 0:,.1f}"]
            for number, found, tokens in known
        ]
    greedy = estimate_in(mapping_in(metrics, "selection"), "greedy", key="accuracy")
    if greedy.value is None or not lines:
        return []
    tokens = number_in(mapping_in(mapping_in(metrics, "selection"), "greedy"), "tokens")
    figure.add_hline(y=greedy.value, line_color=LIGHT["ink"], line_width=1)
    figure.add_annotation(
        x=1, xref="paper", xanchor="right", y=greedy.value, yanchor="bottom", showarrow=False, text="greedy answer",
        font={"size": 11, "color": LIGHT["soft"]},
    )  # fmt: skip
    legend = {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0}
    figure.update_layout(base_layout(height=400, showlegend=True, legend=legend))
    figure.update_xaxes(title_text="tokens written per question")
    figure.update_yaxes(title_text="accuracy", tickformat=".0%")
    return [
        Picture(
            key="selection",
            figure=figure,
            title="Accuracy against cost",
            caption=f"From the first {', '.join(map(str, numbers))} samples of each question. The line is the greedy "
            f"answer, which takes {tokens or 0:,.1f} tokens.",
            header=("strategy", "samples", "accuracy", "tokens per question"),
            lines=[["greedy answer", "", _percent(greedy, interval=True), f"{tokens or 0:,.1f}"], *lines],
        )
    ]
