"""The second half of error detection: baselines, controls, and what the probe adds to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from tacitly.activations.base import StateTable
from tacitly.baselines.catalog import CONTROLS
from tacitly.errors import UndefinedMetricError
from tacitly.evaluation.calibration import fit_platt
from tacitly.evaluation.folds import OuterFold
from tacitly.experiments.answer_table import AnswerTable, read_answers, with_further
from tacitly.experiments.calibrating import CALIBRATED_PREFIX
from tacitly.experiments.control_scores import inner_auroc, score_control
from tacitly.experiments.fold_plan import FoldPlan, plan_folds
from tacitly.experiments.nested_fit import fit_nested
from tacitly.experiments.probe_controls import LAYER_0, SHUFFLED, ProbeControls
from tacitly.experiments.probe_stage import PROBE
from tacitly.experiments.score_rows import CONTROL_PREFIX, ScoreRows
from tacitly.experiments.threads import run_in_threads
from tacitly.probes.logistic import LogisticProbe
from tacitly.progress import Progress, RecordedProgress

BEST_BASELINE = "best_baseline"
BEST_CONTROL = "best_control"
COMBINED = "combined"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineStage:
    """What the baselines stage leaves.

    Attributes:
        scores: Score rows of every baseline, of the controls (`control:<name>`, and
            `control:shuffled/<i>` for each shuffle), of `best_baseline`, `best_control` and
            `combined`, and of the first two as probabilities (`calibrated:best_baseline`, `calibrated:best_control`);
            those of all answers begin with `all:`. They are of exactly the answers that the probe scored.
        record: What JSON can hold: `choices` (best baseline and control of each outer fold, with the mean inner AUROC
            of every candidate) and `missing` (why a baseline or control was not compared).
    """

    scores: pd.DataFrame
    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _FoldResult:
    methods: dict[str, Float[np.ndarray, " row"]]
    best_baseline: str | None
    best_control: str | None
    inner: dict[str, dict[str, float]]
    missing: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Controls:
    """The controls of an outer fold.

    Attributes:
        scores: Of the tested answers.
        train: Of the training part's answers, each learned without it; not of shuffled labels.
        inner: Their mean inner AUROC.
        missing: Why some have none.
    """

    scores: dict[str, Float[np.ndarray, " row"]]
    train: dict[str, Float[np.ndarray, " row"]]
    inner: dict[str, float]
    missing: dict[str, str]


def score_baselines(
    rows: pd.DataFrame,
    states: StateTable,
    *,
    probes: Mapping[str, Any],
    further: Mapping[str, Float[np.ndarray, " row"]] | None = None,
    absent: Mapping[str, str] | None = None,
    seeds: Sequence[int] = (0,),
    seed: int = 0,
    progress: Progress | None = None,
) -> BaselineStage:
    """Score what the probe is held against, on the same answers and folds.

    The best baseline, the best control and the weights of `combined` are chosen in the training part of each fold, by
    mean inner AUROC. Shuffled labels are a check and no candidate for the best control.

    Args:
        rows: Greedy answers, the same as for the probes.
        states: Their states.
        probes: The record of the probes stage.
        further: Scores of more baselines by name, in the order of the rows; each is compared in a set of answers where
            every answer in play has a finite score, and none decides which answers are in play.
        absent: Why other baselines have no scores at all.
        seeds: The same as for the probes.
        seed: The same as for the probes.
        progress: Hears of each outer fold.

    Returns:
        The scores and the choices.
    """
    progress = progress or RecordedProgress()
    table = with_further(read_answers(rows, states), further or {}, absent or {})
    plans = plan_folds(table, seeds=seeds, seed=seed)
    chosen = {
        (c["set"], c["grouping"], c["seed"], c["outer_fold"]): c for c in probes["choices"] if c["method"] == PROBE
    }
    jobs = [
        (plan, outer, chosen[key])
        for plan in plans.plans
        for outer in plan.folds
        if (key := (plan.answers, plan.grouping, plan.seed, outer.fold.number)) in chosen
    ]
    controls = ProbeControls(table, states, seed=seed)
    progress.begin("baselines", len(jobs))

    def run(job: tuple[FoldPlan, OuterFold, Mapping[str, Any]]) -> _FoldResult:
        return _score_fold(job[0], job[1], job[2], table, controls)

    scores = ScoreRows(table)
    choices = []
    missing: dict[tuple[str, str, str], str] = {}
    for (plan, outer, _), result in zip(jobs, run_in_threads(run, jobs), strict=True):
        for method, values in result.methods.items():
            scores.add(plan, outer.fold.number, method, values)
        choices.append(
            {
                "set": plan.answers,
                "grouping": plan.grouping,
                "seed": plan.seed,
                "outer_fold": outer.fold.number,
                BEST_BASELINE: result.best_baseline,
                BEST_CONTROL: result.best_control,
                "inner_auroc": result.inner,
            }
        )
        reasons = {**table.sets[plan.answers].missing_baselines, **result.missing}
        missing |= {(plan.answers, plan.grouping, name): reason for name, reason in reasons.items()}
        progress.advance()
    return BaselineStage(
        scores=scores.frame(),
        record={
            "choices": choices,
            "missing": [
                {"set": name, "grouping": grouping, "method": method, "reason": reason}
                for (name, grouping, method), reason in missing.items()
            ],
        },
    )


def _score_fold(
    plan: FoldPlan, outer: OuterFold, choice: Mapping[str, Any], table: AnswerTable, controls: ProbeControls
) -> _FoldResult:
    features, present = controls.read(choice["site"], choice["layer"], choice["position"])
    probe = fit_nested(features, table.correct, present=present, outer=outer, grid=(choice["C"],))
    tested = outer.fold.test & present
    methods: dict[str, Float[np.ndarray, " row"]] = {}
    inner: dict[str, float] = {}
    for name, values in table.sets[plan.answers].baselines.items():
        methods[name] = np.where(tested, values, np.nan)
        inner[name] = inner_auroc(np.where(outer.fold.train & present, values, np.nan), outer.inner, table)
    best_baseline = _best(inner)
    if best_baseline is not None:
        methods[BEST_BASELINE] = methods[best_baseline]
        values = table.sets[plan.answers].baselines[best_baseline]
        methods[COMBINED] = _combine(probe.choice.margins, probe.margins, values, table.correct)
        train = np.where(outer.fold.train & present, values, np.nan)
        methods |= _calibrated(BEST_BASELINE, train, methods[best_baseline], table.correct)
    controlled = _score_controls(plan, outer, choice, table, controls, tested)
    methods |= {CONTROL_PREFIX + name: values for name, values in controlled.scores.items()}
    best_control = _best(controlled.inner)
    if best_control is not None:
        methods[BEST_CONTROL] = controlled.scores[best_control]
        train = controlled.train[best_control]
        methods |= _calibrated(BEST_CONTROL, train, methods[BEST_CONTROL], table.correct)
    candidates = {"baselines": _defined(inner), "controls": _defined(controlled.inner)}
    return _FoldResult(methods, best_baseline, best_control, candidates, controlled.missing)


def _score_controls(
    plan: FoldPlan,
    outer: OuterFold,
    choice: Mapping[str, Any],
    table: AnswerTable,
    controls: ProbeControls,
    tested: Bool[np.ndarray, " row"],
) -> _Controls:
    scores: dict[str, Float[np.ndarray, " row"]] = {}
    train_scores: dict[str, Float[np.ndarray, " row"]] = {}
    inner: dict[str, float] = {}
    missing: dict[str, str] = {}
    _, present = controls.read(choice["site"], choice["layer"], choice["position"])
    for name in CONTROLS:
        if name == "located" and plan.answers == "located":
            continue
        found = score_control(name, outer, table, present=present)
        if found is not None:
            scores[name], train_scores[name], inner[name] = found.test, found.train, found.inner
    for shuffle, margins in enumerate(controls.fit_shuffled(plan, outer, choice)):
        scores[f"{SHUFFLED}/{shuffle}"] = margins
    try:
        layer_0 = controls.fit_layer_0(outer, choice)
    except UndefinedMetricError as error:
        missing[CONTROL_PREFIX + LAYER_0] = str(error)
    else:
        scores[LAYER_0] = np.where(tested, layer_0.margins, np.nan)
        inner[LAYER_0] = layer_0.choice.inner_auroc
        train_scores[LAYER_0] = layer_0.choice.margins
    return _Controls(scores, train_scores, inner, missing)


def _defined(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if not np.isnan(value)}


def _best(values: Mapping[str, float]) -> str | None:
    defined = _defined(values)
    return max(defined, key=lambda name: defined[name]) if defined else None


def _calibrated(
    name: str,
    train: Float[np.ndarray, " row"],
    test: Float[np.ndarray, " row"],
    correct: Bool[np.ndarray, " row"],
) -> dict[str, Float[np.ndarray, " row"]]:
    """A method's scores of the tested answers as probabilities, by Platt scaling fitted on the training part."""
    scored = ~np.isnan(train)
    try:
        platt = fit_platt(train[scored], correct[scored])
    except UndefinedMetricError:
        return {}
    return {CALIBRATED_PREFIX + name: platt.probability(test)}


def _combine(
    train_margins: Float[np.ndarray, " row"],
    test_margins: Float[np.ndarray, " row"],
    baseline: Float[np.ndarray, " row"],
    correct: Bool[np.ndarray, " row"],
) -> Float[np.ndarray, " row"]:
    """Logistic regression on the probe's and the best baseline's score, learned from inner out-of-fold scores."""
    train = ~np.isnan(train_margins)
    test = ~np.isnan(test_margins)
    found = np.full(len(correct), np.nan)
    if test.any():
        model = LogisticProbe(C=1.0).fit(np.column_stack([train_margins[train], baseline[train]]), correct[train])
        found[test] = model.decision_function(np.column_stack([test_margins[test], baseline[test]]))
    return found
