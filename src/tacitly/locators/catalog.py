"""The locators by name, and the chain that asks several in turn."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import cast

from tacitly.errors import SettingsError
from tacitly.locators.base import Locator, missing
from tacitly.records import Span

LOCATORS = {
    "chain": "tacitly.locators.catalog:ChainLocator",
    "choices": "tacitly.locators.choices:ChoicesLocator",
    "label": "tacitly.locators.label:LabelLocator",
    "number": "tacitly.locators.number:NumberLocator",
    "asked_number": "tacitly.locators.number:AskedNumberLocator",
    "novel_phrase": "tacitly.locators.novel_phrase:NovelPhraseLocator",
    "first_line": "tacitly.locators.first_line:FirstLineLocator",
}
CHAIN = ("choices", "asked_number", "novel_phrase")


def load_locator(name: str | Sequence[str]) -> Locator:
    """Make the locator of a name, or a chain of several.

    Args:
        name: A name of the catalog, or several, which are asked in that order.

    Returns:
        The locator.

    Raises:
        SettingsError: No locator has that name.

    Example:
        >>> type(load_locator("choices")).__name__
        'ChoicesLocator'
        >>> load_locator(["choices", "first_line"])
        ChainLocator(names=('choices', 'first_line'))
    """
    if not isinstance(name, str):
        for one in name:
            load_locator(one)
        return ChainLocator(tuple(name) or CHAIN)
    if name not in LOCATORS:
        raise SettingsError(
            f"unknown locator {name!r}", allowed=", ".join(sorted(LOCATORS)), remedy="set task.locator to one of them"
        )
    module, _, attribute = LOCATORS[name].partition(":")
    return cast("Locator", getattr(import_module(module), attribute)())


@dataclass(frozen=True)
class ChainLocator:
    """Asks one locator after the other; the first that finds something decides.

    A closed set comes first, then a number where the question asks for one, then what the answer says and the question
    does not.

    Example:
        >>> ChainLocator().locate("What is the capital of France?", "The capital of France is Paris.", ()).exact_answer
        'Paris'
    """

    names: tuple[str, ...] = CHAIN

    def locate(self, question_text: str, answer_text: str, choices: Sequence[str]) -> Span:
        """Find the exact answer with the first locator that can.

        Args:
            question_text: The question, without its prompt.
            answer_text: What the model wrote.
            choices: The closed set that the task declares, or nothing.

        Returns:
            The span; where none is found, the reason of each locator.
        """
        reasons: list[str] = []
        for name, locator in zip(self.names, _load_all(self.names), strict=True):
            span = locator.locate(question_text, answer_text, choices)
            if span.found:
                return span
            reasons.append(f"{name}: {span.reason}")
        return missing("chain", "; ".join(reasons))


@lru_cache(maxsize=64)
def _load_all(names: tuple[str, ...]) -> tuple[Locator, ...]:
    return tuple(load_locator(name) for name in names)
