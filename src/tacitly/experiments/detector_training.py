"""The detector that is saved: cell and penalty by cross-validation over all rows, refitted on all."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from tacitly.activations.base import StateTable
from tacitly.errors import UndefinedMetricError
from tacitly.experiments.answer_table import AnswerTable, Grouping, SetName
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


def train_detector(
    table: AnswerTable,
    states: StateTable,
    plans: FoldPlans,
    ranking: CellRanking,
    *,
    source: DetectorSource,
    seed: int,
) -> tuple[Detector | None, str | None]:
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
        The detector and None, or None and the reason.
    """
    probes = []
    reasons = []
    at_end = np.array([cell.position == ANY_ANSWER_POSITION for cell in ranking.cells], dtype=bool)
    roles: tuple[tuple[Role, SetName, Bool[np.ndarray, " cell"]], ...] = (
        ("exact_answer", "located", np.ones_like(at_end)),
        ("any_answer", "all", at_end),
    )
    for role, name, among in roles:
        try:
            probes.append(_train(role, name, among, table, states, plans, ranking))
        except UndefinedMetricError as error:
            reasons.append(f"{role.replace('_', ' ')}: {error}")
    if not probes:
        return None, "; ".join(reasons)
    detector = Detector.of(
        tuple(probes),
        model=source.model,
        task=source.task,
        seed=seed,
        version=source.version,
        asking=source.asking,
    )
    return detector, None


def _train(
    role: Role,
    name: SetName,
    among: Bool[np.ndarray, " cell"],
    table: AnswerTable,
    states: StateTable,
    plans: FoldPlans,
    ranking: CellRanking,
) -> LinearProbe:
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
    slope = choice.platt.slope / scale.spread
    header = ProbeHeader(
        role=role,
        site=cell.site,
        layer=cell.layer,
        position=cell.position,
        width=features.shape[1],
        C=choice.C,
        slope=slope,
        intercept=choice.platt.intercept - slope * scale.mean,
        threshold=choice.threshold,
        rows=int(rows.sum()),
        rows_correct=int((rows & table.correct).sum()),
        grouping=plan.grouping,
        cv_auroc=choice.inner_auroc,
    )
    return LinearProbe(header, probe.coef_[0].copy(), float(probe.intercept_[0]))
