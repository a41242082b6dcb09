"""What the page says of asking the model about its own answers."""

from collections.abc import Mapping
from typing import Any

from tacitly.report.results import mapping_in, number_in, reason_in

_KINDS = {"answer": "whole answers", "exact_answer": "exact answers"}


def self_evaluation_sentence(metrics: Mapping[str, Any]) -> str:
    """How often the model calls its own answers true, or why p(True) is not among the baselines.

    Args:
        metrics: The content of `metrics.json`.

    Example:
        >>> said = {"answers": 40, "mean": 0.6, "called_true_first": 0.9, "called_true_last": 0.2}
        >>> self_evaluation_sentence({"self_evaluation": {"of": ["answer"], "answer": said}})[:66]
        'Asked whether its own whole answers are true, the model says so of'
        >>> self_evaluation_sentence({"self_evaluation": {"of": [], "reason": "nobody asked"}})
        'p(True) is not among the baselines: nobody asked.'
    """
    entry = mapping_in(metrics, "self_evaluation")
    kinds = {words: mapping_in(entry, kind) for kind, words in _KINDS.items() if mapping_in(entry, kind)}
    if not kinds:
        return f"p(True) is not among the baselines: {reason_in(entry, 'of')}."
    return " ".join(_sentence(words, said) for words, said in kinds.items())


def _sentence(words: str, said: Mapping[str, Any]) -> str:
    first, last = number_in(said, "called_true_first"), number_in(said, "called_true_last")
    if first is None or last is None:
        return f"p(True) of {words} is not defined: {reason_in(said, 'mean')}."
    return (
        f"Asked whether its own {words} are true, the model says so of {100 * first:.0f} in 100 where \u201cTrue\u201d "
        f"is the first option, and of {100 * last:.0f} in 100 where it is the second; p(True) is the mean over both."
    )
