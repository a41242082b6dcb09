"""Was the direction of every score fixed in advance? Scores are made again from the files and compared."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from tacitly.experiments.answer_table import SETS, Grouping, SetName
from tacitly.experiments.checks.check import Check
from tacitly.experiments.checks.refits import Refit, fitted_scores
from tacitly.experiments.checks.study_files import StudyFiles
from tacitly.experiments.probe_stage import PROBE
from tacitly.experiments.score_rows import method_in

FAR = 0.01
"""Of a probability, or of the spread of a baseline's scores: more than rounding on another machine can make."""


def check_signs(files: StudyFiles, grouping: Grouping, refits: Sequence[Refit]) -> Check | None:
    """Hold the scores of the probe and of the baselines against those that the answers and states give.

    Higher means more likely right, for every method and in every study; a score that was turned round after a look at
    the tested part is not the one that comes out again.

    Args:
        files: The study.
        grouping: The grouping.
        refits: Its probes, made again.

    Returns:
        The check; None where nothing was scored.
    """
    found: dict[str, float] = {}
    for name in SETS:
        for method, values in _made_again(files, name, refits).items():
            gap = _largest_gap(files, grouping, method_in(name, method), values)
            if gap is not None:
                found[method_in(name, method)] = gap
    if not found:
        return None
    worst = max(found, key=lambda method: found[method])
    off = sorted(method for method, gap in found.items() if not gap <= FAR)
    words = f"higher means more likely right for every method: {len(found)} kinds of scores come out again the same"
    if off:
        words = f"{len(off)} kinds of scores do not come out again, as if turned round: {', '.join(off[:4])}"
    return Check(
        name=f"signs.{grouping}",
        kind="protocol",
        ok=not off,
        words=words,
        value={"scores": len(found), "off": len(off), "largest_difference": _finite(found[worst])},
        limit={"off": 0, "largest_difference": FAR},
    )


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _made_again(files: StudyFiles, name: SetName, refits: Sequence[Refit]) -> dict[str, Float[np.ndarray, " row"]]:
    """Every answer's score by the probe that tests it, and by each baseline."""
    made = dict(files.table.sets[name].baselines)
    probe = np.full(len(files.table.correct), np.nan)
    for refit in refits:
        if refit.answers == name:
            scores = fitted_scores(refit)
            probe = np.where(np.isnan(scores), probe, scores)
    return {PROBE: probe, **made} if not np.isnan(probe).all() else made


def _largest_gap(files: StudyFiles, grouping: Grouping, method: str, values: Float[np.ndarray, " row"]) -> float | None:
    """How far the scores of the first seed are from these; of a baseline, in units of their spread."""
    rows, seeds = files.scores, files.seeds(grouping)
    if rows.empty or not seeds:
        return None
    mine = rows[(rows["method"] == method) & (rows["grouping"] == grouping) & (rows["seed"] == seeds[0])]
    if mine.empty:
        return None
    again = pd.Series(values, index=files.table.rows["answer_id"]).reindex(mine["answer_id"]).to_numpy()
    said = mine["score"].to_numpy(dtype=np.float64)
    spread = 1.0 if method in (PROBE, method_in("all", PROBE)) else max(float(np.nanstd(again)), 1e-9)
    gap = float(np.max(np.abs(said - again))) / spread  # NaN where a score cannot be made again
    return gap if np.isfinite(gap) else float("inf")
