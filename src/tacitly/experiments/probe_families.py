"""Families of probes on the same answers and folds as the reference probe."""

import sys
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd

from tacitly.activations.base import ContrastTable, StateTable
from tacitly.errors import UndefinedMetricError
from tacitly.evaluation.folds import OuterFold
from tacitly.experiments.answer_table import AnswerTable, is_eligible, read_answers
from tacitly.experiments.family_fit import FamilyFit, fit_family
from tacitly.experiments.fold_plan import FoldPlan, plan_folds
from tacitly.experiments.probe_stage import PROBE
from tacitly.experiments.score_rows import FAMILY_PREFIX, ScoreRows
from tacitly.experiments.threads import run_in_threads
from tacitly.probes.catalog import load_families
from tacitly.probes.cell import Cell
from tacitly.probes.family import Family
from tacitly.probes.readings import Features, Material, Place, Reading
from tacitly.progress import Progress, RecordedProgress

NOT_ENOUGH = "fewer than 95 % of the right or of the wrong answers have what it reads"
_KEPT = 1 << 30  # bytes of readings held in memory at once, for the folds and families that read the same


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyStage:
    """What the families stage leaves.

    Attributes:
        scores: Score rows of `family:<name>`, of located answers.
        record: What JSON can hold: `families` (what each is, and its seconds), `choices` (place, settings and inner
            AUROC of each family, grouping, seed and outer fold) and `skipped` (why a fold of one has no scores).
    """

    scores: pd.DataFrame
    record: dict[str, Any]


def score_families(
    rows: pd.DataFrame,
    states: StateTable,
    *,
    probes: Mapping[str, Any],
    names: Sequence[str],
    contrast: Mapping[str, ContrastTable] | None = None,
    seeds: Sequence[int] = (0,),
    seed: int = 0,
    progress: Progress | None = None,
) -> FamilyStage:
    """Train and test each family in every outer fold of the located answers, under both groupings.

    A family that reads one cell reads the one that the reference probe chose in the same training part. Its settings,
    and its layer where it reads elsewhere, are chosen on the inner folds. Families run one after the other, so that
    the seconds of each are its own.

    Args:
        rows: Greedy answers, the same as for the probes.
        states: Their states, in the same order.
        probes: The record of the probes stage.
        names: The families.
        contrast: The states of the same answers after a verdict on them, by what it was on.
        seeds: The same as for the probes.
        seed: The same as for the probes.
        progress: Hears of each outer fold.

    Returns:
        The scores and the choices. What the data do not define has a reason instead.

    Raises:
        SettingsError: No family has such a name.
    """
    families = load_families(names)
    progress = progress or RecordedProgress()
    table = read_answers(rows, states)
    jobs = _list_jobs(table, probes, seeds=seeds, seed=seed)
    reader = _Reader(_material(table, states, contrast))
    scores = ScoreRows(table)
    choices: list[dict[str, Any]] = []
    skipped: list[dict[str, Any]] = []
    told: dict[str, Any] = {}
    progress.begin("families", len(jobs) * len(families))
    for name, family in families.items():

        def run(job: _Job, family: Family = family) -> FamilyFit | str:
            try:
                return _fit(job, family, table, reader, seed)
            except UndefinedMetricError as error:
                return str(error)

        family.make()  # imports what it needs, so that its seconds are its own
        started = time.perf_counter()
        with _one_torch_thread():
            results = run_in_threads(run, jobs)
        told[name] = _describe(family, wall=time.perf_counter() - started, results=results)
        for job, result in zip(jobs, results, strict=True):
            progress.advance()
            where = {**job.where, "family": name}
            if isinstance(result, str):
                skipped.append({**where, "reason": result})
                continue
            scores.add(job.plan, job.outer.fold.number, FAMILY_PREFIX + name, result.margins)
            place = result.place
            choices.append(
                {
                    **where,
                    "site": place.site,
                    "layer": place.layer,
                    "position": place.position,
                    "settings": dict(result.settings),
                    "inner_auroc": result.inner_auroc,
                }
            )
    return FamilyStage(scores=scores.frame(), record={"families": told, "choices": choices, "skipped": skipped})


@dataclass(frozen=True, slots=True)
class _Job:
    plan: FoldPlan
    outer: OuterFold
    cell: Cell

    @property
    def where(self) -> dict[str, Any]:
        return {"grouping": self.plan.grouping, "seed": self.plan.seed, "outer_fold": self.outer.fold.number}


def _list_jobs(table: AnswerTable, probes: Mapping[str, Any], *, seeds: Sequence[int], seed: int) -> list[_Job]:
    """The outer folds of located answers in which the reference probe chose a cell."""
    chosen = {
        (c["grouping"], c["seed"], c["outer_fold"]): Cell(c["site"], c["layer"], c["position"])
        for c in probes["choices"]
        if (c["set"], c["method"]) == ("located", PROBE)
    }
    return [
        _Job(plan, outer, chosen[key])
        for plan in plan_folds(table, seeds=seeds, seed=seed).plans
        if plan.answers == "located"
        for outer in plan.folds
        if (key := (plan.grouping, plan.seed, outer.fold.number)) in chosen
    ]


def _material(table: AnswerTable, states: StateTable, contrast: Mapping[str, ContrastTable] | None) -> Material:
    columns = {
        "given": table.groups["by_answer"],
        "entity": table.groups["by_entity"],
        **table.sets["located"].baselines,
    }
    return Material(states=states, contrast=contrast or {}, columns=columns)


def _fit(job: _Job, family: Family, table: AnswerTable, reader: "_Reader", seed: int) -> FamilyFit:
    features = {place: reader.read(family.reads, place) for place in family.reads.places(reader.material, job.cell)}
    among = table.sets["located"].rows
    if not all(is_eligible(found.present, among, table.correct) for found in features.values()):
        raise UndefinedMetricError(NOT_ENOUGH)
    fit = fit_family(family, features, table.correct, outer=job.outer, material=reader.material, seed=seed)
    unread = ~reader.material.states.present(job.cell.position)
    return replace(fit, margins=np.where(unread, np.nan, fit.margins))  # only what the reference probe scores, too


@contextmanager
def _one_torch_thread() -> Iterator[None]:
    """Have threads that begin now compute alone, where torch is in use: these networks are too small for more."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Reader:
    """Reads places once; may be called from several threads."""

    def __init__(self, material: Material) -> None:
        self.material = material
        self._lock = Lock()
        self._kept: OrderedDict[tuple[Reading, Place], Features] = OrderedDict()

    def read(self, reading: Reading, place: Place) -> Features:
        key = (reading, place)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = reading.read(self.material, place)
            self._kept.move_to_end(key)
            while len(self._kept) > 1 and sum(_size(features) for features in self._kept.values()) > _KEPT:
                self._kept.popitem(last=False)
            return self._kept[key]


def _size(features: Features) -> int:
    """Bytes that a reading takes."""
    values = features.values  # noqa: PD011
    return int(sum(part.nbytes for part in values) if values.dtype == object else values.nbytes)


def _describe(family: Family, *, wall: float, results: Sequence[FamilyFit | str]) -> dict[str, Any]:
    return {
        "supervised": family.supervised,
        "reads": family.reads.words,
        "words": family.words,
        "seconds": round(wall, 3),
        "cpu_seconds": round(float(np.sum([fit.seconds for fit in results if not isinstance(fit, str)])), 3),
    }
