"""The card of a detector: what it is for, what it is worth, and what it must not be trusted with."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from tacitly.probes.asking import Asking
from tacitly.probes.detector import Abstention, DetectorHeader, ProbeHeader
from tacitly.probes.detector_header import TokenHeader

_ROLES = {
    "exact_answer": "Answers with an exact answer",
    "any_answer": "Any answer, read at its last token",
}
_NEEDS = {
    (): "text of its own around the question",
    ("context",): "its context",
    ("choices",): "its choices",
    ("context", "choices"): "its context and its choices",
}
_CALIBRATORS = {
    "temperature": "a temperature",
    "platt": "Platt scaling",
    "isotonic": "isotonic regression, so that many answers share a probability",
}
_GROUPINGS = {
    "by_entity": "on entities that it has not seen",
    "by_answer": "on answers and entities that it has not seen",
}

_MOMENTS = {"first": "after the first token", "middle": "at the middle", "end": "at the end"}


def write_card(header: DetectorHeader, *, metrics: Mapping[str, Any]) -> str:
    """Write the card.

    Args:
        header: The detector's header.
        metrics: The study's figures; a part that is missing or null is said to be not defined, with its reason.

    Returns:
        Markdown.

    Example:
        >>> model = {"name": "some/model", "revision": None, "weights_hash": "ab12"}
        >>> probe = dict(role="any_answer", site="residual", layer=3, position="-1", width=4, C=0.01, slope=1.0,
        ...              intercept=0.0, threshold=0.5, rows=100, rows_correct=40, grouping="by_answer", cv_auroc=0.7)
        >>> header = DetectorHeader(tacitly="0.1.0", model=model, task="medfacts", seed=0, probes=(probe,))
        >>> print(write_card(header, metrics={}).splitlines()[0])
        # Error detector for some/model
    """
    model = header.model
    lines = [
        f"# Error detector for {model.name}",
        "",
        "Scores answers of one language model, from its activations, by how likely they are to be right.",
        "",
        f"- Model: `{model.name}`, revision {_code(model.revision)}, weights {_code(model.weights_hash)}",
        f"- Trained on: greedy answers to the task `{header.task}`, seed {header.seed}",
        *_asking_lines(header.asking),
        f"- Made with: tacitly {header.tacitly}",
        "",
    ]
    for probe in header.probes:
        lines += _probe_lines(probe)
    lines += _token_lines(header.tokens, metrics)
    lines += _abstention_lines(header.abstention)
    lines += ["## What it is worth", "", *_worth_lines(metrics), "", "## Use", "", *_USE]
    return "\n".join(lines) + "\n"


_USE = (
    "Meant for: ranking answers of this model, to questions like those of the task, by how likely they are to be right;"
    " choosing which to check by hand or by another source.",
    "",
    "Not meant for: deciding alone whether an answer may be relied on, least of all a medical one; other models, or"
    " other weights under the same name; other languages, prompts or kinds of question, unless tried there first.",
    "",
    "Limits: it learned from one judge's labels and repeats that judge's mistakes. Probabilities are calibrated to the"
    " share of right answers in the training questions and drift where that share is another. The gap between both"
    " figures above is what it owes to having met the same answers before.",
)


def _asking_lines(asking: Asking | None) -> list[str]:
    if asking is None:
        return []
    first = f"after {len(asking.turns)} messages of examples, " if asking.turns else ""
    system = "with a system prompt, " if asking.system_prompt else ""
    more = ""
    if not asking.whole:
        more = f", each with {_NEEDS[asking.needs]}"
    return [
        f"- Asked: {first}{system}in at most {asking.max_new_tokens} tokens{more}",
        f"- Exact answers located by: {', '.join(f'`{name}`' for name in asking.locator)}",
    ]


def _probe_lines(probe: ProbeHeader) -> list[str]:
    return [
        f"## {_ROLES[probe.role]}",
        "",
        f"- Reads: site `{probe.site}`, layer {probe.layer} (0 is the embedding output), position `{probe.position}`, "
        f"width {probe.width}",
        f"- Learned from {probe.rows} answers, {probe.rows_correct} of them right; penalty C = {probe.C:g}",
        f"- Calibrated by {_CALIBRATORS[probe.calibrator]}",
        f"- Calls an answer right from a probability of {probe.threshold:.2f} on",
        f"- Cross-validated AUROC of the chosen cell, too high since it was used to choose: {probe.cv_auroc:.2f}",
        "",
    ]


def _token_lines(tokens: TokenHeader | None, metrics: Mapping[str, Any]) -> list[str]:
    if tokens is None:
        return []
    lines = [
        "## Tokens, while an answer is written",
        "",
        f"- Reads: site `{tokens.site}`, layer {tokens.layer} of every answer token; other layers for the picture only",
        f"- Learned from {tokens.tokens:,} tokens of {tokens.answers:,} answers; against 1 for an exact answer, what "
        f"stands before it counts {tokens.before:.2f} and what stands after it {tokens.after:.2f}",
    ]
    for grouping, words in _GROUPINGS.items():
        sides = (metrics.get("token_scores") or {}).get(grouping) or {}
        shown = [f"{_MOMENTS[moment]} {_figure(entry)}" for moment, entry in sides.items() if moment in _MOMENTS]
        lines += [f"- AUROC {words}: {', '.join(shown)}"] if shown else []
    return [*lines, ""]


def _abstention_lines(promise: Abstention | None) -> list[str]:
    if promise is None:
        return []
    lines = ["## Abstaining", ""]
    if promise.threshold is None:
        lines += [f"No threshold keeps the wrong ones among accepted answers to {promise.alpha:g}: {promise.reason}."]
    else:
        lines += [
            f"- Accept an answer from a probability of {promise.threshold:.3f} on: of the accepted ones at most a "
            f"share of {promise.alpha:g} is wrong",
            f"- That may fail with a chance of {promise.delta:g}, over the draw of the answers that it rests on",
            f"- It rests on {promise.answers} answers, each about another entity, that nothing else has seen: "
            f"{promise.accepted} are accepted, {promise.errors} of those are wrong",
        ]
    lines += [
        "",
        "It holds for answers to questions drawn like those of the task, and where these are others it does not.",
    ]
    return [*lines, ""]


def _worth_lines(metrics: Mapping[str, Any]) -> list[str]:
    lines = [
        "Nested cross-validation: the AUROC of probes whose cell and penalty were chosen without the tested answers, "
        "with a 95 % interval that resamples groups. 0.5 is chance.",
        "",
    ]
    everything = metrics.get("all_answers")
    for title, holder, part in (
        ("Answers with an exact answer", metrics, "best"),
        ("All answers, at the last token", everything if isinstance(everything, Mapping) else {}, "families"),
    ):
        lines += [f"{title}:", ""]
        for grouping, words in _GROUPINGS.items():
            entry = holder.get(grouping)
            if not isinstance(entry, Mapping):
                lines.append(f"- {words}: not defined ({holder.get(f'{grouping}_reason', 'not computed')})")
                continue
            figure = entry.get(part) or {}
            figure = figure.get("last_token", {}) if part == "families" else figure
            lines.append(f"- {words}: {_figure(figure)}")
            if part == "best":
                lines += _calibration_line(entry.get("calibration") or {})
                lines += [f"  - the best baseline there: {_figure(entry.get('best_baseline') or {})}"]
                lines += [f"  - cells that the folds chose: {_cells(figure.get('cells') or ())}"]
        lines.append("")
    return lines[:-1]


def _calibration_line(calibration: Mapping[str, Any]) -> list[str]:
    brier, error = calibration.get("brier"), calibration.get("ece")
    if brier is None:
        return []
    shown = f", calibration error {error:.2f}" if error is not None else ""
    return [f"  - its probabilities there: Brier score {brier:.2f}{shown}"]


def _figure(figure: Mapping[str, Any]) -> str:
    value, ends = figure.get("auroc"), figure.get("ci")
    if value is None:
        return f"not defined ({figure.get('reason', 'not computed')})"
    return f"{value:.2f}" if ends is None else f"{value:.2f} [{ends[0]:.2f}, {ends[1]:.2f}]"


def _cells(cells: Any) -> str:
    counts = Counter(f"{cell['site']} {cell['layer']} `{cell['position']}`" for cell in cells)
    return ", ".join(f"{name} ({count}x)" for name, count in counts.most_common()) or "none"


def _code(text: str | None) -> str:
    return "unknown" if text is None else f"`{text}`"
