"""The figures of choosing among sampled answers: how often each strategy is right, and what it costs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from tacitly.experiments.answer_selection import STRATEGIES, choose_answers, count_tokens
from tacitly.experiments.paired_figures import Draws, figure
from tacitly.experiments.sample_table import SampleTable
from tacitly.experiments.type_change import Types
from tacitly.experiments.type_figures import TYPES, has_type

FEWEST_SAMPLES = 2
SMALLER = (2, 5, 10)
"""Of how many samples it is also told what choosing among the first of them is worth."""

RIVALS = ("greedy", "majority")
Scores = Sequence[Float[np.ndarray, "question sample"]]


def no_selection(table: SampleTable) -> str | None:
    """Why there is nothing to choose from, if there is not."""
    if table.samples < FEWEST_SAMPLES:
        return f"choosing needs {FEWEST_SAMPLES} samples of each answer (generate.samples), not {table.samples}"
    if not table.compared.any():
        part = "" if table.tested is None else "tested "
        return f"no {part}question has its greedy answer and all {table.samples} samples judged"
    return None


def summarise_selection(
    table: SampleTable,
    scores: Scores,
    *,
    types: Sequence[Types | None] | str,
    probe_reason: str | None,
    replicates: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Put the figures of the selection together.

    All strategies are held against each other on the same questions: those of which the greedy answer and every sample
    is judged (and, where a task has its own test split, those of that). Intervals resample entities; differences are
    paired.

    Args:
        table: The samples; `no_selection` must have said None.
        scores: The probe's score of each sample, one array per seed; none where there is no probe.
        types: The error types of each question, or why there are none.
        probe_reason: Why there are no scores.
        replicates: How often entities are resampled.
        rng: Source of the draws.

    Returns:
        `selection`, `selection_by_type` and `selection_by_k`, as `metrics.json` holds them.
    """
    draws = Draws.of(table.entities, which=table.compared, replicates=replicates, rng=rng)
    reason = probe_reason or "the probe has no scores"
    numbers = [*(k for k in SMALLER if k < table.samples), table.samples]
    by_k = {k: _strategies(table, scores, k, draws, table.compared, reason) for k in numbers}
    by_type: dict[str, Any] = {"selection_by_type": None, "selection_by_type_reason": types}
    if not isinstance(types, str):
        by_type = {
            "selection_by_type": {
                name: {
                    "questions": draws.count(has := has_type(types, name)),
                    **_strategies(table, scores, table.samples, draws, table.compared & has, reason),
                }
                for name in TYPES
            }
        }
    return {"selection": by_k[table.samples], **by_type, "selection_by_k": {str(k): by_k[k] for k in numbers}}


def _strategies(
    table: SampleTable,
    scores: Scores,
    number: int,
    draws: Draws,
    among: Bool[np.ndarray, " question"],
    probe_reason: str,
) -> dict[str, Any]:
    outcomes = choose_answers(table, scores, number=number)
    tokens = count_tokens(table, number=number)
    found: dict[str, Any] = {}
    for name in STRATEGIES:
        if name not in outcomes:
            found[name] = {"accuracy": None, "ci": None, "reason": probe_reason, "tokens": None}
            continue
        entry = _figure(draws, outcomes[name], among, "accuracy")
        for rival in RIVALS:
            if name != rival:
                entry[f"minus_{rival}"] = _figure(draws, outcomes[name] - outcomes[rival], among, "diff")
        entry["tokens"] = float(tokens[name][among].mean()) if among.any() else None
        found[name] = entry
    return found


def _figure(
    draws: Draws, values: Float[np.ndarray, " question"], among: Bool[np.ndarray, " question"], key: str
) -> dict[str, Any]:
    found = figure(draws.mean(values, among=among), reason="no such question is compared")
    return {key if name == "value" else name: value for name, value in found.items()}
