"""Telling trackers of a run once its report is made; what fails there costs a warning and never the run."""

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout

from tacitly.collect.tables import greedy_rows
from tacitly.progress import Progress
from tacitly.report.error_types import types_section
from tacitly.report.pictures import Picture, comparison_pictures, curve_pictures, heatmap_pictures, located_pictures
from tacitly.report.risk_pictures import risk_pictures
from tacitly.report.selection import selection_section
from tacitly.run_folder import RunFolder
from tacitly.tracking.catalog import load_tracker
from tacitly.tracking.values import flat_metrics, flat_settings

METRICS = "metrics.json"


def tell_trackers(run: RunFolder, names: Sequence[str], *, progress: Progress) -> list[str]:
    """Tell each tracker of a run's settings, metrics and figures, unless it was told of these very figures before.

    Args:
        run: A run with a report.
        names: The trackers.
        progress: Hears of each tracker.

    Returns:
        A warning for each tracker that failed; the others were told all the same.
    """
    told, now = run.manifest.told, run.manifest.files[METRICS]
    pending = [name for name in names if told.get(name) != now]
    if not pending:
        return []
    metrics, pictures = run.json(METRICS), run_pictures(run)
    settings = flat_settings(run.manifest.settings, model=run.manifest.model)
    numbers = flat_metrics(metrics)
    progress.begin("telling trackers", len(pending))
    warnings = []
    for name in pending:
        try:
            with redirect_stdout(sys.stderr):  # what a study prints there is its result
                tracker = load_tracker(name)
                tracker.start(run.path.resolve().name, run.path, settings)
                tracker.log(numbers)
                for picture in pictures:
                    tracker.figure(picture)
                tracker.finish()
        except Exception as error:  # each tracker's client raises its own
            words = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            warnings.append(f"{name} was not told of this run ({words}); the run itself is whole")
            progress.note(f"warning: {warnings[-1]}")
        else:
            told[name] = now
            run.commit()
        progress.advance()
    return warnings


def run_pictures(run: RunFolder) -> list[Picture]:
    """The figures of a run's report."""
    metrics, scores, rows = run.json(METRICS), run.table("scores"), greedy_rows(run)
    sections = [section for section in (types_section(metrics), selection_section(metrics)) if section]
    return [
        *comparison_pictures(metrics),
        *curve_pictures(scores, rows),
        *risk_pictures(scores, rows),
        *located_pictures(metrics),
        *heatmap_pictures(metrics, answers="located"),
        *heatmap_pictures(metrics, answers="all"),
        *(picture for section in sections for picture in section.pictures),
    ]
