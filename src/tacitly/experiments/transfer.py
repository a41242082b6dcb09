"""Transfer: does a probe that learned on one task tell right from wrong on another?"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from tacitly.evaluation.intervals import REPLICATES
from tacitly.experiments.answer_table import GROUPINGS, Grouping
from tacitly.experiments.fold_plan import FoldPlan
from tacitly.experiments.transfer_entry import Asked
from tacitly.experiments.transfer_pool import TransferPool
from tacitly.experiments.transfer_target import TransferTarget, undefined
from tacitly.experiments.transfer_task import TransferTask
from tacitly.progress import Progress, RecordedProgress

Found = TypeVar("Found")
ALONE = "no other run of its model has answers that a probe can learn from"


def transfer_probes(
    tasks: Sequence[TransferTask],
    *,
    seed: int = 0,
    replicates: int = REPLICATES,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train on every task and test on every other one; then on all the others of its model together.

    A probe never learns from an answer about an entity of the fold that it is tested on nor, by answer, from one that
    gives what is given there; its cell and penalty are chosen without these answers too. What is tested has no part in
    any choice. Of the other tasks together, nothing is learned from that shares an entity with any tested answer.

    Args:
        tasks: The tasks, of different names, with the same sites, layers, positions and width.
        seed: Of the draws for the intervals.
        replicates: How often groups are resampled.
        progress: Hears of each cell.

    Returns:
        `matrix`, by the task that is trained on and the one that is tested on, and `leave_one_out` by the latter. The
        figures of an entry are by entity, those by answer stand under `by_answer`; the diagonal is each task's own
        nested figure. What is not defined is null with a reason.

    Reference:
        Orgad et al. (2025), section 4 ("Generalization between tasks"); the project's method, section 9.
    """
    progress = progress or RecordedProgress()
    targets = {
        (task.name, grouping): TransferTarget.of(
            task, grouping, replicates=replicates, rng=np.random.default_rng([seed, 7, t, g])
        )
        for t, task in enumerate(tasks)
        for g, grouping in enumerate(GROUPINGS)
    }
    alone = {task.name: TransferPool(tasks=[task]) for task in tasks}
    models = dict.fromkeys(task.model for task in tasks)
    together = {model: TransferPool(tasks=[task for task in tasks if task.model == model]) for model in models}

    def ask(pool: TransferPool, target: TransferTask, *, whole: bool = False) -> dict[Grouping, Asked | str]:
        found = {grouping: targets[target.name, grouping] for grouping in GROUPINGS}
        return {g: one if isinstance(one, str) else Asked.of(pool, one, whole=whole) for g, one in found.items()}

    asked = {(a.name, b.name): ask(alone[a.name], b) for a in tasks for b in tasks if a is not b}
    others = {
        task.name: ask(together[task.model], task, whole=True)
        if _teachers(task, tasks)
        else dict.fromkeys(GROUPINGS, ALONE)
        for task in tasks
    }
    for pool in (*alone.values(), *together.values()):
        pool.train(progress)
    progress.begin("figures", len(tasks) * (len(tasks) + 1))
    own = {task.name: _entry({g: targets[task.name, g] for g in GROUPINGS}, _own, progress) for task in tasks}
    return {
        "matrix": {
            a.name: {
                b.name: own[b.name] if a is b else _entry(asked[a.name, b.name], Asked.entry, progress) for b in tasks
            }
            for a in tasks
        },
        "leave_one_out": {
            task.name: {
                "trained_on_runs": _teachers(task, tasks),
                **_entry(others[task.name], Asked.entry, progress),
            }
            for task in tasks
        },
    }


def _teachers(task: TransferTask, tasks: Sequence[TransferTask]) -> list[str]:
    """The other tasks of its model that a probe can learn from."""
    return [t.name for t in tasks if t is not task and t.model == task.model and isinstance(t.plan, FoldPlan)]


def _own(target: TransferTarget) -> dict[str, Any]:
    """A task's own nested figure."""
    return target.figures(target.own) if target.own else undefined("its own probes were not trained")


def _entry(
    found: Mapping[Grouping, Found | str], make: Callable[[Found], dict[str, Any]], progress: Progress
) -> dict[str, Any]:
    """The figures by entity, and beside them those by answer."""
    made = {g: undefined(one) if isinstance(one, str) else make(one) for g, one in found.items()}
    progress.advance()
    return {**made["by_entity"], "by_answer": made["by_answer"]}
