"""What probes of the greedy answers say of the sampled ones, each by a probe that never saw its question."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from tacitly.activations.base import StateTable
from tacitly.experiments.answer_table import AnswerTable, SetName, read_answers
from tacitly.experiments.fold_plan import FoldPlan, plan_folds, tested_fold
from tacitly.experiments.nested_cells import FoldProbe, FoldTask, count_cells, fit_in_best_cells
from tacitly.experiments.probe_stage import LAST_POSITION, PROBE
from tacitly.experiments.score_rows import SAMPLES_PREFIX, SCORE_COLUMNS
from tacitly.progress import Progress

AT_ONCE = 4096  # sampled answers whose states are in memory together
OpenStates = Callable[[Sequence[str]], StateTable]
Probes = dict[tuple[SetName, int, int], FoldProbe]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleScores:
    """The probe's scores of sampled answers.

    Attributes:
        scores: Score rows of `samples:probe`, calibrated probabilities, by entity.
        choices: The cell and C of each set, seed and outer fold.
        reason: Why no sample has a score; None where some have.
    """

    scores: pd.DataFrame
    choices: list[dict[str, Any]]
    reason: str | None


def score_samples(
    greedy: pd.DataFrame,
    states: StateTable,
    sampled: pd.DataFrame,
    *,
    open_states: OpenStates,
    positions: Sequence[str],
    seeds: Sequence[int],
    seed: int,
    progress: Progress,
) -> SampleScores:
    """Score sampled answers by the folds' probes.

    For each outer fold by entity two probes learn from the training part's greedy answers: one of located answers, at
    the best cell among the positions that are kept for samples, and one of all answers at `-1`, for samples without an
    exact answer (and for all of them, where the fold has no probe of the first kind). Both give calibrated
    probabilities. A question's samples are scored by the probes of the fold that tests it.

    Args:
        greedy: Greedy answers, one per row.
        states: Their states.
        sampled: Sampled answers: answer_id, question_id and located.
        open_states: Opens the states of sampled answers by their ids.
        positions: Where states of samples are kept.
        seeds: One reshuffling of the outer folds each.
        seed: The seed of the study.
        progress: Hears of each cell.

    Returns:
        The scores, or the reason why there are none.
    """
    table = read_answers(greedy, states)
    plans = plan_folds(table, seeds=seeds, seed=seed)
    kept = [position for position in positions if position in states.positions]
    of_set: dict[SetName, list[str]] = {"located": kept, "all": [p for p in kept if p == LAST_POSITION]}
    keys: list[tuple[SetName, int, int]] = []
    tasks = []
    by_entity = [plan for plan in plans.plans if plan.grouping == "by_entity"]
    for plan in by_entity:
        eligible = tuple(p for p in of_set[plan.answers] if table.sets[plan.answers].positions.get(p, False))
        for outer in plan.folds if eligible else ():
            keys.append((plan.answers, plan.seed, outer.fold.number))
            rows = table.sets[plan.answers].rows
            tasks.append(FoldTask(labels=table.correct, rows=rows, positions=eligible, outer=outer))
    progress.begin("scores of samples", count_cells(states, kept) if tasks else 0)
    probes = dict(zip(keys, fit_in_best_cells(tasks, states, progress=progress), strict=True))
    probes = {key: probe for key, probe in probes.items() if probe.fit is not None}
    frames = [_score_seed(table, by_entity, shuffle, sampled, probes, open_states) for shuffle in seeds]
    scores = pd.concat(frames, ignore_index=True)
    reason = None
    if scores.empty:
        missing = plans.reasons.get(("all", "by_entity"), "no fold has a probe at a position that samples have")
        reason = missing if kept else "no states of samples are kept (capture.sample_positions)"
    return SampleScores(scores=scores, choices=[_choice(key, probe) for key, probe in probes.items()], reason=reason)


def _score_seed(
    table: AnswerTable,
    plans: Sequence[FoldPlan],
    seed: int,
    sampled: pd.DataFrame,
    probes: Probes,
    open_states: OpenStates,
) -> pd.DataFrame:
    folds = pd.Series(_folds_of_questions(table, [p for p in plans if p.seed == seed]), index=table.rows["question_id"])
    mine = sampled[sampled["question_id"].isin(folds.index)]
    numbers = folds.loc[mine["question_id"]].to_numpy()
    ids, located = mine["answer_id"].to_numpy(dtype=object), mine["located"].to_numpy(dtype=bool)
    values = np.full(len(mine), np.nan)
    tested = np.flatnonzero(numbers >= 0) if probes else np.zeros(0, dtype=np.int64)
    for start in range(0, len(tested), AT_ONCE):
        some = tested[start : start + AT_ONCE]
        some_states = open_states(ids[some].tolist())
        for probe, rows in _shares(probes, seed, numbers[some], located[some], some_states):
            values[some[rows]] = _probabilities(probe, some_states, rows)
    scored = ~np.isnan(values)
    columns = (ids[scored], SAMPLES_PREFIX + PROBE, "by_entity", seed, numbers[scored], values[scored])
    return pd.DataFrame(dict(zip(SCORE_COLUMNS, columns, strict=True)))


def _folds_of_questions(table: AnswerTable, plans: Sequence[FoldPlan]) -> Int[np.ndarray, " row"]:
    """The fold whose probes never saw each question; -1 for the training part of a task's own split.

    A question whose greedy answer is in no fold goes with its entity, or with the first fold where that is in none.
    """
    numbers = np.full(len(table.correct), -1)
    for plan in plans:
        found = tested_fold(plan, len(numbers))
        numbers = np.where(found >= 0, found, numbers)
    if table.tested is not None or not (numbers >= 0).any():
        return numbers
    of_entity = dict(zip(table.groups["by_entity"][numbers >= 0], numbers[numbers >= 0], strict=True))
    first = int(numbers[numbers >= 0].min())
    return np.array(
        [
            number if number >= 0 else of_entity.get(entity, first)
            for number, entity in zip(numbers.tolist(), table.groups["by_entity"], strict=True)
        ]
    )


def _shares(
    probes: Probes,
    seed: int,
    numbers: Int[np.ndarray, " sample"],
    located: Bool[np.ndarray, " sample"],
    states: StateTable,
) -> Iterator[tuple[FoldProbe, Int[np.ndarray, " sample"]]]:
    """Each probe with the samples that it scores."""
    for number in np.unique(numbers):
        open_ = numbers == number
        for name in ("located", "all"):
            probe = probes.get((name, seed, int(number)))
            if probe is None or probe.cell is None:
                continue
            able = open_ & states.present(probe.cell.position) & (located if name == "located" else True)
            open_ = open_ & ~able
            if able.any():
                yield probe, np.flatnonzero(able)


def _probabilities(
    probe: FoldProbe, states: StateTable, rows: Int[np.ndarray, " sample"]
) -> Float[np.ndarray, " sample"]:
    """How likely right each sample is; NaN where its states are no numbers."""
    if probe.cell is None or probe.fit is None:
        return np.full(len(rows), np.nan)
    features = states.states(probe.cell.site, probe.cell.layer, probe.cell.position)[rows]
    whole = np.isfinite(features).all(axis=1)
    found = np.full(len(rows), np.nan)
    if whole.any():
        margins = probe.fit.scale.apply(probe.fit.probe.decision_function(features[whole]))
        found[whole] = probe.fit.choice.platt.probability(margins)
    return found


def _choice(key: tuple[SetName, int, int], probe: FoldProbe) -> dict[str, Any]:
    name, seed, number = key
    cell, fit = probe.cell, probe.fit
    return {
        "set": name,
        "seed": seed,
        "outer_fold": number,
        "site": cell.site if cell else None,
        "layer": cell.layer if cell else None,
        "position": cell.position if cell else None,
        "C": fit.choice.C if fit else None,
        "inner_auroc": fit.choice.inner_auroc if fit else None,
    }
