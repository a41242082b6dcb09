"""The detector's card: what it is, what it is worth, and what it is not for."""

from collections.abc import Mapping
from typing import Any

from tacitly.probes.detector import DetectorHeader

_LINES = (
    ("probe", "best", "auroc"),
    ("best baseline", "best_baseline", "auroc"),
    ("best control", "best_control", "auroc"),
    ("probe minus best baseline", "gain_over_best_baseline", "diff"),
    ("probe minus best control", "gain_over_best_control", "diff"),
)


def detector_card(header: DetectorHeader, metrics: Mapping[str, Any]) -> str:
    """Write the card.

    Args:
        header: The detector's header.
        metrics: The figures of the study that made it.

    Returns:
        Markdown.
    """
    model, counts = header.model, metrics["counts"]
    lines = [
        f"# Detector for {model.name} on {header.task}",
        "",
        "Scores an answer of this model with the probability that it is right, from the model's own activations.",
        "",
        "## Made from",
        "",
        f"- model: {model.name}, revision {model.revision or 'none'}, weights sha256 {model.weights_hash or 'unknown'}",
        f"- task: {header.task}, {counts['questions']} questions, {counts['correct']} answers right, "
        f"{counts['incorrect']} wrong, {counts['unknown']} unknown; "
        f"{counts['located_correct']} right and {counts['located_incorrect']} wrong ones with an exact answer",
        f"- seed {header.seed}, tacitly {header.tacitly}",
        "",
        "## Probes",
        "",
        "| for | site | layer | position | C | answers | right |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {p.role} | {p.site} | {p.layer} | {p.position} | {p.C:g} | {p.rows} | {p.rows_correct} |"
            for p in header.probes
        ),
        "",
        "Layer 0 is the embedding output, layer i the output of block i, before the final norm.",
        "",
        "## What it is worth",
        "",
        "AUROC with a 95 % interval, nested: layer, position and penalty chosen without the answers it is tested on.",
        "",
        "| | on entities it has not seen | on answers it has not seen |",
        "|---|---|---|",
        *(
            f"| {label} | {_figure(metrics, 'by_entity', part, key)} | {_figure(metrics, 'by_answer', part, key)} |"
            for label, part, key in _LINES
        ),
        "",
        *_cells(metrics),
        "## Intended use",
        "",
        f"Ranking or flagging short answers that {model.name} gives to questions like those of {header.task}, asked in "
        "the same prompt form. The second probe is for answers in which no exact answer is found.",
        "",
        "## Limits",
        "",
        "- It knows one model: other weights, even of the same name, are refused.",
        "- Its probabilities are calibrated on this task only. On other questions the order may hold, the level not.",
        "- Part of what it knows is how often an answer string is right. The second column is without that.",
        "- It does not say why an answer is wrong, and is no medical device.",
        "",
    ]
    return "\n".join(lines)


def _figure(metrics: Mapping[str, Any], grouping: str, part: str, key: str) -> str:
    found = (metrics.get(grouping) or {}).get(part) or {}
    if found.get(key) is None or not found.get("ci"):
        reason = found.get("reason") or metrics.get(f"{grouping}_reason") or "no figure"
        return f"not defined ({reason})"
    low, high = found["ci"]
    sign = "+" if key == "diff" else ""
    return f"{found[key]:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


def _cells(metrics: Mapping[str, Any]) -> list[str]:
    lines = []
    for grouping, words in (("by_entity", "entity"), ("by_answer", "given answer")):
        cells = ((metrics.get(grouping) or {}).get("best") or {}).get("cells") or []
        if cells:
            named = ", ".join(f"{c['site']} {c['layer']} {c['position']}" for c in cells)
            lines += [f"Cells that the folds by {words} chose: {named}.", ""]
    return lines
