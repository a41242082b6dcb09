"""What the model said of its own answers, in figures: how often it calls them true, and how much the order matters."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from tacitly.activations.contrast import SUFFIXES, Asked

OFF = "the model was not asked (self_evaluation.of is empty)"


def summarise_self_evaluation(said: pd.DataFrame, *, of: Sequence[Asked]) -> dict[str, Any]:
    """Put the figures of `metrics.json` together.

    Args:
        said: The table `self_evaluation/`.
        of: About what the model was asked.

    Returns:
        For `answer` and `exact_answer`, where asked about: `answers` with a p(True), its `mean`, and the shares called
        true with the option `True` named first and named last; null with a `reason` where there is none.

    Example:
        >>> columns = {f"logprob_{called}_{order}": [-1.0 if called == "true" else -2.0]
        ...            for called in ("true", "false") for order in ("true_first", "false_first")}
        >>> said = pd.DataFrame({"p_true": [0.73], "reason": [None], **columns})
        >>> summarise_self_evaluation(said, of=["answer"])["answer"]
        {'answers': 1, 'mean': 0.73, 'called_true_first': 1.0, 'called_true_last': 1.0}
    """
    if not of:
        return {"of": [], "reason": OFF}
    return {"of": list(of), **{asked: _summary(said, SUFFIXES[asked]) for asked in of}}


def _summary(said: pd.DataFrame, suffix: str) -> dict[str, Any]:
    known = said[said[f"p_true{suffix}"].notna()] if len(said) else said
    if not len(known):
        reasons = [str(reason) for reason in said[f"reason{suffix}"].dropna().mode()] if len(said) else []
        why = reasons[0] if reasons else "there are no answers"
        return {"answers": 0, "mean": None, "called_true_first": None, "called_true_last": None, "reason": why}
    first, last = (
        float((known[f"logprob_true_{order}{suffix}"] > known[f"logprob_false_{order}{suffix}"]).mean())
        for order in ("true_first", "false_first")
    )
    return {
        "answers": len(known),
        "mean": float(known[f"p_true{suffix}"].mean()),
        "called_true_first": first,
        "called_true_last": last,
    }
