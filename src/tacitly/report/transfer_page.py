"""The page of a transfer: one HTML file, offline, in the look of a study's report."""

from collections.abc import Iterator, Mapping
from typing import Any

from tacitly.report.comparison_lines import shown
from tacitly.report.names import GROUPINGS, position_name
from tacitly.report.offline_page import render_page
from tacitly.report.results import GROUPING_ORDER, mapping_in
from tacitly.report.transfer_matrix import Figure, TransferMatrix, is_clear, transfer_matrix
from tacitly.report.transfer_pictures import transfer_pictures
from tacitly.report.transfer_words import transfer_sentences

_MEANINGS = {
    "by_entity": "No probe has learned from an answer about anything that it is tested on.",
    "by_answer": "Besides, none has learned from an answer that gives what is given in the part that it is tested on. "
    "What falls here, and not by entity, was knowledge of which answers are often right.",
}


def build_transfer_page(transfer: Mapping[str, Any]) -> str:
    """Make the page.

    Args:
        transfer: The content of `transfer.json`.

    Returns:
        HTML that can be written as UTF-8: everything that came from a model or from data is escaped.
    """
    matrices = {grouping: transfer_matrix(transfer, grouping) for grouping in GROUPING_ORDER}
    pictures = {grouping: transfer_pictures(matrix, grouping) for grouping, matrix in matrices.items()}
    sentences = transfer_sentences(transfer)
    runs = mapping_in(transfer, "runs")
    return render_page(
        "transfer.html.j2",
        pictures=[picture for several in pictures.values() for picture in several],
        styles=("comparison.css",),
        models=list(dict.fromkeys(_model(run) for run in runs.values())),
        sentences=sentences,
        notes=transfer.get("notes") or [],
        parts=[
            {
                "key": grouping.replace("_", "-"),
                "title": GROUPINGS[grouping].capitalize(),
                "meaning": _MEANINGS[grouping],
                "pictures": pictures[grouping],
                "tested": matrix.tested,
                "lines": [(a, [_cell(matrix, a, b) for b in matrix.tested]) for a in matrix.trained],
                "reasons": list(_reasons(matrix)),
                "probes": list(_probes(matrix)),
            }
            for grouping, matrix in matrices.items()
        ],
        runs=[_run(name, run) for name, run in runs.items()],
        about=_about(transfer),
    )


def _cell(matrix: TransferMatrix, trained: str, tested: str) -> dict[str, Any]:
    """What a table shows of a pair: AUROC, its interval, the difference, and whether that is clear of 0."""
    auroc, gain = (matrix.estimate(trained, tested, figure) for figure in ("auroc", "minus_baseline"))
    value, interval = shown(auroc)
    difference, reach = shown(gain, signed=True)
    return {
        "value": value,
        "interval": interval,
        "difference": difference if gain.value is not None else "",
        "reach": reach,
        "verdict": is_clear(gain, 0.0) or "",
        "own": trained == tested,
    }


_LACKING: Mapping[Figure, str] = {"auroc": "Not defined", "minus_baseline": "Without a difference"}


def _reasons(matrix: TransferMatrix) -> Iterator[str]:
    """Why entries are not defined, or their intervals are not, each reason once with all that it is true of."""
    found: dict[tuple[str, str], list[str]] = {}
    for (trained, tested), entry in matrix.entries.items():
        for key, words in _LACKING.items():
            if entry.get(key) is None and (key == "auroc" or entry.get("auroc")):
                reason = matrix.estimate(trained, tested, key).reason or ""
                found.setdefault((words, reason), []).append(f"{trained} → {tested}")
        if isinstance(entry.get("ci_reason"), str):
            found.setdefault(("Without an interval", entry["ci_reason"]), []).append(f"{trained} → {tested}")
    for (words, reason), pairs in found.items():
        yield f"{words}: {'; '.join(pairs)} ({reason})"


def _probes(matrix: TransferMatrix) -> Iterator[tuple[str, str, str, str, str]]:
    """What each probe learned from, where it reads, and on how many answers it was tested."""
    for (trained, tested), entry in matrix.entries.items():
        if "trained_on" in entry:
            cells = [
                f"layer {c['layer']}, {position_name(c['position'])}, C = {c['C']:g}"
                + ("" if c["site"] == "residual" else f", {c['site']}")
                for c in entry["cells"]
            ]
            learned = f"{entry['trained_on']:,}" + (f" ({entry['left_out']:,} left out)" if entry["left_out"] else "")
            yield trained, tested, learned, "; ".join(cells), f"{entry['rows']:,} ({entry['rows_correct']:,} right)"


def _run(name: str, run: Mapping[str, Any]) -> tuple[str, ...]:
    values = (run.get("task"), _model(run), run.get("run"), run.get("created"))
    counts = (run.get("located"), run.get("located_correct"), run.get("entities"))
    return (name, *(str(value or "–") for value in values), *(f"{count or 0:,}" for count in counts))


def _model(run: Mapping[str, Any]) -> str:
    name = mapping_in(run, "model").get("name")
    return str(name).rstrip("/").rsplit("/", 1)[-1] if name else "an unnamed model"


def _about(transfer: Mapping[str, Any]) -> list[tuple[str, str]]:
    lines = {
        "baseline": transfer.get("baseline"),
        "intervals": mapping_in(transfer, "intervals").get("resampled"),
        "draws for the intervals": transfer.get("replicates"),
        "seed of the draws": transfer.get("seed"),
        "tacitly": transfer.get("tacitly"),
    }
    return [(name, str(value)) for name, value in lines.items() if value is not None]
