"""Probes of one model tested on another: do the same directions still tell right from wrong?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int

from tacitly.activations.base import StateTable
from tacitly.evaluation.folds import separate
from tacitly.evaluation.metrics import snap_ties
from tacitly.experiments.answer_table import GROUPINGS, SETS, AnswerTable, Grouping, SetName, is_eligible
from tacitly.experiments.fold_plan import keys_apart
from tacitly.experiments.probe_stage import PROBE, read_cell
from tacitly.experiments.score_rows import SCORE_COLUMNS, method_in
from tacitly.probes.cell import Cell
from tacitly.probes.grid import MarginScale
from tacitly.probes.logistic import LogisticProbe

EXCHANGED = "probe_of_other_model"


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
        scores: Score rows of `probe_of_other_model`; those of all answers begin with `all:`.
        reasons: Why the source's probes say nothing about a set of answers under a grouping.
    """

    scores: pd.DataFrame
    reasons: Mapping[tuple[SetName, Grouping], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Probe:
    """A probe of the source: where it reads, what it learns from, and which of the target's answers it may score."""

    choice: Mapping[str, Any]
    train: Bool[np.ndarray, " row"]
    asked: Bool[np.ndarray, " row"]

    @property
    def cell(self) -> Cell:
        return Cell(self.choice["site"], self.choice["layer"], self.choice["position"])


def exchange_probes(source: ProbedRun, target: ProbedRun) -> Exchange:
    """Train the source's nested probes again and let each score the target's answers that belong to its fold.

    Each probe is trained at the cell and penalty that its fold chose, on the source's states and labels of the training
    part. By entity it is asked about the entities of its tested part; by answer about the answers given there, and
    about answers that the source never gave, to questions about entities from there. A target's answer is never scored
    by a probe that learned from its entity or, by answer, from its words. Nothing is chosen by looking at the target.

    The probes of a set and grouping stand together: where fewer than 95 % of the right or of the wrong answers have the
    tokens that they read, those that are left would be a selection, and none is scored.

    Args:
        source: Whose probes.
        target: Whose answers are tested; about the same entities, by a model of the same layers and sites.

    Returns:
        The scores; the reason where there are none. Where the source has no probes there is neither.
    """
    frames: list[pd.DataFrame] = []
    reasons: dict[tuple[SetName, Grouping], str] = {}
    for answers in SETS:
        for grouping in GROUPINGS:
            probes = list(_list_probes(source, target, answers, grouping))
            if not probes:
                continue
            reason = _unreadable(probes, target)
            scored = [] if reason else [_score(source, target, answers, probe) for probe in probes if probe.asked.any()]
            reason = reason or next((found for found in scored if isinstance(found, str)), None)
            if reason:
                reasons[answers, grouping] = reason
            else:
                frames += [found for found in scored if not isinstance(found, str)]
    empty = pd.DataFrame({name: pd.Series(dtype=object) for name in SCORE_COLUMNS})
    return Exchange(scores=pd.concat(frames, ignore_index=True) if frames else empty, reasons=reasons)


def _list_probes(source: ProbedRun, target: ProbedRun, answers: SetName, grouping: Grouping) -> Iterator[_Probe]:
    """The source's probes of a set and grouping; under each seed an answer is asked of one of them at most."""
    mine, theirs = (keys_apart(run.table, grouping) for run in (source, target))
    own, given = source.table.groups[grouping], target.table.groups[grouping]
    entities, about = (run.table.groups["by_entity"] for run in (source, target))
    wanted = [c for c in source.choices if (c["set"], c["grouping"], c["method"]) == (answers, grouping, PROBE)]
    for seed, choices in groupby(wanted, key=lambda choice: choice["seed"]):
        numbers = _fold_numbers(source, grouping, seed)
        has_fold = np.isin(given, np.unique(own[numbers >= 0]))
        free = target.table.sets[answers].rows.copy()
        for choice in choices:
            tested = numbers == choice["outer_fold"]
            rows = source.table.sets[answers].rows
            fold = separate(tested, number=choice["outer_fold"], among=rows, apart=mine)
            train = fold.train & source.states.present(choice["position"])
            of_fold = np.where(
                has_fold, np.isin(given, np.unique(own[tested])), np.isin(about, np.unique(entities[tested]))
            )
            seen = [np.isin(key, np.unique(learned[train])) for learned, key in zip(mine, theirs, strict=True)]
            asked = free & of_fold & ~np.logical_or.reduce(seen)
            free &= ~asked
            yield _Probe(choice=choice, train=train, asked=asked)


def _unreadable(probes: Sequence[_Probe], target: ProbedRun) -> str | None:
    """Why these probes cannot be tested on the target as a whole."""
    asked = np.concatenate([probe.asked for probe in probes])
    if not asked.any():
        return "every answer of the other model has an entity or words that its probes learned from"
    present = np.concatenate([target.states.present(probe.cell.position) for probe in probes])
    if is_eligible(present, asked, np.tile(target.table.correct, len(probes))):
        return None
    lacking = sorted({p.cell.position for p in probes if (p.asked & ~target.states.present(p.cell.position)).any()})
    return f"fewer than 95 % of the right or of the wrong answers have the tokens that are read: {', '.join(lacking)}"


def _score(source: ProbedRun, target: ProbedRun, answers: SetName, probe: _Probe) -> pd.DataFrame | str:
    """One probe's scores, or why there are none."""
    labels, choice = source.table.correct, probe.choice
    learned = read_cell(source.states, probe.cell, source.table.sets[answers].rows)
    read = read_cell(target.states, probe.cell, target.table.sets[answers].rows)
    if read.shape[1] != learned.shape[1]:
        return f"states of {learned.shape[1]} numbers in one model, of {read.shape[1]} in the other"
    fitted = LogisticProbe(C=choice["C"]).fit(learned[probe.train], labels[probe.train])
    scale = MarginScale.of(fitted.decision_function(learned[probe.train]))
    asked = probe.asked & target.states.present(probe.cell.position)
    margins = snap_ties(scale.apply(fitted.decision_function(read[asked]))) if asked.any() else np.zeros(0)
    return pd.DataFrame(
        {
            "answer_id": target.table.ids(asked),
            "method": method_in(answers, EXCHANGED),
            "grouping": choice["grouping"],
            "seed": choice["seed"],
            "outer_fold": choice["outer_fold"],
            "score": margins,
        }
    )


def _fold_numbers(run: ProbedRun, grouping: Grouping, seed: int) -> Int[np.ndarray, " row"]:
    """The outer fold of each of a run's rows; -1 where none tests it."""
    mine = run.folds[(run.folds["grouping"] == grouping) & (run.folds["seed"] == seed)]
    by_id = dict(zip(mine["answer_id"], mine["outer_fold"], strict=True))
    return np.array([by_id.get(answer, -1) for answer in run.table.rows["answer_id"]], dtype=np.int64)
