"""From which similarity on an answer counts as right, and what such a verdict is worth."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float

from tacitly.errors import UndefinedMetricError

WrongKind = Literal["other_question", "other_type", "other_disease"]
Kind = Literal["right", "other_question", "other_type", "other_disease"]
WRONG_KINDS: tuple[WrongKind, ...] = get_args(WrongKind)
KINDS: tuple[Kind, ...] = get_args(Kind)
FILE = "similarity_thresholds.json"
CANDIDATES = np.arange(1, 100) / 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A threshold, and how it did on references about other diseases than those it was chosen on.

    Attributes:
        threshold: The least similarity of a right answer, with two decimals.
        balanced_accuracy: Mean of the share of right answers accepted and the share of wrong ones rejected, where each
            kind of wrong answer weighs the same.
        accepted: The share that is accepted, by kind: true positives under `right`, else false positives.
        empty: The share of sentences that name the disease and say nothing of it which are accepted.
        answers: How many answers of each kind that is based on.
        diseases: How many diseases they are about.
    """

    threshold: float
    balanced_accuracy: float
    accepted: Mapping[str, float]
    empty: float
    answers: Mapping[str, int]
    diseases: int

    def caveat(self, judge: str) -> str:
        """What a reader of the judge's labels should know.

        Example:
            >>> read_calibration("token_f1").caveat("token_f1").startswith("Answers were judged by token F1 at ")
            True
        """
        measure = {"token_f1": "token F1", "rouge_l": "ROUGE-L", "embedding": "embedding similarity"}.get(judge, judge)
        shares = {kind: f"{100 * share:.0f} %" for kind, share in self.accepted.items()}
        return (
            f"Answers were judged by {measure} at {self.threshold:.2f}: on MedQuAD's reference answers this tells "
            f"right from wrong with balanced accuracy {self.balanced_accuracy:.2f}, accepting {shares['right']} of the "
            f"right ones. It also accepts {shares['other_question']} of the answers to other questions, "
            f"{shares['other_type']} of those about the same disease to another type of question, "
            f"{shares['other_disease']} of those about another disease with its name replaced, and "
            f"{100 * self.empty:.0f} % of sentences that name the disease and say nothing: read the labels as "
            "likeness, not as truth. Two thirds of these references say what a disease is; of other types of question "
            "less is known."
        )


def balanced_accuracy(accepted: Mapping[str, float]) -> float:
    """Mean of the share of right answers accepted and the mean share of wrong ones rejected.

    Example:
        >>> balanced_accuracy({"right": 0.8, "other_question": 0.0, "other_type": 0.3, "other_disease": 0.6})
        0.75
    """
    return float((accepted["right"] + 1 - np.mean([accepted[kind] for kind in WRONG_KINDS])) / 2)


def calibrate(
    similarities: Float[np.ndarray, " answer"],
    *,
    kinds: Sequence[Kind],
    diseases: Sequence[str],
    empty: Float[np.ndarray, " reference"],
    rng: np.random.Generator,
) -> Calibration:
    """Choose a threshold on one half of the diseases and measure it on the other.

    Args:
        similarities: How alike each answer and its reference are, higher is more.
        kinds: What each answer is.
        diseases: What each answer's reference is about.
        empty: How alike the references are to sentences that say nothing of their disease.
        rng: Draws the halves.

    Returns:
        The threshold of the highest balanced accuracy in the first half, of hundredths; among equally good ones the
        middle one. All figures are of the second half.

    Raises:
        UndefinedMetricError: A half lacks answers of one kind.
    """
    kind, disease = np.asarray(kinds, dtype=str), np.asarray(diseases, dtype=str)
    drawn = rng.permutation(np.unique(disease))
    first = np.isin(disease, drawn[: len(drawn) // 2])
    for half in (first, ~first):
        missing = [name for name in KINDS if not (half & (kind == name)).any()]
        if missing:
            raise UndefinedMetricError(f"a half of the diseases has no answers of the kind {missing[0]!r}")
    values = [balanced_accuracy(_accepted(similarities[first], kind[first], threshold)) for threshold in CANDIDATES]
    best = CANDIDATES[np.isclose(values, max(values), rtol=0, atol=1e-9)]
    threshold = float(best[(len(best) - 1) // 2])
    accepted = _accepted(similarities[~first], kind[~first], threshold)
    return Calibration(
        threshold=threshold,
        balanced_accuracy=balanced_accuracy(accepted),
        accepted=accepted,
        empty=float((empty >= threshold - 1e-9).mean()),
        answers={name: int((kind[~first] == name).sum()) for name in KINDS},
        diseases=len(drawn) - len(drawn) // 2,
    )


@cache
def read_calibration(judge: str) -> Calibration:
    """The calibration that comes with the package (made by `benchmarks/judge_thresholds.py`).

    Args:
        judge: `token_f1`, `rouge_l` or `embedding`.

    Example:
        >>> 0 < read_calibration("rouge_l").threshold < 1
        True
    """
    return Calibration(**read_thresholds()["judges"][judge])


def read_thresholds() -> dict[str, Any]:
    """The whole file of thresholds: how they were found, and each judge's calibration."""
    text = (files("tacitly.judges") / "data" / FILE).read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def _accepted(similarities: Float[np.ndarray, " answer"], kind: np.ndarray, threshold: float) -> dict[str, float]:
    called_right = similarities >= threshold - 1e-9
    return {name: float(called_right[kind == name].mean()) for name in KINDS}
