"""What the page says of the error types: a table, which types go together, and pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from tacitly.report.figures import base_layout, figure_text
from tacitly.report.palette import LIGHT
from tacitly.report.pictures import Picture
from tacitly.report.results import Estimate, estimate_in, mapping_in, number_in, reason_in

TYPE_NAMES = {
    "consistently_correct": "consistently right",
    "consistently_incorrect": "consistently wrong",
    "two_competing": "two competing answers",
    "many_answers": "many answers",
    "refuses": "declines",
    "other": "none of these",
}
_SUBTYPES = {
    "consistently_correct/all": "all of them",
    "consistently_correct/most": "most of them",
    "consistently_incorrect/never_right": "never right",
    "consistently_incorrect/sometimes_right": "sometimes right",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeLine:
    """One type, or one subtype, of which only the number is told.

    Attributes:
        name: In words.
        meaning: When it holds.
        count: How many questions show it.
        share: Their share.
        probe: The AUROC of the probe that tells it from the rest; None for a subtype.
        answer_words: That of the greedy answer's words; None where the probe has none.
        question_words: That of the question's words.
        reason: Why the probe has no AUROC.
    """

    name: str
    meaning: str
    count: str
    share: str
    probe: Estimate | None = None
    answer_words: Estimate | None = None
    question_words: Estimate | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TypesSection:
    """The section's content.

    Attributes:
        samples: How many samples each question has.
        typed: How many questions have a type.
        untyped: How many have none, since one of their samples could not be judged.
        equivalence: When two samples give the same answer.
        lines: The types, each followed by its subtypes.
        between: The AUROC between two subtypes, or why there is none.
        names: The types' names, for the overlaps.
        overlaps: For each type, how many questions show it together with each.
        pictures: The pictures.
        reason: Why there are no types; None where there are.
    """

    samples: int
    typed: int
    untyped: int
    equivalence: str
    lines: Sequence[TypeLine] = ()
    between: Sequence[tuple[str, str]] = ()
    names: Sequence[str] = ()
    overlaps: Sequence[tuple[str, Sequence[int]]] = ()
    pictures: Sequence[Picture] = ()
    reason: str | None = None


def types_section(metrics: Mapping[str, Any]) -> TypesSection | None:
    """Say what the samples show; None for a study without samples.

    Args:
        metrics: The content of `metrics.json`.

    Example:
        >>> types_section({"samples": {"per_question": 0}}) is None
        True
        >>> types_section({"samples": {"per_question": 3}, "error_types": None, "error_types_reason": "too few"}).reason
        'too few'
    """
    samples = mapping_in(metrics, "samples")
    if not number_in(samples, "per_question"):
        return None
    typed = int(number_in(samples, "questions_with_types") or 0)
    about: dict[str, Any] = {
        "samples": int(number_in(samples, "per_question") or 0),
        "typed": typed,
        "untyped": int(number_in(samples, "questions_without_types") or 0),
        "equivalence": str(samples.get("equivalence", "")),
    }
    types = mapping_in(metrics, "error_types")
    if not types:
        return TypesSection(**about, reason=reason_in(metrics, "error_types"))
    subtypes = mapping_in(metrics, "error_subtypes")
    overlaps = mapping_in(metrics, "error_type_overlaps")
    lines: list[TypeLine] = []
    for key, name in TYPE_NAMES.items():
        lines.append(_line(types, key, name, samples=about["samples"]))
        lines += [
            TypeLine(name=words, meaning="", **_counted(subtypes, full))
            for full, words in _SUBTYPES.items()
            if full.startswith(f"{key}/") and full in subtypes
        ]
    return TypesSection(
        **about,
        lines=lines,
        between=_between(mapping_in(metrics, "error_subtype_probes")),
        names=list(TYPE_NAMES.values()),
        overlaps=[
            (name, [int(number_in(mapping_in(overlaps, key), other) or 0) for other in TYPE_NAMES])
            for key, name in TYPE_NAMES.items()
        ],
        pictures=_pictures(types),
    )


def _meaning(key: str, samples: int) -> str:
    """When a type holds, in numbers of samples, which the definitions make differ with K."""
    half, third, sixth = samples // 2, samples // 3, samples // 6
    return {
        "consistently_correct": f"right in {half} or more of {samples}",
        "consistently_incorrect": f"one and the same wrong answer in {half} or more of {samples}",
        "two_competing": f"the right answer and one wrong answer each more than {sixth} times, at most {sixth} apart",
        "many_answers": f"{third - 1} or more different wrong answers, or {third} where it is never right",
        "refuses": "declines more often than it is right, and as often as it gives any one wrong answer",
        "other": "no other type holds",
    }[key]


def _line(types: Mapping[str, Any], key: str, name: str, *, samples: int) -> TypeLine:
    probe = estimate_in(types, key, key="probe_auroc")
    controls = mapping_in(mapping_in(types, key), "controls")
    return TypeLine(
        name=name,
        meaning=_meaning(key, samples),
        **_counted(types, key),
        probe=probe,
        answer_words=estimate_in(controls, "answer_text") if controls else None,
        question_words=estimate_in(controls, "question_text") if controls else None,
        reason=probe.reason,
    )


def _counted(holder: Mapping[str, Any], key: str) -> dict[str, Any]:
    entry = mapping_in(holder, key)
    count, share = number_in(entry, "count"), number_in(entry, "share")
    return {
        "count": "" if count is None else f"{count:,.0f}",
        "share": "" if share is None else f"{100 * share:.0f} %",
    }


def _between(probes: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = []
    for key, name in TYPE_NAMES.items():
        if key not in probes:
            continue
        first, second = (_SUBTYPES.get(str(mapping_in(probes, key).get(side)), "") for side in ("first", "second"))
        estimate = estimate_in(probes, key, key="probe_auroc")
        text = f"not defined: {estimate.reason}" if estimate.value is None else estimate.text()
        found.append((f"{name}: {first} against {second}", text))
    return found


def _pictures(types: Mapping[str, Any]) -> list[Picture]:
    shares = {name: _share(mapping_in(types, key)) for key, name in TYPE_NAMES.items()}
    probes = {name: estimate_in(types, key, key="probe_auroc") for key, name in TYPE_NAMES.items()}
    made = [
        Picture(
            key="error-types",
            figure=_shares_figure(shares),
            title="How often each type is seen",
            caption="Share of questions that show each type, with 95 % intervals. A question may show several.",
            header=("type", "questions", "share", "95 % interval"),
            lines=[
                [name, f"{number_in(mapping_in(types, key), 'count') or 0:,.0f}", *_cells(shares[name], percent=True)]
                for key, name in TYPE_NAMES.items()
            ],
        )
    ]
    figure = _probes_figure(probes)
    if figure is not None:
        made.append(
            Picture(
                key="error-type-probes",
                figure=figure,
                title="What the greedy answer’s inside tells of it",
                caption="AUROC of a probe on the greedy answer’s activations, each type against the rest, by entity, "
                "with 95 % intervals. The line is guessing.",
                header=("type", "AUROC", "95 % interval"),
                lines=[[name, *_cells(estimate, percent=False)] for name, estimate in probes.items()],
            )
        )
    return made


def _share(entry: Mapping[str, Any]) -> Estimate:
    return estimate_in({"share": {"value": entry.get("share"), "ci": entry.get("share_ci")}}, "share", key="value")


def _cells(estimate: Estimate, *, percent: bool) -> list[str]:
    if estimate.value is None:
        return [f"not defined: {estimate.reason}", ""]
    scale, form = (100, ".0f") if percent else (1, ".3f")
    unit = " %" if percent else ""
    value = f"{format(scale * estimate.value, form)}{unit}"
    if estimate.low is None or estimate.high is None:
        return [value, ""]
    return [value, f"{format(scale * estimate.low, form)} to {format(scale * estimate.high, form)}{unit}"]


def _shares_figure(shares: Mapping[str, Estimate]) -> go.Figure:
    names = list(shares)[::-1]
    figure = go.Figure(
        go.Bar(
            orientation="h",
            x=[shares[name].value or 0.0 for name in names],
            y=[figure_text(name) for name in names],
            marker={"color": LIGHT["accent"]},
            error_x=_spread([shares[name] for name in names]),
            hovertemplate="%{y}: %{x:.0%}<extra></extra>",
        )
    )
    figure.update_layout(base_layout(height=70 + 34 * len(names), bargap=0.4, showlegend=False))
    figure.update_xaxes(title_text="share of questions", tickformat=".0%", rangemode="tozero")
    figure.update_yaxes(showgrid=False, tickfont_color=LIGHT["ink"])
    return figure


def _probes_figure(probes: Mapping[str, Estimate]) -> go.Figure | None:
    names = [name for name, estimate in probes.items() if estimate.value is not None][::-1]
    if not names:
        return None
    estimates = [probes[name] for name in names]
    figure = go.Figure(
        go.Scatter(
            mode="markers",
            x=[estimate.value for estimate in estimates],
            y=[figure_text(name) for name in names],
            marker={"color": LIGHT["accent"], "size": 9},
            error_x=_spread(estimates),
            hovertext=[f"{figure_text(n)}: {e.text()}" for n, e in zip(names, estimates, strict=True)],
            hoverinfo="text",
        )
    )
    figure.update_layout(base_layout(height=70 + 34 * len(names), showlegend=False))
    figure.update_xaxes(title_text="AUROC (0.5 is guessing)", tickformat=".1f")
    figure.update_yaxes(showgrid=False, tickfont_color=LIGHT["ink"], range=[-0.6, len(names) - 0.4])
    figure.add_vline(x=0.5, line_color=LIGHT["soft"], line_width=1)
    return figure


def _spread(estimates: Sequence[Estimate]) -> dict[str, Any]:
    values = [estimate.value or 0.0 for estimate in estimates]
    return {
        "type": "data",
        "symmetric": False,
        "array": [0 if e.high is None else e.high - v for e, v in zip(estimates, values, strict=True)],
        "arrayminus": [0 if e.low is None else v - e.low for e, v in zip(estimates, values, strict=True)],
        "color": LIGHT["ink"],
        "thickness": 1.2,
        "width": 3,
    }
