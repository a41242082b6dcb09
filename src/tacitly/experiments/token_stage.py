"""Scores while an answer is written: probes of every answer token, tested in the folds of the exact answer's probe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from tacitly.activations.base import StateTable
from tacitly.errors import UndefinedMetricError
from tacitly.evaluation.calibration import Platt, fit_platt
from tacitly.evaluation.folds import Fold, OuterFold
from tacitly.evaluation.metrics import fold_aurocs
from tacitly.experiments.answer_table import AnswerTable, Grouping
from tacitly.experiments.calibrating import on_log_odds
from tacitly.experiments.cell_ranking import merge_margins
from tacitly.experiments.fold_plan import FoldPlan, FoldPlans
from tacitly.experiments.score_rows import TOKENS_PREFIX, ScoreRows
from tacitly.experiments.threads import run_in_threads
from tacitly.experiments.token_rows import MOMENTS, TokenRows
from tacitly.probes.binary import Standard
from tacitly.probes.cell import Cell
from tacitly.probes.detector import Detector
from tacitly.probes.detector_header import TokenHeader
from tacitly.probes.grid import MarginScale, require_finite, score_cell
from tacitly.probes.logistic_solver import solve_logistic
from tacitly.probes.token_probes import TokenProbes


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenChoice:
    """What one fold's probe for exact answers chose, which its tokens are read by.

    Attributes:
        plan: The folds,
        outer: and which one.
        cell: Where the probe reads.
        C: Its penalty.
    """

    plan: FoldPlan
    outer: OuterFold
    cell: Cell
    C: float


@dataclass(frozen=True, slots=True)
class _Outside:
    """How much tokens outside exact answers count."""

    before: float
    after: float


def score_tokens(
    table: AnswerTable, states: StateTable, choices: Sequence[TokenChoice], scores: ScoreRows, *, seed: int
) -> list[dict[str, Any]]:
    """Score tested answers after their first token, at the middle and at their end.

    In each outer fold the tokens are read at the layer, and with the penalty, that its probe for exact answers chose on
    the inner folds. What tokens outside exact answers count, and the calibration, come from the inner folds too.

    Args:
        table: The answers.
        states: Their states.
        choices: What the probes of located answers chose.
        scores: Takes the rows `tokens:first`, `tokens:middle` and `tokens:end`.
        seed: The seed of the study.

    Returns:
        For each fold that could be scored its weights, for the record; where it could not, the reason.
    """
    lock, lengths = Lock(), table.rows["n_tokens"].to_numpy(dtype=np.int64)

    def run(choice: TokenChoice) -> tuple[dict[str, Any], dict[str, Float[np.ndarray, " row"]]]:
        try:
            with lock:
                tokens, features = _read(table, states, choice.cell.site, choice.cell.layer, seed=seed)
            inner = [tokens.fold(fold) for fold in choice.outer.inner]
            outside = _weigh(features, table.correct, tokens, inner, C=choice.C)
            margins, platt = _scored(
                features, table.correct, tokens, inner, tokens.fold(choice.outer.fold), outside, C=choice.C
            )
        except UndefinedMetricError as error:
            return {"reason": str(error)}, {}
        said = platt.probability(margins)
        found = {}
        for moment in MOMENTS:
            here = tokens.at(moment, lengths) & choice.outer.fold.test[tokens.answer]
            values = np.full(len(table.correct), np.nan)
            values[tokens.answer[here]] = said[here]
            found[TOKENS_PREFIX + moment] = values
        return {"before": outside.before, "after": outside.after}, found

    record = []
    for choice, (told, found) in zip(choices, run_in_threads(run, choices), strict=True):
        for method, values in found.items():
            scores.add(choice.plan, choice.outer.fold.number, method, values)
        where = {"grouping": choice.plan.grouping, "seed": choice.plan.seed, "outer_fold": choice.outer.fold.number}
        record.append({**where, "site": choice.cell.site, "layer": choice.cell.layer, **told})
    return record


def train_token_probes(
    table: AnswerTable, states: StateTable, plans: FoldPlans, detector: Detector, *, seed: int
) -> TokenProbes:
    """Train the probes of answer tokens that a detector keeps, one for each layer of its site, on all located answers.

    Args:
        table: The answers.
        states: Their states.
        plans: The folds of the detector.
        detector: The detector; its probe for exact answers gives site, layer and penalty.
        seed: The seed of the study.

    Returns:
        The probes.

    Raises:
        UndefinedMetricError: The detector has no probe for exact answers, or the answers do not allow any of tokens.
    """
    exact = detector.probes.get("exact_answer")
    if exact is None:
        raise UndefinedMetricError("the detector has no probe for exact answers")
    header = exact.header
    grouping: Grouping = "by_answer" if header.grouping == "by_answer" else "by_entity"
    plan = plans.detector["located", grouping]
    tokens, features = _read(table, states, header.site, header.layer, seed=seed)
    folds = [tokens.fold(outer.fold) for outer in plan.folds]
    outside = _weigh(features, table.correct, tokens, folds, C=header.C)
    lock, layers = Lock(), tuple(sorted(states.layers(header.site)))

    def fit(layer: int) -> tuple[Float[np.ndarray, " width"], float, Platt]:
        with lock:
            mine, values = _read(table, states, header.site, layer, seed=seed)
        own = [mine.fold(outer.fold) for outer in plan.folds]
        _, platt = _scored(values, table.correct, mine, own, None, outside, C=header.C)
        standard = Standard.of(values)
        weights = mine.weights(before=outside.before, after=outside.after)
        fits = solve_logistic(
            standard.apply(values),
            table.correct[mine.answer],
            train=(weights > 0)[None],
            C=np.array([header.C]),
            weights=weights[None],
        )
        coefficients = fits.coefficients[0] / standard.spread
        scale = MarginScale.of(fits.margins[0, weights > 0])
        return coefficients, float(fits.intercepts[0] - coefficients @ standard.centre), on_log_odds(platt, scale)

    fitted = run_in_threads(fit, layers)
    return TokenProbes(
        TokenHeader(
            site=header.site,
            layer=header.layer,
            layers=layers,
            width=header.width,
            C=header.C,
            before=outside.before,
            after=outside.after,
            slopes=tuple(platt.slope for _, _, platt in fitted),
            intercepts=tuple(platt.intercept for _, _, platt in fitted),
            answers=len(np.unique(tokens.answer)),
            tokens=len(tokens.answer),
            grouping=header.grouping,
        ),
        np.stack([coefficients for coefficients, _, _ in fitted]).astype(np.float64),
        np.array([bias for _, bias, _ in fitted]),
    )


def _read(
    table: AnswerTable, states: StateTable, site: str, layer: int, *, seed: int
) -> tuple[TokenRows, Float[np.ndarray, "token width"]]:
    whole = layer in states.token_layers(site)
    tokens = TokenRows.of(table, states, whole=whole, rng=np.random.default_rng([seed, 9]))
    if not tokens.exact.any():
        raise UndefinedMetricError("no token of an exact answer was kept; capture.positions names none")
    features = tokens.states(states, site, layer)
    require_finite(features, Cell(site, layer, "every answer token"))
    return tokens, features


def _weigh(
    features: Float[np.ndarray, "token width"],
    correct: Bool[np.ndarray, " row"],
    tokens: TokenRows,
    folds: Sequence[Fold],
    *,
    C: float,
) -> _Outside:
    """How often probes of exact answers, on answers they have not seen, are right at tokens outside exact answers.

    What counts is by how much such a token ranks a right answer above a wrong one more often than a coin would.
    """
    margins = _margins(features, correct, tokens, folds, tokens.weights(before=0.0, after=0.0), C=C)
    merged, numbers = merge_margins(margins, folds)
    found: Mapping[str, Bool[np.ndarray, " token"]] = {"before": tokens.before, "after": tokens.after}
    shares = {}
    for name, part in found.items():
        rows = np.flatnonzero(part)
        one = np.ones((1, len(rows)))
        auroc = float(fold_aurocs(correct[tokens.answer[rows]], merged[rows], numbers[rows], weights=one)[0])
        shares[name] = 0.0 if np.isnan(auroc) else max(0.0, 2 * auroc - 1)
    return _Outside(**shares)


def _scored(
    features: Float[np.ndarray, "token width"],
    correct: Bool[np.ndarray, " row"],
    tokens: TokenRows,
    inner: Sequence[Fold],
    outer: Fold | None,
    outside: _Outside,
    *,
    C: float,
) -> tuple[Float[np.ndarray, " token"], Platt]:
    """The log-odds of an outer fold's tested tokens, if there is one, and the calibration that the inner folds give."""
    weights = tokens.weights(before=outside.before, after=outside.after)
    folds = [*inner, *([outer] if outer else [])]
    margins = _margins(features, correct, tokens, folds, weights, C=C)
    merged, _ = merge_margins(margins[: len(inner)], inner)
    seen = ~np.isnan(merged) & (weights > 0)
    return margins[-1], fit_platt(merged[seen], correct[tokens.answer[seen]])


def _margins(
    features: Float[np.ndarray, "token width"],
    correct: Bool[np.ndarray, " row"],
    tokens: TokenRows,
    folds: Sequence[Fold],
    weights: Float[np.ndarray, " token"],
    *,
    C: float,
) -> Float[np.ndarray, "fold token"]:
    if not folds:
        raise UndefinedMetricError("the training part has too few groups for inner folds")
    return score_cell(
        features,
        correct[tokens.answer],
        train=np.stack([fold.train & (weights > 0) for fold in folds]),
        test=np.stack([fold.test for fold in folds]),
        C=np.full(len(folds), C),
        weights=weights,
    )
