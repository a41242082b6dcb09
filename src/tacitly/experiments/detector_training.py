"""The detector that is saved: cell and penalty by cross-validation over all rows, refitted on all."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from tacitly.activations.base import StateTable
from tacitly.errors import UndefinedMetricError
from tacitly.evaluation.calibration import Platt
from tacitly.evaluation.calibrators import Calibrator, Isotonic, Temperature
from tacitly.evaluation.decisions import choose_threshold
from tacitly.experiments.answer_table import AnswerTable, Grouping, SetName
from tacitly.experiments.calibrating import calibrate
from tacitly.experiments.cell_ranking import CellRanking
from tacitly.experiments.fold_plan import FoldPlans
from tacitly.experiments.nested_fit import choose_penalty
from tacitly.probes.asking import Asking
from tacitly.probes.detector import Detector, DetectorModel, LinearProbe, ProbeHeader, Role
from tacitly.probes.grid import MarginScale, best_cell
from tacitly.probes.logistic import LogisticProbe

ANY_ANSWER_POSITION = "-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorSource:
    """Whose answers a detector is trained on.

    Attributes:
        model: The model.
        task: What it was asked.
        version: Of tacitly.
        asking: How the answers were asked for.
    """

    model: DetectorModel
    task: str
    version: str
    asking: Asking | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedDetector:
    """What training leaves.

    Attributes:
        detector: The detector, or None.
        reason: Why there is none.
        inner: What probes that had not seen an answer say of it, calibrated as the detector is: by the first probe that
            can score it; NaN where neither can.
    """

    detector: Detector | None
    reason: str | None
    inner: Float[np.ndarray, " row"]


def train_detector(
    table: AnswerTable,
    states: StateTable,
    plans: FoldPlans,
    ranking: CellRanking,
    *,
    source: DetectorSource,
    seed: int,
) -> TrainedDetector:
    """Train the detector, or say why the answers do not allow one.

    One probe reads the best cell of located answers; a second one reads the last answer token and is trained on all
    answers, for those without a span. Folds are by given answer where those are defined, else by entity.

    Args:
        table: The answers.
        states: Their states.
        plans: The folds.
        ranking: The cross-validated AUROC of every cell.
        source: Whose answers they are.
        seed: The seed of the study.

    Returns:
        The detector, or the reason for none.
    """
    probes: list[LinearProbe] = []
    reasons: list[str] = []
    inner = np.full(len(table.correct), np.nan)
    at_end = np.array([cell.position == ANY_ANSWER_POSITION for cell in ranking.cells], dtype=bool)
    roles: tuple[tuple[Role, SetName, Bool[np.ndarray, " cell"]], ...] = (
        ("exact_answer", "located", np.ones_like(at_end)),
        ("any_answer", "all", at_end),
    )
    for role, name, among in roles:
        try:
            probe, said = _train(role, name, among, table, states, plans, ranking)
            probes.append(probe)
            inner = np.where(np.isnan(inner), said, inner)
        except UndefinedMetricError as error:
            reasons.append(f"{role.replace('_', ' ')}: {error}")
    if not probes:
        return TrainedDetector(detector=None, reason="; ".join(reasons), inner=inner)
    detector = Detector.of(
        tuple(probes),
        model=source.model,
        task=source.task,
        seed=seed,
        version=source.version,
        asking=source.asking,
    )
    return TrainedDetector(detector=detector, reason=None, inner=inner)


def _train(
    role: Role,
    name: SetName,
    among: Bool[np.ndarray, " cell"],
    table: AnswerTable,
    states: StateTable,
    plans: FoldPlans,
    ranking: CellRanking,
) -> tuple[LinearProbe, Float[np.ndarray, " row"]]:
    plan, best = None, None
    keys: list[tuple[SetName, Grouping]] = [(name, "by_answer"), (name, "by_entity")]
    for key in keys:
        if best is None and key in plans.detector:
            plan = plans.detector[key]
            best = best_cell(ranking.cells, ranking.detector[key], among=among & ranking.eligible[name])
    if plan is None or best is None:
        raise UndefinedMetricError(plans.reasons.get((name, "by_entity"), "no cell has a cross-validated AUROC"))
    cell = ranking.cells[best]
    features = states.states(cell.site, cell.layer, cell.position)
    present = states.present(cell.position)
    folds = [outer.fold for outer in plan.folds]
    choice = choose_penalty(features, table.correct, present=present, inner=folds)
    rows = table.sets[name].rows & present
    probe = LogisticProbe(C=choice.C).fit(features[rows], table.correct[rows])
    scale = MarginScale.of(probe.decision_function(features[rows]))
    calibration = calibrate(choice, scale, table.correct, inner=folds)
    line = _line(calibration.chosen)
    scored = ~np.isnan(calibration.inner)
    header = ProbeHeader(
        role=role,
        site=cell.site,
        layer=cell.layer,
        position=cell.position,
        width=features.shape[1],
        C=choice.C,
        calibrator=calibration.choice.name,
        slope=line.slope,
        intercept=line.intercept,
        threshold=choose_threshold(table.correct[scored], calibration.inner[scored]),
        rows=int(rows.sum()),
        rows_correct=int((rows & table.correct).sum()),
        grouping=plan.grouping,
        cv_auroc=choice.inner_auroc,
    )
    steps = calibration.chosen if isinstance(calibration.chosen, Isotonic) else None
    return LinearProbe(header, probe.coef_[0].copy(), float(probe.intercept_[0]), steps), calibration.inner


def _line(calibrator: Calibrator) -> Platt:
    """The straight part of a calibration, as the header holds it."""
    if isinstance(calibrator, Temperature):
        return Platt(slope=1 / calibrator.temperature, intercept=0.0)
    if isinstance(calibrator, Isotonic):
        return calibrator.platt
    if isinstance(calibrator, Platt):
        return calibrator
    raise TypeError(f"a detector cannot hold a {type(calibrator).__name__}")
