"""The baselines and controls by name."""

from importlib import import_module
from typing import Any, cast

from tacitly.baselines.base import Baseline, Control

BASELINES = {
    "token_probability": "tacitly.baselines.token_probability:token_baselines",
}
"""Families of baselines; each makes several that read the same cached numbers."""

CONTROLS = {
    "length": "tacitly.baselines.controls:Length",
    "located": "tacitly.baselines.controls:Located",
    "located_by": "tacitly.baselines.controls:LocatedBy",
    "answer_prior": "tacitly.baselines.controls:AnswerPrior",
    "answer_text": "tacitly.baselines.controls:answer_text",
    "question_text": "tacitly.baselines.controls:question_text",
}
"""Controls that need rows only; those that need activations are the experiment's."""


def load_baselines(family: str) -> dict[str, Baseline]:
    """Make the baselines of a family, by name.

    Raises:
        KeyError: No family has that name.

    Example:
        >>> "probability_min_exact" in load_baselines("token_probability")
        True
    """
    return {baseline.name: baseline for baseline in cast("tuple[Baseline, ...]", _make(BASELINES[family]))}


def load_control(name: str) -> Control:
    """Make the control of a name.

    Raises:
        KeyError: No control has that name.

    Example:
        >>> load_control("length").name
        'length'
    """
    return cast("Control", _make(CONTROLS[name]))


def _make(entry: str) -> Any:
    module, _, attribute = entry.partition(":")
    return getattr(import_module(module), attribute)()
