"""The judges by name."""

from importlib import import_module
from typing import TypeVar, cast

from tacitly.engines.asker import Asker
from tacitly.errors import SettingsError
from tacitly.judges.base import Judge

T = TypeVar("T")

JUDGES = {
    "alias": "tacitly.judges.alias:AliasJudge",
    "choice": "tacitly.judges.alias:ChoiceJudge",
    "embedding": "tacitly.judges.embedding:embedding_judge",
    "human": "tacitly.judges.human:HumanJudge",
    "label": "tacitly.judges.label:LabelJudge",
    "llm": "tacitly.judges.llm:LlmJudge",
    "nli": "tacitly.judges.nli:nli_judge",
    "number": "tacitly.judges.number:NumberJudge",
    "rouge_l": "tacitly.judges.similarity:rouge_l_judge",
    "token_f1": "tacitly.judges.similarity:token_f1_judge",
}
SIMILARITIES = frozenset({"embedding", "rouge_l", "token_f1"})
"""Those that go by how alike an answer and a reference are."""

# They find an accepted answer by its words, in a part of an answer as well as in all of it.
MATCHING = ("alias", "choice", "label", "number")


def load_judge(
    name: str, *, asker: Asker | None = None, judges_itself: bool = False, nli_model: str | None = None
) -> Judge:
    """Make the judge of a name.

    Args:
        name: A name of the catalog.
        asker: The model that the judge `llm` asks.
        judges_itself: Whether that is the model that wrote the answers.
        nli_model: The model of the judge `nli`, a hub id or a folder.

    Returns:
        The judge; a model that it needs is opened when it first judges.

    Raises:
        SettingsError: No judge has that name, or it has no model.

    Example:
        >>> type(load_judge("choice")).__name__
        'ChoiceJudge'
    """
    if name not in JUDGES:
        raise SettingsError(
            f"unknown judge {name!r}", allowed=", ".join(sorted(JUDGES)), remedy="set task.judge to one of them"
        )
    module, _, attribute = JUDGES[name].partition(":")
    make = getattr(import_module(module), attribute)
    if name == "llm":
        return cast("Judge", make(_required(asker, "llm", "judge.model, such as judge.model=same"), judges_itself))
    if name == "nli":
        return cast("Judge", make(_required(nli_model, "nli", "judge.nli_model to a hub id or a folder")))
    return cast("Judge", make())


def _required(model: T | None, judge: str, setting: str) -> T:
    if model is None:
        raise SettingsError(f"judge {judge!r} has no model to ask", remedy=f"set {setting}")
    return model
