"""Does a greedy answer's inside tell which type of error the question's samples show: one type against the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Shaped

from tacitly.activations.base import SomePositions, StateTable
from tacitly.baselines.catalog import load_control
from tacitly.errors import UndefinedMetricError
from tacitly.evaluation.folds import OUTER_FOLDS, OuterFold, assign_folds, nest, separate
from tacitly.experiments.answer_table import is_eligible
from tacitly.experiments.nested_cells import FoldProbe, FoldTask, count_cells, fit_in_best_cells
from tacitly.experiments.score_rows import CONTROL_PREFIX, SAMPLES_PREFIX, SCORE_COLUMNS
from tacitly.progress import Progress

FEWEST_EXAMPLES = 20
"""With fewer questions of a class, an inner fold's training part may hold four of them."""

TEXT_CONTROLS = ("answer_text", "question_text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """Two classes of questions that a probe is to tell apart.

    Attributes:
        name: Such as `type:refuses`.
        rows: The questions of both classes.
        has: Those of the first class.
        words: What the questions of each class are, for the reason why a probe cannot be trained.
    """

    name: str
    rows: Bool[np.ndarray, " row"]
    has: Bool[np.ndarray, " row"]
    words: tuple[str, str] = ("of the type", "not")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastScores:
    """What the probes of some contrasts say.

    Attributes:
        scores: Score rows of `samples:<contrast>` and, of the greedy answers' and questions' words,
            `samples:control:answer_text/<contrast>` and `samples:control:question_text/<contrast>`.
        choices: The cell, C and inner AUROC of each contrast, seed and outer fold.
        reasons: Why a contrast has no scores.
    """

    scores: pd.DataFrame
    choices: list[dict[str, Any]]
    reasons: Mapping[str, str]


def score_contrasts(
    greedy: pd.DataFrame,
    states: StateTable,
    contrasts: Sequence[Contrast],
    *,
    seeds: Sequence[int],
    seed: int,
    progress: Progress,
) -> ContrastScores:
    """Train a probe for each contrast under the protocol of error detection, by entity.

    Every question of a contrast takes part, whether its greedy answer is right, wrong or unknown, located or not; a
    position can be chosen where at least 95 % of both classes have it. Beside it, on the same folds, what the words of
    the greedy answer and of the question tell.

    Args:
        greedy: Greedy answers, one per row.
        states: Their states.
        contrasts: What to tell apart.
        seeds: One reshuffling of the outer folds each.
        seed: The seed of the study.
        progress: Hears of each cell.

    Returns:
        The scores, and a reason for each contrast without.

    Reference:
        Orgad et al. (2025), section 5.2; the project's method, sections 6 and 10.
    """
    entities = greedy["entity"].astype(str).to_numpy(dtype=object)
    test = greedy["split"].to_numpy(dtype=object) == "test"
    tested = test if test.any() and not test.all() else None
    reasons: dict[str, str] = {}
    usable: list[tuple[Contrast, tuple[str, ...]]] = []
    for contrast in contrasts:
        positions = tuple(p for p in states.positions if is_eligible(states.present(p), contrast.rows, contrast.has))
        reason = undefined_contrast(contrast, entities)
        if reason is None and not positions:
            reason = "no captured position is one that at least 95 % of both classes have"
        if reason is None:
            usable.append((contrast, positions))
        else:
            reasons[contrast.name] = reason
    wanted = [p for p in states.positions if any(p in positions for _, positions in usable)]
    view = SomePositions(states, wanted)
    progress.begin("probes of error types", count_cells(states, wanted) * len(seeds))
    frames: list[pd.DataFrame] = []
    choices: list[dict[str, Any]] = []
    for shuffle in seeds:  # one seed's fits are in memory at a time
        jobs = [
            (contrast, FoldTask(labels=contrast.has, rows=contrast.rows, positions=positions, outer=outer))
            for contrast, positions in usable
            for outer in _folds(contrast, entities, tested, np.random.default_rng([seed, shuffle, 7]))
        ]
        probes = fit_in_best_cells([task for _, task in jobs], view, progress=progress)
        for (contrast, task), probe in zip(jobs, probes, strict=True):
            if probe.fit is None or probe.cell is None:
                reasons.setdefault(contrast.name, probe.reason or "")
                continue
            found = probe.fit.choice.platt.probability(probe.fit.margins)
            frames.append(_rows(greedy, contrast.name, shuffle, task.outer, found))
            choices.append(_choice(contrast, shuffle, task.outer, probe))
            for name in TEXT_CONTROLS:
                words = _control(name, greedy, task, ~np.isnan(found))
                frames.append(_rows(greedy, f"{CONTROL_PREFIX}{name}/{contrast.name}", shuffle, task.outer, words))
    scored = {choice["contrast"] for choice in choices}
    empty = pd.DataFrame({name: pd.Series(dtype=object) for name in SCORE_COLUMNS})
    return ContrastScores(
        scores=pd.concat(frames, ignore_index=True) if frames else empty,
        choices=choices,
        reasons={name: reason for name, reason in reasons.items() if name not in scored},
    )


def undefined_contrast(contrast: Contrast, entities: Shaped[np.ndarray, " row"]) -> str | None:
    """Why two classes cannot be told apart by a probe, if they cannot.

    Example:
        >>> rows = np.ones(30, dtype=bool)
        >>> contrast = Contrast(name="type:refuses", rows=rows, has=np.arange(30) < 3)
        >>> undefined_contrast(contrast, np.arange(30))
        '3 questions are of the type and 27 are not; a probe needs 20 of each'
    """
    classes = contrast.rows & contrast.has, contrast.rows & ~contrast.has
    has, rest = (int(one.sum()) for one in classes)
    if min(has, rest) < FEWEST_EXAMPLES:
        first, second = contrast.words
        return f"{has} questions are {first} and {rest} are {second}; a probe needs {FEWEST_EXAMPLES} of each"
    fewest = min(len(set(entities[one])) for one in classes)
    if fewest < OUTER_FOLDS:
        return f"one of the classes is about {fewest} entities, fewer than the {OUTER_FOLDS} that folds need"
    return None


def _folds(
    contrast: Contrast,
    entities: Shaped[np.ndarray, " row"],
    tested: Bool[np.ndarray, " row"] | None,
    rng: np.random.Generator,
) -> list[OuterFold]:
    """The outer folds of a contrast with their inner ones; contrasts of the same questions have the same folds."""
    numbers = np.full(len(entities), -1)
    rows = np.flatnonzero(contrast.rows)
    if tested is None:
        try:
            numbers[rows] = assign_folds(entities[rows], n_folds=OUTER_FOLDS, rng=rng)
        except UndefinedMetricError:
            return []
    else:
        numbers[tested & contrast.rows] = 0
    outer = []
    for number in sorted({*numbers.tolist()} - {-1}):
        fold = separate(numbers == number, number=number, among=contrast.rows, apart=[entities])
        outer.append(nest(fold, groups=entities, apart=[entities], rng=rng))
    return outer


def _control(
    name: str, greedy: pd.DataFrame, task: FoldTask, scored: Bool[np.ndarray, " row"]
) -> Float[np.ndarray, " row"]:
    """What words tell of the rows that the probe scored."""
    train = task.outer.fold.train
    if not scored.any() or len(set(task.labels[train].tolist())) < 2:
        return np.full(len(greedy), np.nan)
    return load_control(name).scores(greedy, task.labels, train=train, test=task.outer.fold.test & scored)


def _rows(
    greedy: pd.DataFrame, method: str, seed: int, outer: OuterFold, scores: Float[np.ndarray, " row"]
) -> pd.DataFrame:
    scored = ~np.isnan(scores)
    columns = (
        greedy["answer_id"].to_numpy(dtype=object)[scored],
        SAMPLES_PREFIX + method,
        "by_entity",
        seed,
        outer.fold.number,
        scores[scored].astype(np.float64),
    )
    return pd.DataFrame(dict(zip(SCORE_COLUMNS, columns, strict=True)))


def _choice(contrast: Contrast, seed: int, outer: OuterFold, probe: FoldProbe) -> dict[str, Any]:
    cell, fit = probe.cell, probe.fit
    return {
        "contrast": contrast.name,
        "seed": seed,
        "outer_fold": outer.fold.number,
        "site": cell.site if cell else None,
        "layer": cell.layer if cell else None,
        "position": cell.position if cell else None,
        "C": fit.choice.C if fit else None,
        "inner_auroc": fit.choice.inner_auroc if fit else None,
    }
