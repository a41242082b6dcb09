"""Probes of one model tested on another: do the same directions still tell right from wrong?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from tacitly.activations.base import StateTable
from tacitly.evaluation.folds import separate
from tacitly.evaluation.metrics import snap_ties
from tacitly.experiments.answer_table import SETS, AnswerTable, Grouping, SetName
from tacitly.experiments.probe_stage import PROBE, read_cell
from tacitly.experiments.score_rows import SCORE_COLUMNS, method_in
from tacitly.probes.grid import Cell, MarginScale
from tacitly.probes.logistic import LogisticProbe

EXCHANGED = "probe_of_other_model"
GROUPING: Grouping = "by_entity"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbedRun:
    """A run whose probes were trained.

    Attributes:
        table: Its answers.
        states: Their states.
        folds: answer_id, grouping, seed, outer_fold, as the run wrote them.
        choices: The cell and penalty that each outer fold chose.
    """

    table: AnswerTable
    states: StateTable
    folds: pd.DataFrame
    choices: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What the source's probes say about the target's answers.

    Attributes:
        scores: Score rows of `probe_of_other_model`, by entity; those of all answers begin with `all:`.
        reasons: Why a set of answers has none.
    """

    scores: pd.DataFrame
    reasons: Mapping[SetName, str]


def exchange_probes(source: ProbedRun, target: ProbedRun) -> Exchange:
    """Train the source's nested probes again and let each score the target's answers about the entities of its fold.

    Each probe is trained at the cell and penalty that its fold chose, on the source's states and labels of the training
    part. It is tested on the target's answers about entities of the tested part, so no entity is in both. Nothing is
    chosen by looking at the target.

    Args:
        source: Whose probes.
        target: Whose answers are tested; about the same entities.

    Returns:
        The scores; a probe that cannot read the target, or has one class only, gives none.
    """
    frames: list[pd.DataFrame] = []
    reasons: dict[SetName, str] = {}
    for answers in SETS:
        found, problems = [], []
        for choice in source.choices:
            if (choice["set"], choice["grouping"], choice["method"]) != (answers, GROUPING, PROBE):
                continue
            scores = _score(source, target, answers, choice)
            if isinstance(scores, str):
                problems.append(scores)
            elif len(scores):
                found.append(scores)
        if found:
            frames += found
        else:
            reasons[answers] = problems[0] if problems else "the source run has no probe to test"
    empty = pd.DataFrame({name: pd.Series(dtype=object) for name in SCORE_COLUMNS})
    return Exchange(scores=pd.concat(frames, ignore_index=True) if frames else empty, reasons=reasons)


def _score(source: ProbedRun, target: ProbedRun, answers: SetName, choice: Mapping[str, Any]) -> pd.DataFrame | str:
    """One fold's scores, or why there are none."""
    cell = Cell(choice["site"], choice["layer"], choice["position"])
    if problem := _unreadable(cell, target.states):
        return problem
    rows, labels = source.table.sets[answers].rows, source.table.correct
    entities = source.table.groups[GROUPING]
    tested = _fold_numbers(source, choice["seed"]) == choice["outer_fold"]
    fold = separate(tested, number=choice["outer_fold"], among=rows, apart=[entities])
    present = source.states.present(cell.position)
    train = fold.train & present & ~np.isin(entities, np.unique(entities[tested]))
    if labels[train].all() or not labels[train].any():
        return "the training part has one class only"
    learned = read_cell(source.states, cell, rows)
    read = read_cell(target.states, cell, target.table.sets[answers].rows)
    if read.shape[1] != learned.shape[1]:
        return f"states of {learned.shape[1]} numbers in one model, of {read.shape[1]} in the other"
    probe = LogisticProbe(C=choice["C"]).fit(learned[train], labels[train])
    scale = MarginScale.of(probe.decision_function(learned[train]))
    about: Bool[np.ndarray, " row"] = np.isin(target.table.groups[GROUPING], np.unique(entities[tested]))
    asked = about & target.table.sets[answers].rows & target.states.present(cell.position)
    margins: Float[np.ndarray, " row"] = np.zeros(0)
    if asked.any():
        margins = snap_ties(scale.apply(probe.decision_function(read[asked])))
    return pd.DataFrame(
        {
            "answer_id": target.table.ids(asked),
            "method": method_in(answers, EXCHANGED),
            "grouping": GROUPING,
            "seed": choice["seed"],
            "outer_fold": choice["outer_fold"],
            "score": margins,
        }
    )


def _unreadable(cell: Cell, states: StateTable) -> str | None:
    if cell.site not in states.sites:
        return f"the other run has no states at {cell.site}"
    if cell.layer not in states.layers(cell.site):
        return f"the other run has no layer {cell.layer} at {cell.site}"
    if cell.position not in states.positions:
        return f"the other run has no states at {cell.position}"
    return None


def _fold_numbers(run: ProbedRun, seed: int) -> Int[np.ndarray, " row"]:
    """The outer fold of each of a run's rows; -1 where none tests it."""
    mine = run.folds[(run.folds["grouping"] == GROUPING) & (run.folds["seed"] == seed)]
    by_id = dict(zip(mine["answer_id"], mine["outer_fold"], strict=True))
    return np.array([by_id.get(answer, -1) for answer in run.table.rows["answer_id"]], dtype=np.int64)
