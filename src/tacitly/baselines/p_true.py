"""Baselines from what the model says when it is asked whether its answer is true."""

import numpy as np
import pandas as pd
from jaxtyping import Float

NAMES = ("p_true", "p_true_exact", "p_true_single")
"""The baselines, each named after the column of `self_evaluation/` that it reads."""
NO_WORD = "the tokenizer writes \u201cTrue\u201d in more than one token"
_REASONS = {"p_true": "reason", "p_true_exact": "reason_exact", "p_true_single": "reason"}


def p_true_baselines(rows: pd.DataFrame) -> dict[str, Float[np.ndarray, " row"]]:
    """Score answers by p(True): of the whole answer, of the exact answer, and as LM-Polygraph takes it.

    Args:
        rows: Answers joined with the table `self_evaluation/`; a column that is missing, or has nothing in it,
            makes no baseline.

    Returns:
        Scores by name, higher for answers that the model calls true; NaN where p(True) is not defined. `p_true` and
        `p_true_exact` are probabilities averaged over both orders of the options; `p_true_single` is the
        log-probability of the word `True`, options in one order, over the whole answer.

    Reference:
        Kadavath et al. (2022), "Language Models (Mostly) Know What They Know", section 3.

    Example:
        >>> rows = pd.DataFrame({"p_true": [0.9, None], "p_true_single": [-0.1, -2.0]})
        >>> {name: scores.tolist() for name, scores in p_true_baselines(rows).items()}
        {'p_true': [0.9, nan], 'p_true_single': [-0.1, -2.0]}
    """
    return {
        name: pd.to_numeric(rows[name]).to_numpy(dtype=np.float64, na_value=np.nan)
        for name in NAMES
        if name in rows and rows[name].notna().any()
    }


def p_true_absent(rows: pd.DataFrame) -> dict[str, str]:
    """Why there is no baseline of a name.

    Args:
        rows: As `p_true_baselines` takes them.

    Returns:
        For each column with nothing in it the commonest reason.

    Example:
        >>> rows = pd.DataFrame({"p_true": [0.9], "p_true_exact": [None], "reason_exact": ["nobody asked"]})
        >>> p_true_absent(rows)
        {'p_true_exact': 'nobody asked'}
    """
    absent = {}
    for name in NAMES:
        if name in rows and not rows[name].notna().any():
            reasons = [str(reason) for reason in rows[_REASONS[name]].dropna().mode()]
            absent[name] = reasons[0] if reasons else NO_WORD
    return absent
