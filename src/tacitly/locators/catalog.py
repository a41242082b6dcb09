"""The locators by name, and the chain that asks several in turn."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import cast

from tacitly.engines.asker import Asker
from tacitly.errors import SettingsError
from tacitly.locators.base import Locator, Passage, locate_all, missing
from tacitly.records import Span

LOCATORS = {
    "chain": "tacitly.locators.catalog:ChainLocator",
    "choices": "tacitly.locators.choices:ChoicesLocator",
    "label": "tacitly.locators.label:LabelLocator",
    "number": "tacitly.locators.number:NumberLocator",
    "asked_number": "tacitly.locators.number:AskedNumberLocator",
    "novel_phrase": "tacitly.locators.novel_phrase:NovelPhraseLocator",
    "first_line": "tacitly.locators.first_line:FirstLineLocator",
    "llm": "tacitly.locators.llm:LlmLocator",
}
ASKING = frozenset({"llm"})
"""Those that ask a model."""
CHAIN = ("choices", "asked_number", "novel_phrase")


def load_locator(name: str | Sequence[str], *, asker: Asker | None = None) -> Locator:
    """Make the locator of a name, or a chain of several.

    Args:
        name: A name of the catalog, or several, which are asked in that order.
        asker: The model that the locator `llm` asks.

    Returns:
        The locator.

    Raises:
        SettingsError: No locator has that name, or it has no model to ask.

    Example:
        >>> type(load_locator("choices")).__name__
        'ChoicesLocator'
        >>> load_locator(["choices", "first_line"])
        ChainLocator(names=('choices', 'first_line'))
    """
    if not isinstance(name, str):
        chain = ChainLocator(tuple(name) or CHAIN, asker)
        _ = chain.locators
        return chain
    if name not in LOCATORS:
        raise SettingsError(
            f"unknown locator {name!r}", allowed=", ".join(sorted(LOCATORS)), remedy="set task.locator to one of them"
        )
    if name in ASKING and asker is None:
        raise SettingsError(f"locator {name!r} has no model to ask", remedy="set judge.model, such as judge.model=same")
    module, _, attribute = LOCATORS[name].partition(":")
    return cast("Locator", getattr(import_module(module), attribute)(*([asker] if name in ASKING else [])))


@dataclass(frozen=True)
class ChainLocator:
    """Asks one locator after the other; the first that finds something decides.

    A closed set comes first, then a number where the question asks for one, then what the answer says and the question
    does not.

    Attributes:
        names: The locators, in order.
        asker: The model that the locator `llm` asks, where it is one of them.

    Example:
        >>> ChainLocator().locate("What is the capital of France?", "The capital of France is Paris.", ()).exact_answer
        'Paris'
    """

    names: tuple[str, ...] = CHAIN
    asker: Asker | None = field(default=None, repr=False)

    @cached_property
    def locators(self) -> tuple[Locator, ...]:
        """The locators themselves."""
        return tuple(load_locator(name, asker=self.asker) for name in self.names)

    def locate(self, question_text: str, answer_text: str, choices: Sequence[str]) -> Span:
        """Find the exact answer with the first locator that can.

        Args:
            question_text: The question, without its prompt.
            answer_text: What the model wrote.
            choices: The closed set that the task declares, or nothing.

        Returns:
            The span; where none is found, the reason of each locator.
        """
        return self.locate_all([Passage(question_text, answer_text, choices)])[0]

    def locate_all(self, passages: Sequence[Passage]) -> list[Span]:
        """Find exact answers: each locator is given at once all that those before it left."""
        spans: dict[int, Span] = {}
        reasons: list[list[str]] = [[] for _ in passages]
        for name, locator in zip(self.names, self.locators, strict=True):
            left = [i for i in range(len(passages)) if i not in spans]
            for i, span in zip(left, locate_all(locator, [passages[i] for i in left]), strict=True):
                if span.found:
                    spans[i] = span
                else:
                    reasons[i].append(f"{name}: {span.reason}")
        return [spans.get(i) or missing("chain", "; ".join(said)) for i, said in enumerate(reasons)]
