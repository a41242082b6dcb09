"""From which similarity on an answer counts as right, and what such a verdict is worth."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float

from tacitly.errors import UndefinedMetricError

WrongKind = Literal["other_question", "other_type", "other_disease"]
Kind = Literal["right", "other_question", "other_type", "other_disease", "empty"]
WRONG_KINDS: tuple[WrongKind, ...] = get_args(WrongKind)
KINDS: tuple[Kind, ...] = get_args(Kind)
"""The threshold is chosen on right answers and `WRONG_KINDS`; `empty` ones only show what it is worth."""

COMMON_TYPES = ("information", "inheritance")
OTHER_TYPES = "other"
FILE = "similarity_thresholds.json"
CANDIDATES = np.arange(1, 100) / 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """How a threshold did on some questions.

    Attributes:
        balanced_accuracy: Mean of the share of right answers accepted and the share of wrong ones rejected, where each
            kind of wrong answer weighs the same.
        accepted: The share that is accepted, by kind: true positives under `right`, else false positives.
        answers: How many answers of each kind that is based on.
    """

    balanced_accuracy: float
    accepted: Mapping[str, float]
    answers: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A threshold, and how it did on references about other diseases than those it was chosen on.

    Attributes:
        threshold: The least similarity of a right answer, with two decimals.
        overall: How it did on all questions.
        by_type: How it did on the two commonest types of question, and on the `other` ones.
        diseases: How many diseases they are about.
    """

    threshold: float
    overall: Worth
    by_type: Mapping[str, Worth]
    diseases: int

    def caveat(self, judge: str) -> str:
        """What a reader of the judge's labels should know.

        Example:
            >>> read_calibration("token_f1").caveat("token_f1").startswith("Answers were judged by token F1 at ")
            True
        """
        measure = {"token_f1": "token F1", "rouge_l": "ROUGE-L", "embedding": "embedding similarity"}.get(judge, judge)
        shares = {kind: f"{100 * share:.0f} %" for kind, share in self.overall.accepted.items()}
        said = (
            f"Answers were judged by {measure} at {self.threshold:.2f}: on MedQuAD's reference answers this tells "
            f"right from wrong with balanced accuracy {self.overall.balanced_accuracy:.2f}, accepting "
            f"{shares['right']} of the right ones. It also accepts {shares['other_question']} of the answers to other "
            f"questions, {shares['other_type']} of those about the same disease to another type of question, "
            f"{shares['other_disease']} of those about another disease with its name replaced, and {shares['empty']} "
            "of sentences that name the disease and say nothing: read the labels as likeness, not as truth."
        )
        other = self.by_type.get(OTHER_TYPES)
        if other is None:
            return said
        return (
            f"{said} Most of these references say what a disease is or how it is inherited; to other types of question "
            f"it accepts {100 * other.accepted['right']:.0f} % of the right answers (balanced accuracy "
            f"{other.balanced_accuracy:.2f}, {other.answers['right']} answers)."
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
    types: Sequence[str],
    rng: np.random.Generator,
) -> Calibration:
    """Choose a threshold on one half of the diseases and measure it on the other.

    Args:
        similarities: How alike each answer and its reference are, higher is more.
        kinds: What each answer is.
        diseases: What each answer's reference is about.
        types: The type of question that it answers.
        rng: Draws the halves.

    Returns:
        The threshold of the highest balanced accuracy in the first half, of hundredths; among equally good ones the
        middle one. All figures are of the second half.

    Raises:
        UndefinedMetricError: A half lacks answers of one kind.
    """
    kind, disease = np.asarray(kinds, dtype=str), np.asarray(diseases, dtype=str)
    group = np.array([name if name in COMMON_TYPES else OTHER_TYPES for name in types])
    drawn = rng.permutation(np.unique(disease))
    first = np.isin(disease, drawn[: len(drawn) // 2])
    for half in (first, ~first):
        missing = [name for name in KINDS if not (half & (kind == name)).any()]
        if missing:
            raise UndefinedMetricError(f"a half of the diseases has no answers of the kind {missing[0]!r}")
    values = [balanced_accuracy(_accepted(similarities[first], kind[first], threshold)) for threshold in CANDIDATES]
    best = CANDIDATES[np.isclose(values, max(values), rtol=0, atol=1e-9)]
    threshold = float(best[(len(best) - 1) // 2])

    def worth(which: Bool[np.ndarray, " answer"]) -> Worth:
        accepted = _accepted(similarities[which], kind[which], threshold)
        return Worth(
            balanced_accuracy=balanced_accuracy(accepted),
            accepted=accepted,
            answers={name: int((kind[which] == name).sum()) for name in KINDS},
        )

    groups = {name: ~first & (group == name) for name in (*COMMON_TYPES, OTHER_TYPES)}
    return Calibration(
        threshold=threshold,
        overall=worth(~first),
        by_type={name: worth(which) for name, which in groups.items() if set(kind[which]) == set(KINDS)},
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
    found = read_thresholds()["judges"][judge]
    return Calibration(
        threshold=found["threshold"],
        overall=Worth(**found["overall"]),
        by_type={name: Worth(**worth) for name, worth in found["by_type"].items()},
        diseases=found["diseases"],
    )


def read_thresholds() -> dict[str, Any]:
    """The whole file of thresholds: how they were found, and each judge's calibration."""
    text = (files("tacitly.judges") / "data" / FILE).read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def _accepted(similarities: Float[np.ndarray, " answer"], kind: np.ndarray, threshold: float) -> dict[str, float]:
    called_right = similarities >= threshold - 1e-9
    return {name: float(called_right[kind == name].mean()) for name in KINDS}
