"""Choosing the next token, and knowing when an answer is over."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from tacitly.engines.base import Generation, Request, Sampling
from tacitly.records import EndToken, FinishReason


@dataclass(frozen=True, slots=True)
class Chosen:
    """The tokens that one step chose, one per active row, with their numbers at temperature 1."""

    ids: list[int]
    logprobs: list[float]
    logits: list[float]
    entropies: list[float]


@dataclass(slots=True)
class Row:
    """One answer while it grows; `token_ids` holds the end token too."""

    request: Request
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    logits: list[float] = field(default_factory=list)
    entropies: list[float] = field(default_factory=list)
    finish: FinishReason | None = None

    def add(self, chosen: Chosen, i: int) -> None:
        """Take the i-th chosen token."""
        self.token_ids.append(chosen.ids[i])
        self.logprobs.append(chosen.logprobs[i])
        self.logits.append(chosen.logits[i])
        self.entropies.append(chosen.entropies[i])

    def close(self, sampling: Sampling, end_ids: frozenset[int], tokenizer: PreTrainedTokenizerBase) -> None:
        """Set `finish` if the newest token ends the answer."""
        if self.token_ids[-1] in end_ids:
            self.finish = "end_of_turn"
        elif sampling.stop and _first_stop(decode(tokenizer, self.token_ids), sampling.stop) is not None:
            self.finish = "stop_string"
        elif len(self.token_ids) >= sampling.max_new_tokens:
            self.finish = "length"

    def generation(self, sampling: Sampling, tokenizer: PreTrainedTokenizerBase) -> Generation:
        """The finished answer: its end token apart, and a stop string cut off."""
        if self.finish is None:
            raise RuntimeError("the answer is still being written")
        n = len(self.token_ids)
        if self.finish == "end_of_turn":
            n -= 1
        text = decode(tokenizer, self.token_ids[:n])
        if self.finish == "stop_string":
            text = text[: _first_stop(text, sampling.stop)]
            n = _tokens_covering(text, self.token_ids, tokenizer)
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
    """

    def __init__(self, batch: Sequence[Request], sampling: Sampling) -> None:
        self._sampling = sampling
        self._sampled = torch.tensor([request.sample > 0 for request in batch])
        self._uniforms = np.stack(
            [
                _generator(sampling.seed, r).random(sampling.max_new_tokens + 1)
                if r.sample
                else np.zeros(sampling.max_new_tokens + 1)
                for r in batch
            ]
        )
        self._step = 0

    def choose(self, logits: Float[Tensor, "row vocabulary"], active: Int[Tensor, " row"]) -> Chosen:
        """Choose one token for each active row."""
        logits = logits.float()
        ids = logits.argmax(-1)
        sampled = self._sampled[active].to(logits.device)
        if sampled.any():
            uniforms = torch.from_numpy(self._uniforms[active.numpy(), self._step]).to(logits.device)
            ids[sampled] = draw(
                logits[sampled],
                uniforms[sampled],
                temperature=self._sampling.temperature,
                top_p=self._sampling.top_p,
            )
        self._step += 1
        return measure(logits, ids)


def measure(logits: Float[Tensor, "row vocabulary"], ids: Int[Tensor, " row"]) -> Chosen:
    """The numbers of one token per row, whoever chose it.

    Example:
        >>> round(measure(torch.zeros(1, 4), torch.tensor([2])).logprobs[0], 3)
        -1.386
    """
    logits = logits.float()
    normalizer = logits.logsumexp(-1)
    probabilities = (logits - normalizer[:, None]).exp_()
    entropies = normalizer - torch.einsum("rv,rv->r", probabilities, logits)
    if entropies.isnan().any():  # a logit of minus infinity
        entropies = torch.special.entr(probabilities).sum(-1)
    picked = logits.gather(-1, ids[:, None])[:, 0]
    return Chosen(ids.tolist(), (picked - normalizer).tolist(), picked.tolist(), entropies.tolist())


def draw(
    logits: Float[Tensor, "row vocabulary"],
    uniforms: Float[Tensor, " row"],
    *,
    temperature: float = 1.0,
    top_p: float = 1.0,
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
    probabilities = (logits.double() / temperature).softmax(-1)
    if top_p < 1:
        descending, order = probabilities.sort(-1, descending=True)
        outside = descending.cumsum(-1) - descending >= top_p
        probabilities = probabilities.scatter(-1, order, descending.masked_fill(outside, 0.0))
    cumulative = probabilities.cumsum(-1)
    target = uniforms.double()[:, None] * cumulative[:, -1:]
    return torch.searchsorted(cumulative, target, right=True).clamp_(max=logits.shape[-1] - 1)[:, 0]


def decode(tokenizer: PreTrainedTokenizerBase, token_ids: Sequence[int]) -> str:
    """The text of answer tokens, as the whole project decodes them."""
    text = tokenizer.decode(list(token_ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return str(text)


def _generator(seed: int, request: Request) -> np.random.Generator:
    key = int.from_bytes(hashlib.sha256(request.key.encode()).digest()[:8])
    return np.random.default_rng([seed, key, request.sample])


def _first_stop(text: str, stop: Sequence[str]) -> int | None:
    return min((i for i in (text.find(s) for s in stop) if i >= 0), default=None)


def _tokens_covering(text: str, token_ids: Sequence[int], tokenizer: PreTrainedTokenizerBase) -> int:
    """The fewest leading tokens whose text begins with `text`."""
    for n in range(len(token_ids)):
        if decode(tokenizer, token_ids[:n]).startswith(text):
            return n
    return len(token_ids)
