"""Made-up tasks whose states hold the label along a chosen direction, for the tests of transfer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tacitly.activations.base import ArrayStateTable
from tacitly.experiments.answer_table import read_answers
from tacitly.experiments.detector_training import DetectorSource
from tacitly.experiments.fold_plan import plan_folds
from tacitly.experiments.probe_exchange import ProbedRun
from tacitly.experiments.probe_stage import ProbeStage, train_probes
from tacitly.experiments.score_rows import SCORE_COLUMNS
from tacitly.experiments.transfer_task import TransferTask
from tacitly.probes.detector import DetectorModel
from tests.unit.planted import PLANTED, POSITIONS, planted_rows, planted_states

SOURCE = DetectorSource(model=DetectorModel(name="planted"), task="planted", version="0")
WIDTH = 8


def made_rows(name: str, n: int = 120, *, seed: int = 0, **more: Any) -> pd.DataFrame:
    """Answers about entities that only this task has."""
    rows = planted_rows(n, np.random.default_rng(seed), n_entities=n // 2, **more)
    rows["given"] = [None if text is None else f"{name} {text}" for text in rows["given"]]
    for column in ("answer_id", "question_id", "entity"):
        rows[column] = name + " " + rows[column]
    return rows


def made_states(
    rows: pd.DataFrame, axis: int, *, seed: int = 0, strength: float = 4.0, missing: Sequence[str] = ()
) -> ArrayStateTable:
    """Noise, and the label along one axis at the planted cell; some positions that only a few answers have."""
    noise = planted_states(rows, np.random.default_rng([seed, 1]), strength={}, width=WIDTH, layers=3)
    values = {("residual", layer): noise.layer_states("residual", layer) for layer in noise.layers("residual")}
    present = np.stack([noise.present(position) for position in POSITIONS], axis=1)
    at = POSITIONS.index(PLANTED.position)
    sign = np.where(rows["correct"].astype(bool), 0.5, -0.5)
    values["residual", PLANTED.layer][:, at, axis] += strength * sign * present[:, at]
    for position in missing:
        present[::3, POSITIONS.index(position)] = False
    return ArrayStateTable(values, positions=POSITIONS, present=present)


def made_task(
    name: str,
    rows: pd.DataFrame,
    states: ArrayStateTable,
    *,
    model: str = "one",
    names: Sequence[tuple[str, ...]] | None = None,
    probes: bool = True,
) -> tuple[TransferTask, ProbeStage | None]:
    """A finished study of these answers; without its own probes it is a target and a source all the same."""
    table = read_answers(rows, states)
    stage = train_probes(rows, states, source=SOURCE) if probes else None
    plans = plan_folds(table, seeds=(0,), seed=0)
    task = TransferTask(
        name=name,
        model=model,
        probed=ProbedRun(table=table, states=states, folds=plans.assigned, choices=[]),
        scores=stage.scores if stage else pd.DataFrame({column: pd.Series(dtype=str) for column in SCORE_COLUMNS}),
        names=names or [(entity,) for entity in rows["entity"]],
        reasons={grouping: reason for (answers, grouping), reason in plans.reasons.items() if answers == "located"},
        seed=0,
    )
    return task, stage
