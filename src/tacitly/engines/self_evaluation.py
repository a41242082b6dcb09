"""Ask a model whether an answer of its own is true: p(True) with the options in both orders, and a pair of states."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from jaxtyping import Float
from scipy.special import expit

from tacitly.engines.branches import Branches, BranchesRead, BranchReader, Ending
from tacitly.models.load import LanguageModel
from tacitly.models.prompts import PromptFormat
from tacitly.models.true_or_false import Order, TrueOrFalse

SITE = "residual"
ORDERS: tuple[Order, ...] = ("true_first", "false_first")
EMPTY = "the answer is empty"
SAME_LETTERS = "the tokenizer gives the letters A and B the same tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAnswer:
    """A question that was answered, and what is asked about, by the caller's names: an answer, a part of it."""

    key: str
    question: str
    possible: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the model says of one possible answer.

    Attributes:
        p_true: The probability of the letter of `True` among the two letters, averaged over both orders of the options.
        single: The log-probability of the word `True` as the first word of the reply, options in the first order.
        true: For each order, the log-probability of the letter of `True`.
        false: The same of `False`.
        states: The states `[layer, 2, width]` of the last token of the question, in the first order, answered with
            `True` and with `False`.
        reason: Why there is no `p_true`.
    """

    p_true: float | None = None
    single: float | None = None
    true: tuple[float, float] | None = None
    false: tuple[float, float] | None = None
    states: Float[np.ndarray, "layer 2 width"] | None = None
    reason: str | None = None


class SelfEvaluator:
    """Asks a model about its own answers; what the questions about one answer share is read once.

    Args:
        language_model: The model.
        form: How it is asked.
    """

    def __init__(self, language_model: LanguageModel, form: PromptFormat) -> None:
        self._asking = TrueOrFalse(form)
        self._reader = BranchReader(language_model)
        self._room = language_model.context_length

    def evaluate(
        self, answers: Sequence[OwnAnswer], *, batch_size: int = 96
    ) -> Iterator[list[tuple[str, dict[str, Verdict]]]]:
        """Ask about answers.

        Args:
            answers: What is asked about.
            batch_size: The most answers at once.

        Yields:
            Batch by batch, each answer's key and the verdicts by name; those that cannot be asked about come first.
        """
        endings = {a.key: {name: self._endings(a.question, text) for name, text in a.possible.items()} for a in answers}
        texts = []
        nothing: list[tuple[str, dict[str, Verdict]]] = []
        for key, named in endings.items():
            some = tuple(ending for found in named.values() if not isinstance(found, str) for ending in found)
            if some:
                texts.append(Branches(key=key, endings=some))
            else:
                nothing.append((key, {name: Verdict(reason=str(found)) for name, found in named.items()}))
        if nothing:
            yield nothing
        for batch in self._reader.read(texts, sites=(SITE,), batch_size=batch_size):
            yield [(read.key, self._verdicts(endings[read.key], read)) for read in batch]

    def _endings(self, question: str, answer: str) -> list[Ending] | str:
        """The texts that ask about an answer, or why there are none."""
        if not answer.strip():
            return EMPTY
        first, second = (self._asking.token_ids(question, answer.strip(), order) for order in ORDERS)
        word = self._asking.true_token
        before, letters = self._asking.letters or ((), ())
        completions = self._asking.completions or ()
        endings = [
            Ending(token_ids=first, next_ids=() if word is None else (word,)),
            *(Ending(token_ids=(*ids, *before), next_ids=letters) for ids in (first, second)),
            *(Ending(token_ids=(*first, *completion), keeps_state=True) for completion in completions),
        ]
        longest = max(len(ending.token_ids) for ending in endings)
        if self._room is not None and longest > self._room:
            return f"asking about it takes {longest} tokens, more than the model's context of {self._room}"
        return endings

    def _verdicts(self, endings: Mapping[str, list[Ending] | str], read: BranchesRead) -> dict[str, Verdict]:
        logprobs, states, start = iter(read.logprobs), read.states[SITE], 0
        verdicts = {}
        for name, found in endings.items():
            if isinstance(found, str):
                verdicts[name] = Verdict(reason=found)
                continue
            kept = sum(ending.keeps_state for ending in found)
            pair = states[:, start : start + kept] if kept else None
            start += kept
            verdicts[name] = _verdict(list(islice(logprobs, len(found))), pair)
        return verdicts


def _verdict(logprobs: Sequence[tuple[float, ...]], pair: Float[np.ndarray, "layer 2 width"] | None) -> Verdict:
    single, first, second, *_ = logprobs
    word = single[0] if single else None
    if not first:
        return Verdict(single=word, states=pair, reason=SAME_LETTERS)
    true, false = (first[0], second[1]), (first[1], second[0])
    p_true = math.fsum(float(expit(t - f)) for t, f in zip(true, false, strict=True)) / len(ORDERS)
    return Verdict(p_true=p_true, single=word, true=true, false=false, states=pair)
