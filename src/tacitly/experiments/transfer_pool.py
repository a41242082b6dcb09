"""Answers of one task, or of several together, that probes for other tasks are trained on."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from tacitly.activations.base import StateTable
from tacitly.activations.joined import JoinedStates
from tacitly.evaluation.folds import OUTER_FOLDS, Fold
from tacitly.evaluation.metrics import snap_ties
from tacitly.experiments.answer_table import Grouping, is_eligible
from tacitly.experiments.cell_choice import CellChoice, TrainingPart, choose_cells
from tacitly.experiments.fold_plan import FoldPlan
from tacitly.experiments.probe_stage import read_cell
from tacitly.experiments.threads import run_in_threads
from tacitly.experiments.transfer_task import Keys, TransferTask, sharing
from tacitly.probes.grid import list_cells
from tacitly.probes.logistic import LogisticProbe
from tacitly.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedProbe:
    """A probe for other tasks.

    Attributes:
        choice: Its cell and penalty.
        probe: The probe, fitted on all that it may learn from.
        rows: How many answers it learned from.
    """

    choice: CellChoice
    probe: LogisticProbe
    rows: int

    def score(self, states: StateTable, rows: Bool[np.ndarray, " row"]) -> Float[np.ndarray, " row"]:
        """Its log-odds for some of another task's answers; NaN for the others and for those without its position."""
        cell = self.choice.cell
        features = read_cell(states, cell, rows)
        scored = rows & states.present(cell.position)
        found = np.full(len(rows), np.nan)
        if scored.any():
            found[scored] = snap_ties(self.probe.decision_function(features[scored]))
        return found


@dataclass(kw_only=True)
class TransferPool:
    """The located answers of some tasks, and the probes that were trained on parts of them.

    Parts are asked for first, and trained together in one pass over the states.

    Attributes:
        tasks: Tasks of one model; those without folds of their own teach nothing.
    """

    tasks: Sequence[TransferTask]
    _parts: list[Bool[np.ndarray, " row"]] = field(default_factory=list)
    _places: dict[bytes, int] = field(default_factory=dict)
    _probes: list[TrainedProbe | str] = field(default_factory=list)

    @cached_property
    def states(self) -> JoinedStates:
        """The states of all tasks."""
        return JoinedStates([task.probed.states for task in self.tasks])

    @cached_property
    def correct(self) -> Bool[np.ndarray, " row"]:
        """The labels of all tasks."""
        return np.concatenate([task.table.correct for task in self.tasks])

    @cached_property
    def numbers(self) -> Int[np.ndarray, " row"]:
        """The place of each row's task."""
        return np.repeat(np.arange(len(self.tasks)), [len(task.table.correct) for task in self.tasks])

    @cached_property
    def usable(self) -> Bool[np.ndarray, " row"]:
        """The rows that may be learned from at all."""
        return np.concatenate(
            [task.located if isinstance(task.plan, FoldPlan) else np.zeros_like(task.located) for task in self.tasks]
        )

    def of(self, task: TransferTask) -> Bool[np.ndarray, " row"]:
        """The rows of a task; none where it is not in the pool."""
        places = [place for place, mine in enumerate(self.tasks) if mine is task]
        found: Bool[np.ndarray, " row"] = np.isin(self.numbers, places)
        return found

    def keys(self, grouping: Grouping) -> Keys:
        """What no two parts may share."""
        return [key for task in self.tasks for key in task.keys(grouping)]

    def ask(self, rows: Bool[np.ndarray, " row"]) -> int:
        """Ask for a probe that is trained on some of the usable rows.

        Returns:
            Its place; the same for the same rows.
        """
        rows = rows & self.usable
        place = self._places.setdefault(rows.tobytes(), len(self._parts))
        if place == len(self._parts):
            self._parts.append(rows)
        return place

    def rows(self, place: int) -> Bool[np.ndarray, " row"]:
        """What a probe is trained on."""
        return self._parts[place]

    def __getitem__(self, place: int) -> TrainedProbe | str:
        """The probe at a place, or why there is none."""
        return self._probes[place]

    def train(self, progress: Progress) -> None:
        """Choose cell and penalty of every probe that was asked for, and fit it."""
        if not self._parts:
            return
        parts = [self._training_part(rows) for rows in self._parts]
        some = self.states.only([p for p in self.states.positions if any(part.positions[p] for part in parts)])
        whose = self.tasks[0].name if len(self.tasks) == 1 else "several tasks"
        progress.begin(f"probes of {whose}", len(list_cells(some)))
        choices = choose_cells(some, self.correct, parts, tasks=self.numbers, advance=progress.advance)
        wanted = {choice.cell for choice in choices if isinstance(choice, CellChoice)}
        features = {cell: read_cell(self.states, cell, self.usable) for cell in wanted}

        def fit(job: tuple[TrainingPart, CellChoice | str]) -> TrainedProbe | str:
            part, choice = job
            if isinstance(choice, str):
                return choice
            rows = part.rows & self.states.present(choice.cell.position)
            probe = LogisticProbe(C=choice.C).fit(features[choice.cell][rows], self.correct[rows])
            return TrainedProbe(choice=choice, probe=probe, rows=int(rows.sum()))

        self._probes = run_in_threads(fit, list(zip(parts, choices, strict=True)))

    def _training_part(self, rows: Bool[np.ndarray, " row"]) -> TrainingPart:
        """Folds of each task's own plan put together; what another task shares with a tested part leaves that fold."""
        present = {position: self.states.present(position) for position in self.states.positions}
        tasks = [self.numbers == number for number in np.unique(self.numbers[rows])]
        eligible = {p: all(is_eligible(has, rows & mine, self.correct) for mine in tasks) for p, has in present.items()}
        folds = (self._fold(number, rows) for number in range(OUTER_FOLDS))
        return TrainingPart(rows=rows, folds=tuple(fold for fold in folds if fold.test.any()), positions=eligible)

    def _fold(self, number: int, rows: Bool[np.ndarray, " row"]) -> Fold:
        own = [_own_fold(task, number) for task in self.tasks]
        test = rows & np.concatenate([fold.test for fold in own])
        train = rows & np.concatenate([fold.train for fold in own])
        for place, task in enumerate(self.tasks if len(self.tasks) > 1 else ()):
            mine = self.numbers == place
            if not train[mine].any():
                continue
            grouping = task.plan.grouping if isinstance(task.plan, FoldPlan) else "by_entity"
            keys = self.keys(grouping)
            others = [keys[i] for i in np.flatnonzero(test & ~mine).tolist()]
            train[mine] &= ~sharing(task.keys(grouping), others)
        return Fold(number=number, train=train, test=test)


def _own_fold(task: TransferTask, number: int) -> Fold:
    """A fold of a task's own plan; an empty one where it has none of that number."""
    for outer in task.plan.folds if isinstance(task.plan, FoldPlan) else ():
        if outer.fold.number == number:
            return outer.fold
    nothing = np.zeros(len(task.table.correct), dtype=bool)
    return Fold(number=number, train=nothing, test=nothing)
