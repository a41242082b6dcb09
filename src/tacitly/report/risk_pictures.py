"""Risk and coverage: how many of the given answers are wrong, as those that a score trusts least are left out."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float

from tacitly.evaluation.selective import risk_curve
from tacitly.report.curves import probe_scores
from tacitly.report.figures import base_layout
from tacitly.report.names import GROUPINGS
from tacitly.report.palette import LIGHT
from tacitly.report.pictures import Picture
from tacitly.report.results import GROUPING_ORDER

COVERAGES: Float[np.ndarray, " group"] = np.linspace(0.05, 1.0, 96)
_LINES = {
    "probe": ("probe", "accent", "solid", 2.4),
    "best_baseline": ("best baseline", "soft", "dash", 1.8),
    "best_control": ("best control", "contrast", "dot", 2.0),
}


def risk_pictures(scores: pd.DataFrame, rows: pd.DataFrame) -> list[Picture]:
    """A picture for each grouping in which the probe has scores.

    Args:
        scores: Columns answer_id, method, grouping, seed, outer_fold, score.
        rows: Columns answer_id and correct, among others.
    """
    found = {
        grouping: {
            method: curve
            for method in _LINES
            if (curve := risk_points(probe_scores(scores, rows, grouping=grouping, method=method))) is not None
        }
        for grouping in GROUPING_ORDER
    }
    most = max((float(curve.max()) for curves in found.values() for curve in curves.values()), default=1.0)
    return [
        Picture(
            key=f"risk-{grouping}",
            figure=risk_figure(curves, top=min(1.0, most + 0.05)),
            title=f"Wrong among the given answers, {GROUPINGS[grouping]}",
            caption="From right to left, the answers that a score trusts least are left out first. The lower a line "
            "runs, the better; one that stays level rejects at random.",
            header=("answers given", *(_LINES[method][0] for method in curves)),
            lines=[
                [f"{100 * COVERAGES[at]:.0f} %", *(f"{100 * curve[at]:.0f} %" for curve in curves.values())]
                for at in range(5, len(COVERAGES), 10)
            ],
        )
        for grouping, curves in found.items()
        if "probe" in curves
    ]


def risk_points(scored: pd.DataFrame) -> Float[np.ndarray, " group"] | None:
    """The share of wrong answers at each coverage, within folds, averaged over seeds; None where nothing is scored.

    Args:
        scored: What `probe_scores` returns.

    Example:
        >>> frame = pd.DataFrame({"seed": 0, "outer_fold": 0, "score": [0.9, 0.1], "correct": [True, False]})
        >>> float(risk_points(frame)[-1])
        0.5
    """
    if scored.empty:
        return None
    seeds = [
        risk_curve(
            part["correct"].to_numpy(dtype=bool),
            part["score"].to_numpy(dtype=np.float64),
            part["outer_fold"].to_numpy(dtype=np.int64),
            coverages=COVERAGES,
        )
        for _, part in scored.groupby("seed")
    ]
    mean: Float[np.ndarray, " group"] = np.mean(seeds, axis=0)
    return mean


def risk_figure(curves: Mapping[str, Float[np.ndarray, " group"]], *, top: float) -> go.Figure:
    """Draw the curves of one grouping.

    Args:
        curves: By method.
        top: Where the axis ends, the same for both groupings.
    """
    figure = go.Figure()
    for method, curve in curves.items():
        name, part, dash, width = _LINES[method]
        figure.add_trace(
            go.Scatter(
                name=name,
                x=COVERAGES.tolist(),
                y=curve.tolist(),
                mode="lines",
                line={"color": LIGHT[part], "width": width, "dash": dash},
                hovertemplate=f"%{{x:.0%}} of the answers given: %{{y:.0%}} wrong<extra>{name}</extra>",
            )
        )
    legend = {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0}
    figure.update_layout(base_layout(height=360, showlegend=True, legend=legend))
    figure.update_xaxes(title_text="answers given", range=[0, 1.01], tickformat=".0%", dtick=0.2)
    figure.update_yaxes(title_text="wrong among them", range=[0, top], tickformat=".0%")
    return figure
