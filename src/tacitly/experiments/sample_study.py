"""What several sampled answers to one question show: types of error, and whether choosing among them pays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from tacitly.activations.base import StateTable
from tacitly.errors import UndefinedMetricError
from tacitly.evaluation.intervals import REPLICATES
from tacitly.experiments.error_types import MIN_SAMPLES
from tacitly.experiments.probe_stage import PROBE
from tacitly.experiments.sample_scoring import OpenStates, score_samples
from tacitly.experiments.sample_table import SampleTable, read_samples
from tacitly.experiments.score_rows import SAMPLES_PREFIX
from tacitly.experiments.selection_figures import Scores, no_selection, summarise_selection
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
    types = _types(read_samples(greedy, sampled, number=number), sampled)
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
    scores = pd.concat([probed.scores, scored.scores], ignore_index=True)
    figures = summarise_samples(
        greedy,
        sampled,
        scores,
        number=number,
        reasons=probed.reasons,
        probe_reason=scored.reason,
        seed=seed,
        replicates=replicates,
    )
    record = {
        "figures": figures,
        "types": None if isinstance(types, str) else _by_question(greedy, types),
        "choices": {"types": probed.choices, "samples": scored.choices},
    }
    return SampleStage(scores=scores, record=record)


def summarise_samples(
    greedy: pd.DataFrame,
    sampled: pd.DataFrame,
    scores: pd.DataFrame,
    *,
    number: int,
    reasons: Mapping[str, str] | None = None,
    probe_reason: str | None = None,
    seed: int = 0,
    replicates: int = REPLICATES,
) -> dict[str, Any]:
    """Put the figures together, from answers, labels, exact answers and scores alone.

    Args:
        greedy: Greedy answers, one per row.
        sampled: Sampled answers; those beyond the first `number` of a question are left out.
        scores: Score rows of the samples stage.
        number: K.
        reasons: Why a type has no probe.
        probe_reason: Why the probe has no scores of samples.
        seed: The seed of the study, for the resamples.
        replicates: How often entities are resampled.

    Returns:
        The parts of `metrics.json` that are about samples.
    """
    sampled = sampled[sampled["sample"] <= number].reset_index(drop=True)
    table = read_samples(greedy, sampled, number=number)
    types = _types(table, sampled)
    of_probe = scores[scores["method"] == SAMPLES_PREFIX + PROBE] if len(scores) else scores
    arranged = arrange_scores(table, of_probe)
    if isinstance(types, str):
        of_types = _undefined("error_types", types)
    else:
        of_types = summarise_types(
            types,
            scores,
            answer_ids=greedy["answer_id"].tolist(),
            entities=table.entities,
            reasons=reasons or {},
            replicates=replicates,
            rng=np.random.default_rng([seed, 8]),
        )
    reason = no_selection(table)
    if reason is not None:
        of_selection = _undefined("selection", reason)
    else:
        of_selection = summarise_selection(
            table,
            arranged,
            types=types,
            probe_reason=probe_reason,
            replicates=replicates,
            rng=np.random.default_rng([seed, 9]),
        )
    return {"samples": _counts(table, sampled, types, arranged), **of_types, **of_selection}


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
    table: SampleTable, sampled: pd.DataFrame, types: list[Types | None] | str, scores: Scores
) -> dict[str, Any]:
    known, right = table.known, table.correct
    typed = 0 if isinstance(types, str) else sum(found is not None for found in types)
    unscored = [int((np.isnan(values).all(axis=1) & table.compared).sum()) for values in scores]
    return {
        "per_question": table.samples,
        "answers": len(sampled),
        "correct": int(right.sum()),
        "incorrect": int((known & ~right).sum()),
        "unknown": int(len(sampled) - known.sum()),
        "located": int(sampled["located"].sum()),
        "refused": int(sampled["refused"].fillna(False).astype(bool).sum()),
        "equivalence": EQUIVALENCE,
        "questions_with_types": typed,
        "questions_without_types": len(table.question_ids) - typed,
        "questions_compared": int(table.compared.sum()),
        "questions_left_out": int(len(table.compared) - table.compared.sum()),
        "questions_without_scores": round(float(np.mean(unscored))) if unscored else None,
    }


def _by_question(greedy: pd.DataFrame, types: list[Types | None]) -> dict[str, list[str] | None]:
    return {
        str(question): None if found is None else list(found)
        for question, found in zip(greedy["question_id"], types, strict=True)
    }
