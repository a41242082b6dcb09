"""The page of a before-and-after comparison: one HTML file, offline, in the look of a study's report."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tacitly.report.comparison_exchange import DIRECTIONS, ExchangeLine, exchange_lines
from tacitly.report.comparison_lines import (
    PART_MEANINGS,
    PART_NAMES,
    ChangeLine,
    change_lines,
    headline_answers,
    list_reasons,
    missing_intervals,
    shown,
)
from tacitly.report.comparison_pictures import change_pictures, heatmap_trios
from tacitly.report.comparison_words import comparison_sentences
from tacitly.report.names import GROUPINGS, position_name
from tacitly.report.offline_page import render_page
from tacitly.report.results import AnswerSet, estimate_in, located_shares, mapping_in, number_in, reason_in

_LEADS = 3
_SETS = {"located": "answers with a located exact answer", "all": "all judged answers"}
_PART_LABELS = (
    "accuracy",
    "wrong and sure (0.5 or more)",
    "of the wrong answers, sure (0.5 or more)",
    "probe, by entity",
    "probe minus baseline, by entity",
    "probe minus control, by entity",
    "probe, by answer",
)
_RUNS = (
    ("run folder", ("run",)),
    ("model", ("model", "name")),
    ("revision", ("model", "revision")),
    ("sha256 of the weights", ("model", "weights_hash")),
    ("precision", ("model", "dtype")),
    ("questions asked", ("questions",)),
    ("sampled answers of each", ("samples",)),
    ("made", ("created",)),
    ("tacitly", ("tacitly",)),
    ("seed", ("seed",)),
)


def build_comparison_page(comparison: Mapping[str, Any], *, base: Mapping[str, Any], tuned: Mapping[str, Any]) -> str:
    """Make the page.

    Args:
        comparison: The content of `comparison.json`.
        base: The base run's `metrics.json`, for its heat map.
        tuned: The tuned run's.

    Returns:
        HTML that can be written as UTF-8: everything that came from a model or from data is escaped.
    """
    parts = {name: part for name, part in mapping_in(comparison, "parts").items() if name in PART_NAMES}
    whole = mapping_in(parts, "all")
    answers = headline_answers(comparison)
    charts = change_pictures(comparison, answers=answers)
    trios = heatmap_trios(comparison, base=base, tuned=tuned, answers=answers)
    sentences = comparison_sentences(comparison, answers=answers)
    lines = change_lines(whole, answers=answers)
    sampled = mapping_in(comparison, "sampled")
    return render_page(
        "comparison.html.j2",
        pictures=[*charts, *(picture for trio in trios for picture in trio)],
        styles=("comparison.css",),
        task=comparison.get("task") or "unnamed task",
        names={side: _model_name(comparison, side) for side in ("base", "tuned")},
        first_words=sentences[:_LEADS],
        more_words=sentences[_LEADS:],
        notes=comparison.get("notes") or [],
        shared=comparison.get("shared_questions") or 0,
        charts=charts,
        lines=lines,
        sizes=_sizes(whole, answers),
        coverage=_coverage(base, tuned),
        answers_words=_SETS[answers],
        all_lines=_everything(whole) if answers == "located" else [],
        parts=[_part(name, part, answers) for name, part in parts.items() if name in PART_MEANINGS],
        parts_reason=reason_in(comparison, "parts"),
        outcomes=[(PART_NAMES[name], mapping_in(part, "outcomes")) for name, part in parts.items()],
        exchanges=_exchanges(parts, answers),
        cells=list(_cells(comparison)),
        trios=trios,
        types=list(_types(parts)),
        types_reason=reason_in(whole, "error_types"),
        samples=sampled.get("samples"),
        clusters=sampled.get("clusters"),
        runs=[(label, *(_setting(comparison, side, path) for side in ("base", "tuned"))) for label, path in _RUNS],
        about=_about(comparison),
        shown=shown,
        reasons=_reasons,
    )


def _sizes(part: Mapping[str, Any], answers: AnswerSet) -> str:
    """How many questions the figures of a part are over."""
    judged = part.get("questions", 0)
    scored = [
        f"{mapping_in(mapping_in(mapping_in(part, 'detection'), answers), grouping).get('rows', 0):,} {name}"
        for grouping, name in GROUPINGS.items()
    ]
    return f"Judged in both runs: {judged:,}; with a probe's score in both: {', '.join(scored)}"


def _coverage(base: Mapping[str, Any], tuned: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What each run could not judge or locate, over its own questions."""
    one, other = (_coverage_of(metrics) for metrics in (base, tuned))
    return [(label, mine, other[label]) for label, mine in one.items()]


def _coverage_of(metrics: Mapping[str, Any]) -> dict[str, str]:
    counts = mapping_in(metrics, "counts")
    shares = {
        f"located among the {word} ones": f"{found.located or 0:,.0f} of {found.answers or 0:,.0f}"
        for word, found in located_shares(metrics).items()
    }
    return {"could not be judged": f"{counts.get('unknown', 0):,} of {counts.get('answers', 0):,}", **shares}


def _everything(part: Mapping[str, Any]) -> list[ChangeLine]:
    return [line for line in change_lines(part, answers="all") if line.kind == "shows"]


def _part(name: str, part: Mapping[str, Any], answers: AnswerSet) -> dict[str, Any]:
    """One part of the questions, with the lines that stand beside those of the other parts, and the rest."""
    lines = change_lines(part, answers=answers)
    beside = [line for line in lines if line.label in _PART_LABELS]
    return {
        "title": PART_NAMES[name].capitalize(),
        "meaning": PART_MEANINGS[name],
        "questions": part.get("shared_questions", 0),
        "sizes": _sizes(part, answers),
        "lines": lines,
        "beside": beside,
        "rest": [line for line in lines if line not in beside],
    }


def _reasons(lines: Iterable[ChangeLine | ExchangeLine]) -> list[str]:
    return list_reasons(problem for line in lines for problem in line.problems)


def _exchanges(parts: Mapping[str, Any], answers: AnswerSet) -> list[tuple[str, list[ExchangeLine]]]:
    """For each direction a table."""
    return [
        (words[0].upper() + words[1:], exchange_lines(parts, direction, answers=answers))
        for direction, words in DIRECTIONS.items()
    ]


def _cells(comparison: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for answers, words in (("located", "located answers"), ("all", "all answers")):
        for grouping, name in GROUPINGS.items():
            base, tuned = (_cell(comparison, side, answers, grouping) for side in ("base", "tuned"))
            yield f"{words}, {name}", base, tuned


def _cell(comparison: Mapping[str, Any], side: str, answers: str, grouping: str) -> str:
    holder = mapping_in(mapping_in(mapping_in(comparison, side), "chosen_cells"), answers)
    cell = mapping_in(holder, grouping)
    if not cell:
        return f"not defined: {reason_in(holder, grouping)}"
    value, interval = shown(estimate_in({"cell": cell}, "cell"))
    place = f"layer {cell['layer']}, {position_name(cell['position'])}"
    if cell["site"] != "residual":
        place = f"{cell['site']}, {place}"
    alone = cell["chosen_by"] == 1 < cell["folds"]
    often = (
        f"each of {cell['folds']} folds chose another" if alone else f"in {cell['chosen_by']} of {cell['folds']} folds"
    )
    return f"{place} ({often}); {value}{f', {interval}' if interval else ''}"


def _types(parts: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, part in parts.items():
        found = mapping_in(part, "error_types")
        if not found:
            continue
        lines, problems = [], []
        for key, entry in found["types"].items():
            label = key.replace("_", " ").replace("/", ": ")
            difference = shown(estimate_in(entry["share"], "difference", key="value"), percent=True, signed=True)
            lines.append((label, entry["base"], entry["tuned"], difference))
            unsure = missing_intervals(entry["share"], ["difference"])
            problems += [("No interval", reason, label) for reason in unsure.values()]
        yield {
            "title": PART_NAMES[name].capitalize(),
            "questions": found["questions"],
            "lines": lines,
            "reasons": list_reasons(problems),
        }


def _model_name(comparison: Mapping[str, Any], side: str) -> str:
    name = mapping_in(mapping_in(comparison, side), "model").get("name")
    return str(name).rstrip("/").rsplit("/", 1)[-1] if name else "an unnamed model"


def _setting(comparison: Mapping[str, Any], side: str, path: tuple[str, ...]) -> str:
    value: Any = mapping_in(comparison, side)
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return "–" if value is None else str(value)


def _about(comparison: Mapping[str, Any]) -> list[tuple[str, str]]:
    numbers = {
        "questions that both runs asked": "shared_questions",
        "asked in the base run only": "only_base",
        "asked in the tuned run only": "only_tuned",
        "draws of entities for the intervals": "replicates",
        "seed of the draws": "seed",
    }
    lines = [(w, f"{value:,.0f}") for w, key in numbers.items() if (value := number_in(comparison, key)) is not None]
    return [*lines, ("tacitly", str(comparison.get("tacitly", "–")))]
