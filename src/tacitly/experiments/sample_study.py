"""What several sampled answers to one question show: types of error, and whether choosing among them pays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from tacitly.activations.base import StateTable
from tacitly.errors import UndefinedMetricError
from tacitly.evaluation.intervals import REPLICATES
from tacitly.experiments.error_types import MIN_SAMPLES
from tacitly.experiments.sample_scoring import OpenStates, SampleScores, score_samples
from tacitly.experiments.sample_table import SampleTable, read_samples
from tacitly.experiments.selection_figures import no_selection, summarise_selection
from tacitly.experiments.type_change import EQUIVALENCE, Types, types_of_questions
from tacitly.experiments.type_figures import list_contrasts, summarise_types
from tacitly.experiments.type_probes import ContrastScores, score_contrasts
from tacitly.progress import Progress, RecordedProgress

NO_SAMPLES = "there are no sampled answers (generate.samples is 0)"


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleStage:
    """What the samples stage leaves.

    Attributes:
        scores: Score rows, all with methods that begin with `samples:`.
        record: What JSON can hold: `figures` (the parts of `metrics.json`), `types` (of each question, null where it
            has none) and `choices` (the cells that the folds' probes read).
    """

    scores: pd.DataFrame
    record: dict[str, Any]


def study_samples(
    greedy: pd.DataFrame,
    states: StateTable,
    sampled: pd.DataFrame,
    *,
    number: int,
    open_states: OpenStates,
    positions: Sequence[str],
    seeds: Sequence[int] = (0,),
    seed: int = 0,
    replicates: int = REPLICATES,
    progress: Progress | None = None,
) -> SampleStage:
    """Find error types and choose among samples.

    Args:
        greedy: Greedy answers, one per row.
        states: Their states.
        sampled: Sampled answers with the same columns; those beyond the first `number` of a question are left out.
        number: K, how many samples each question has; one or more.
        open_states: Opens the states of sampled answers by their ids.
        positions: Where states of samples are kept.
        seeds: One reshuffling of the outer folds each.
        seed: The seed of the study.
        replicates: How often entities are resampled.
        progress: Hears of cells.

    Returns:
        Scores and figures; what is not defined is null, with its reason beside it.

    Reference:
        Orgad et al. (2025), sections 5 and 6; the project's method, sections 10 and 11.
    """
    progress = progress or RecordedProgress()
    sampled = sampled[sampled["sample"] <= number].reset_index(drop=True)
    table = read_samples(greedy, sampled, number=number)
    types = _types(table, sampled)
    probed = ContrastScores(scores=pd.DataFrame(), choices=[], reasons={})
    if not isinstance(types, str):
        probed = score_contrasts(greedy, states, list_contrasts(types), seeds=seeds, seed=seed, progress=progress)
    scored = score_samples(
        greedy,
        states,
        sampled,
        open_states=open_states,
        positions=positions,
        seeds=seeds,
        seed=seed,
        progress=progress,
    )
    figures = {
        "samples": _counts(table, sampled, types, scored),
        **_type_figures(greedy, table, types, probed, replicates, np.random.default_rng([seed, 8])),
        **_selection_figures(table, types, scored, replicates, np.random.default_rng([seed, 9])),
    }
    record = {
        "figures": figures,
        "types": None if isinstance(types, str) else _by_question(table, types),
        "choices": {"types": probed.choices, "samples": scored.choices},
    }
    return SampleStage(scores=pd.concat([probed.scores, scored.scores], ignore_index=True), record=record)


def without_samples(reason: str) -> dict[str, Any]:
    """The parts of `metrics.json` where there is nothing to tell."""
    return {
        "samples": {"per_question": 0},
        **{key: value for name in ("error_types", "selection") for key, value in _undefined(name, reason).items()},
    }


def _undefined(name: str, reason: str) -> dict[str, Any]:
    return {name: None, f"{name}_reason": reason}


def _types(table: SampleTable, sampled: pd.DataFrame) -> list[Types | None] | str:
    """The types of each question, or why there are none."""
    try:
        types = types_of_questions(sampled, table.question_ids.tolist(), number=table.samples)
    except UndefinedMetricError as error:
        return str(error)
    if table.samples < MIN_SAMPLES:
        return f"error types need {MIN_SAMPLES} samples of each answer, not {table.samples}"
    return types if any(types) else "no question has all of its samples judged"


def _type_figures(
    greedy: pd.DataFrame,
    table: SampleTable,
    types: list[Types | None] | str,
    probed: ContrastScores,
    replicates: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    if isinstance(types, str):
        return _undefined("error_types", types)
    return summarise_types(
        types,
        probed.scores,
        answer_ids=greedy["answer_id"].tolist(),
        entities=table.entities,
        reasons=probed.reasons,
        replicates=replicates,
        rng=rng,
    )


def _selection_figures(
    table: SampleTable,
    types: list[Types | None] | str,
    scored: SampleScores,
    replicates: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    reason = no_selection(table)
    if reason is not None:
        return _undefined("selection", reason)
    return summarise_selection(
        table,
        arrange_scores(table, scored.scores),
        types=types,
        probe_reason=scored.reason,
        replicates=replicates,
        rng=rng,
    )


def arrange_scores(table: SampleTable, scores: pd.DataFrame) -> list[Float[np.ndarray, "question sample"]]:
    """The score rows of samples in the order of the table, one array per seed; NaN where a sample has no score."""
    place = {answer: at for at, answer in np.ndenumerate(table.answer_ids) if answer is not None}
    found = []
    for _, part in scores.groupby("seed", sort=True) if len(scores) else ():
        values = np.full(table.answer_ids.shape, np.nan)
        for answer, score in zip(part["answer_id"], part["score"], strict=True):
            if answer in place:
                values[place[answer]] = score
        found.append(values)
    return found


def _counts(
    table: SampleTable, sampled: pd.DataFrame, types: list[Types | None] | str, scored: SampleScores
) -> dict[str, Any]:
    known, right = table.known, table.correct
    unscored = [np.isnan(values).all(axis=1) & table.compared for values in arrange_scores(table, scored.scores)]
    return {
        "per_question": table.samples,
        "answers": len(sampled),
        "correct": int(right.sum()),
        "incorrect": int((known & ~right).sum()),
        "unknown": int(len(sampled) - known.sum()),
        "located": int(sampled["located"].sum()),
        "refused": int(sampled["refused"].fillna(False).astype(bool).sum()),
        "equivalence": EQUIVALENCE,
        "questions_with_types": 0 if isinstance(types, str) else sum(found is not None for found in types),
        "questions_compared": int(table.compared.sum()),
        "questions_left_out": int(len(table.compared) - table.compared.sum()),
        "questions_without_scores": round(float(np.mean([one.sum() for one in unscored]))) if unscored else None,
    }


def _by_question(table: SampleTable, types: list[Types | None]) -> dict[str, list[str] | None]:
    return {
        str(question): None if found is None else list(found)
        for question, found in zip(table.question_ids, types, strict=True)
    }
