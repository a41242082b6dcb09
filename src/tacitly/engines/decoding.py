"""Choosing the next token, and knowing when an answer is over."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from tacitly.engines.base import Generation, Request, Sampling
from tacitly.records import EndToken, FinishReason

DRAWN_AT_ONCE = 16
"""Rows of which distribution functions are made together: few enough that they stay in a processor's cache."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """One token of each of several rows, with its log-probability, its logit and its entropy at temperature 1."""

    ids: Int[Tensor, " row"]
    logprobs: Float[Tensor, " row"]
    logits: Float[Tensor, " row"]
    entropies: Float[Tensor, " row"]


@dataclass(frozen=True, slots=True)
class Ended:
    """An answer whose last token is chosen; `token_ids` holds the end token too."""

    request: Request
    finish: FinishReason
    token_ids: list[int]
    logprobs: list[float]
    logits: list[float]
    entropies: list[float]

    def generation(self, sampling: Sampling, tokenizer: PreTrainedTokenizerBase) -> Generation:
        """The finished answer: its end token apart, and a stop string cut off."""
        n = len(self.token_ids)
        if self.finish == "end_of_turn":
            n -= 1
        text = decode(tokenizer, self.token_ids[:n])
        if self.finish == "stop_string":
            text = text[: first_stop(text, sampling.stop)]
            n = tokens_covering(text, self.token_ids, tokenizer)
        end = None
        if n < len(self.token_ids):
            end = EndToken(
                token_id=self.token_ids[n], logprob=self.logprobs[n], logit=self.logits[n], entropy=self.entropies[n]
            )
        return Generation(
            key=self.request.key,
            sample=self.request.sample,
            text=text,
            token_ids=tuple(self.token_ids[:n]),
            logprobs=tuple(self.logprobs[:n]),
            logits=tuple(self.logits[:n]),
            entropies=tuple(self.entropies[:n]),
            finish_reason=self.finish,
            end=end,
        )


class Draws:
    """Chooses tokens: the most likely one for greedy rows, a seeded draw for sampled ones.

    A draw inverts the distribution function at a uniform number that depends on the seed, the request's key, its
    sample number and the step only, so that an answer does not depend on what else is in its batch.

    Args:
        slots: How many rows there can be.
        steps: The most tokens of one of them.
        device: Where logits are.
    """

    def __init__(self, slots: int, steps: int, device: torch.device) -> None:
        self._sampled = torch.zeros(slots, dtype=torch.bool, device=device)
        self._temperature = torch.ones(slots, dtype=torch.float64, device=device)
        self._top_p = torch.ones(slots, dtype=torch.float64, device=device)
        self._uniforms = torch.zeros(slots, steps, dtype=torch.float64, device=device)

    def set(self, slot: int, request: Request, sampling: Sampling) -> None:
        """Say how the row in a slot chooses."""
        self._sampled[slot] = request.sample > 0
        if request.sample:
            self._temperature[slot], self._top_p[slot] = sampling.temperature, sampling.top_p
            drawn = _generator(sampling.seed, request).random(sampling.max_new_tokens)
            self._uniforms[slot, : len(drawn)] = torch.from_numpy(drawn)

    def move(self, to: Int[Tensor, " row"], come: Int[Tensor, " row"]) -> None:
        """Move rows to other slots."""
        for of_slots in (self._sampled, self._temperature, self._top_p, self._uniforms):
            of_slots[to] = of_slots[come]

    def choose(
        self, logits: Float[Tensor, "row vocabulary"], slots: Int[Tensor, " row"], steps: Int[Tensor, " row"]
    ) -> Numbers:
        """Choose one token for each of these rows, which have chosen so many before."""
        logits = logits.float()
        ids = torch.full_like(slots, -1)
        sampled = self._sampled[slots]
        if sampled.any():
            rows = slots[sampled]
            ids[sampled] = draw(
                logits[sampled],
                self._uniforms[rows, steps[sampled]],
                temperature=self._temperature[rows],
                top_p=self._top_p[rows],
            )
        return measure(logits, ids)


def measure(logits: Float[Tensor, "row vocabulary"], ids: Int[Tensor, " row"]) -> Numbers:
    """The numbers of one token per row, whoever chose it; -1 stands for the most likely one.

    Example:
        >>> round(measure(torch.zeros(1, 4), torch.tensor([2])).logprobs.item(), 3)
        -1.386
    """
    logits = logits.float()
    highest, most_likely = logits.max(-1)
    probabilities = logits.softmax(-1)
    normalizer = highest - probabilities.gather(-1, most_likely[:, None])[:, 0].log()
    entropies = normalizer - (probabilities * logits).sum(-1)
    if entropies.isnan().any():  # a logit of minus infinity
        entropies = torch.special.entr(probabilities).sum(-1)
    ids = torch.where(ids < 0, most_likely, ids)
    picked = logits.gather(-1, ids[:, None])[:, 0]
    return Numbers(ids, picked - normalizer, picked, entropies)


def draw(
    logits: Float[Tensor, "row vocabulary"],
    uniforms: Float[Tensor, " row"],
    *,
    temperature: float | Float[Tensor, " row"] = 1.0,
    top_p: float | Float[Tensor, " row"] = 1.0,
) -> Int[Tensor, " row"]:
    """Draw a token per row by inverting the cumulative distribution, in the order of token ids.

    Args:
        logits: Unnormalised log-probabilities.
        uniforms: One number in [0, 1) per row.
        temperature: Divides the logits.
        top_p: Keep the smallest set of most likely tokens whose probability reaches this.

    Example:
        >>> draw(torch.tensor([[0.0, 0.0]]), torch.tensor([0.75])).item()
        1
    """
    rows = logits.new_ones(len(logits))
    given = (logits, uniforms.double(), rows * temperature, rows * top_p)
    chosen = [_draw(*some) for some in zip(*(torch.split(x, DRAWN_AT_ONCE) for x in given), strict=True)]
    return torch.cat(chosen)


def _draw(
    logits: Float[Tensor, "row vocabulary"],
    uniforms: Float[Tensor, " row"],
    temperature: Float[Tensor, " row"],
    top_p: Float[Tensor, " row"],
) -> Int[Tensor, " row"]:
    probabilities = (logits.float() / temperature[:, None]).softmax(-1)
    if (top_p < 1).any():
        descending, order = probabilities.sort(-1, descending=True)
        before = descending.cumsum(-1, dtype=torch.float64) - descending
        outside = (before >= top_p[:, None]) & (top_p[:, None] < 1)
        probabilities = probabilities.scatter(-1, order, descending.masked_fill(outside, 0.0))
    cumulative = probabilities.cumsum(-1, dtype=torch.float64)
    target = uniforms[:, None] * cumulative[:, -1:]
    return torch.searchsorted(cumulative, target, right=True).clamp_(max=logits.shape[-1] - 1)[:, 0]


def decode(tokenizer: PreTrainedTokenizerBase, token_ids: Sequence[int]) -> str:
    """The text of answer tokens, as the whole project decodes them."""
    text = tokenizer.decode(list(token_ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return str(text)


def _generator(seed: int, request: Request) -> np.random.Generator:
    name = request.key if request.drawn_as is None else request.drawn_as
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
    return np.random.default_rng([seed, key, request.sample])


def first_stop(text: str, stop: Sequence[str]) -> int | None:
    """Where the first of the strings that end an answer begins, if any does."""
    return min((i for i in (text.find(s) for s in stop) if i >= 0), default=None)


def tokens_covering(text: str, token_ids: Sequence[int], tokenizer: PreTrainedTokenizerBase) -> int:
    """The fewest leading tokens whose text begins with `text`."""
    for n in range(len(token_ids)):
        if decode(tokenizer, token_ids[:n]).startswith(text):
            return n
    return len(token_ids)
