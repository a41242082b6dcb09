"""The judges by name."""

from importlib import import_module
from typing import cast

from tacitly.errors import SettingsError
from tacitly.judges.base import Judge

JUDGES = {
    "alias": "tacitly.judges.alias:AliasJudge",
    "choice": "tacitly.judges.alias:ChoiceJudge",
    "embedding": "tacitly.judges.embedding:embedding_judge",
    "human": "tacitly.judges.human:HumanJudge",
    "label": "tacitly.judges.label:LabelJudge",
    "number": "tacitly.judges.number:NumberJudge",
    "rouge_l": "tacitly.judges.similarity:rouge_l_judge",
    "token_f1": "tacitly.judges.similarity:token_f1_judge",
}

# They find an accepted answer by its words, in a part of an answer as well as in all of it.
MATCHING = ("alias", "choice")


def load_judge(name: str) -> Judge:
    """Make the judge of a name.

    Args:
        name: A name of the catalog.

    Returns:
        The judge.

    Raises:
        SettingsError: No judge has that name.

    Example:
        >>> type(load_judge("choice")).__name__
        'ChoiceJudge'
    """
    if name not in JUDGES:
        raise SettingsError(
            f"unknown judge {name!r}", allowed=", ".join(sorted(JUDGES)), remedy="set task.judge to one of them"
        )
    module, _, attribute = JUDGES[name].partition(":")
    return cast("Judge", getattr(import_module(module), attribute)())
