"""The first half of error detection: folds, the grid, one probe per outer fold, and the detector."""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from tacitly.activations.base import StateTable
from tacitly.errors import UndefinedMetricError
from tacitly.evaluation.folds import OuterFold
from tacitly.evaluation.metrics import snap_ties
from tacitly.experiments.answer_table import AnswerTable, read_answers
from tacitly.experiments.calibrating import Calibration, calibrate
from tacitly.experiments.cell_ranking import CellRanking, rank_cells
from tacitly.experiments.detector_training import DetectorSource, train_detector
from tacitly.experiments.fold_plan import FoldPlan, FoldPlans, list_inner_folds, plan_folds
from tacitly.experiments.nested_fit import NestedFit, fit_nested
from tacitly.experiments.score_rows import ScoreRows
from tacitly.experiments.threads import run_in_threads
from tacitly.experiments.token_stage import TokenChoice, score_tokens, train_token_probes
from tacitly.probes.cell import Cell
from tacitly.probes.detector import Detector
from tacitly.probes.grid import best_cell, require_finite
from tacitly.probes.logistic import LogisticProbe
from tacitly.probes.penalties import RANKING_C
from tacitly.progress import Progress, RecordedProgress

PROBE = "probe"
LAST_TOKEN = "probe_last_token"  # noqa: S105
LAYER_0_EXACT = "layer0_exact_answer"
EXACT_CELL = Cell("residual", 0, "exact_answer_last_token")
LAST_POSITION = "-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeStage:
    """What the probes stage leaves.

    Attributes:
        folds: answer_id, grouping, seed, outer_fold; -1 for the training part of a task's own split.
        scores: Score rows of `probe` (a calibrated probability), `calibrated:<calibrator>`, `layer0_exact_answer` and
            `tokens:<moment>` (calibrated too), and of `all:probe` and `all:probe_last_token` for all answers.
        inner_folds: Which inner fold tests each answer of each outer fold's training part: set, grouping, seed,
            outer_fold, answer_id, inner_fold.
        record: What JSON can hold: `choices` (cell, C, inner AUROC, threshold and calibrator of each set, grouping,
            seed and outer fold), `skipped` folds, `grid`, `reasons`, and `tokens` (weights of each fold).
        detector: The detector, or None.
        detector_reason: Why there is none.
        detector_inner: The detector's probability for each answer, by probes that had not seen it; NaN where it has
            none.
    """

    folds: pd.DataFrame
    inner_folds: pd.DataFrame
    scores: pd.DataFrame
    record: dict[str, Any]
    detector: Detector | None
    detector_reason: str | None
    detector_inner: Float[np.ndarray, " row"]


@dataclass(frozen=True, slots=True)
class _Job:
    plan: FoldPlan
    outer: OuterFold
    method: str
    cell: Cell | None


@dataclass(frozen=True, slots=True)
class _Outcome:
    fit: NestedFit | None
    reason: str | None
    calibration: Calibration | None = None


def train_probes(
    rows: pd.DataFrame,
    states: StateTable,
    *,
    source: DetectorSource,
    seeds: Sequence[int] = (0,),
    seed: int = 0,
    progress: Progress | None = None,
) -> ProbeStage:
    """Run the probes of the whole protocol: nested, under both groupings, on located answers and on all.

    Args:
        rows: Greedy answers, one per row.
        states: Their states, in the same order.
        source: Whose answers they are, for the detector.
        seeds: One reshuffling of the outer folds each.
        seed: The seed of the study.
        progress: Hears of each cell.

    Returns:
        Folds, scores, choices, the heat map and the detector. What the data do not define has a reason instead.

    Reference:
        Orgad et al. (2025), section 3; the project's method, section 6.
    """
    progress = progress or RecordedProgress()
    table = read_answers(rows, states)
    plans = plan_folds(table, seeds=seeds, seed=seed)
    ranking = rank_cells(table, states, plans, rng=np.random.default_rng([seed, 2]), progress=progress)
    scores = ScoreRows(table)
    choices: list[dict[str, Any]] = []
    skipped: list[dict[str, Any]] = []
    of_tokens: list[TokenChoice] = []
    jobs = _list_jobs(plans, ranking)
    for job, outcome in zip(jobs, _run_jobs(jobs, table, states), strict=True):
        where = {
            "set": job.plan.answers,
            "grouping": job.plan.grouping,
            "seed": job.plan.seed,
            "outer_fold": job.outer.fold.number,
            "method": job.method,
        }
        if outcome.fit is None or job.cell is None:
            skipped.append({**where, "reason": outcome.reason})
            continue
        choice = outcome.fit.choice
        scores.add(job.plan, job.outer.fold.number, job.method, choice.platt.probability(outcome.fit.margins))
        if outcome.calibration is not None:
            for method, values in outcome.calibration.methods(outcome.fit.scale.restore(outcome.fit.margins)).items():
                scores.add(job.plan, job.outer.fold.number, method, values)
        if job.method == PROBE and job.plan.answers == "located":
            of_tokens.append(TokenChoice(plan=job.plan, outer=job.outer, cell=job.cell, C=choice.C))
        choices.append(
            {
                **where,
                "site": job.cell.site,
                "layer": job.cell.layer,
                "position": job.cell.position,
                "C": choice.C,
                "inner_auroc": choice.inner_auroc,
                "threshold": choice.threshold,
                **_chosen_calibrator(outcome.calibration),
            }
        )
    _score_embedding(table, states, plans, scores)
    told = score_tokens(table, states, of_tokens, scores, seed=seed)
    trained = train_detector(table, states, plans, ranking, source=source, seed=seed)
    detector, tokens_reason = _with_tokens(trained.detector, table, states, plans, seed=seed)
    record = {
        "choices": choices,
        "skipped": skipped,
        "grid": ranking.grid.astype(object).where(ranking.grid.notna(), None).to_dict("records"),
        "reasons": [
            {"set": name, "grouping": grouping, "reason": reason} for (name, grouping), reason in plans.reasons.items()
        ],
        "detector_reason": trained.reason,
        "tokens": told,
        "tokens_reason": tokens_reason,
    }
    return ProbeStage(
        folds=plans.assigned,
        inner_folds=list_inner_folds(plans.plans, table),
        scores=scores.frame(),
        record=record,
        detector=detector,
        detector_reason=trained.reason,
        detector_inner=trained.inner,
    )


def _with_tokens(
    detector: Detector | None, table: AnswerTable, states: StateTable, plans: FoldPlans, *, seed: int
) -> tuple[Detector | None, str | None]:
    """The detector with probes of answer tokens, or why it has none."""
    if detector is None:
        return None, "there is no detector"
    try:
        return detector.reading_tokens(train_token_probes(table, states, plans, detector, seed=seed)), None
    except UndefinedMetricError as error:
        return detector, str(error)


def _list_jobs(plans: FoldPlans, ranking: CellRanking) -> list[_Job]:
    jobs = []
    at_end = np.array([cell.position == LAST_POSITION for cell in ranking.cells], dtype=bool)
    for p, plan in enumerate(plans.plans):
        for f, outer in enumerate(plan.folds):
            kinds: list[tuple[str, Bool[np.ndarray, " cell"]]] = [(PROBE, ranking.eligible[plan.answers])]
            if plan.answers == "all" and (at_end & ranking.eligible["all"]).any():
                kinds.append((LAST_TOKEN, ranking.eligible["all"] & at_end))
            for method, among in kinds:
                best = best_cell(ranking.cells, ranking.inner[p, f], among=among)
                jobs.append(_Job(plan, outer, method, None if best is None else ranking.cells[best]))
    return jobs


def _run_jobs(jobs: Sequence[_Job], table: AnswerTable, states: StateTable) -> list[_Outcome]:
    lock = Lock()

    def run(job: _Job) -> _Outcome:
        if job.cell is None:
            return _Outcome(None, "no inner fold has right and wrong answers in both parts")
        with lock:
            features = read_cell(states, job.cell, table.sets[job.plan.answers].rows)
        present = states.present(job.cell.position)
        try:
            fit = fit_nested(features, table.correct, present=present, outer=job.outer)
        except UndefinedMetricError as error:
            return _Outcome(None, str(error))
        if job.method != PROBE:
            return _Outcome(fit, None)
        return _Outcome(fit, None, calibrate(fit.choice, fit.scale, table.correct, inner=job.outer.inner))

    return run_in_threads(run, jobs)


def _chosen_calibrator(calibration: Calibration | None) -> dict[str, Any]:
    if calibration is None:
        return {}
    return {"calibrator": calibration.choice.name, "calibrator_brier": calibration.choice.brier}


def read_cell(states: StateTable, cell: Cell, rows: Bool[np.ndarray, " answer"]) -> Float[np.ndarray, "answer width"]:
    """The states of one cell, refused where a row that is in play is not finite."""
    features = states.states(cell.site, cell.layer, cell.position)
    require_finite(features[rows & states.present(cell.position)], cell)
    return features


def _score_embedding(table: AnswerTable, states: StateTable, plans: FoldPlans, scores: ScoreRows) -> None:
    """Score the located answers at layer 0 of the exact answer, where equal answers must get equal scores."""
    if EXACT_CELL.site not in states.sites or EXACT_CELL.layer not in states.layers(EXACT_CELL.site):
        return
    if EXACT_CELL.position not in states.positions:
        return
    features = read_cell(states, EXACT_CELL, table.sets["located"].rows)
    present = states.present(EXACT_CELL.position)
    for plan in plans.plans:
        for outer in plan.folds if plan.answers == "located" else ():
            train, test = outer.fold.train & present, outer.fold.test & present
            if not test.any() or len(set(table.correct[train].tolist())) < 2:
                continue
            found = np.full(len(table.correct), np.nan)
            probe = LogisticProbe(C=RANKING_C).fit(features[train], table.correct[train])
            found[test] = snap_ties(probe.decision_function(features[test]))
            scores.add(plan, outer.fold.number, LAYER_0_EXACT, found)
