"""What an engine does: write answers, and read states. Fakes beside the protocols."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from tacitly.activations.capture import TokenStates
from tacitly.records import EndToken, FinishReason

MEMORY = 2.0
"""GB that answers take while they are written, unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How tokens are chosen and where answers end.

    Attributes:
        max_new_tokens: The most tokens that are generated, the end token included.
        temperature: Divides the logits of sampled answers.
        top_p: Sampled answers draw from the smallest set of tokens with at least this probability.
        stop: Strings that end an answer and are not part of it.
        seed: Every sampled answer's own seed derives from this, its key and its sample number.
    """

    max_new_tokens: int = 32
    temperature: float = 1.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One answer to write.

    Attributes:
        key: The caller's.
        prompt_ids: The prompt's tokens, at least one.
        sample: 0 is greedy, the others are drawn with their own seed.
        sampling: How this one is written; None as all others are.
        drawn_as: The key from which its seed derives, where that is another.
    """

    key: str
    prompt_ids: tuple[int, ...]
    sample: int = 0
    sampling: Sampling | None = None
    drawn_as: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What was written for a request.

    Attributes:
        token_ids: The answer's tokens, without the end token.
        states: By site `[layer, token, width]`: the last prompt token, the answer's tokens, and the end token
            where there is one; None where nothing was to be captured.
    """

    key: str
    sample: int
    text: str
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    logits: tuple[float, ...]
    entropies: tuple[float, ...]
    finish_reason: FinishReason
    end: EndToken | None = None
    states: TokenStates | None = None


class Generator(Protocol):
    """Writes answers."""

    def generate(
        self,
        requests: Sequence[Request],
        *,
        sampling: Sampling,
        capture: Sequence[str] = (),
        batch_size: int = 96,
        memory: float = MEMORY,
    ) -> Iterator[list[Generation]]:
        """Yield finished answers, some at a time, in bounded memory; `capture` names the sites to read on the way."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """An answer that exists already.

    Attributes:
        key: The caller's.
        prompt_ids: The prompt's tokens.
        token_ids: The answer's tokens, at least one.
        text: The answer as it was given.
        end_id: The token that ends a turn; it is read as if the answer were over. None leaves it open.
        sample: 0 for the answer that counts as the greedy one.
    """

    key: str
    prompt_ids: tuple[int, ...]
    token_ids: tuple[int, ...]
    text: str
    end_id: int | None
    sample: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Tokens of one text whose states are wanted: indices into `token_ids`."""

    key: str
    token_ids: tuple[int, ...]
    indices: tuple[int, ...]


class StateReader(Protocol):
    """Reads the states of text that was written elsewhere."""

    def read_states(
        self,
        readings: Sequence[Reading],
        *,
        sites: Sequence[str],
        batch_size: int = 96,
        layers: Sequence[int] | None = None,
    ) -> Iterator[list[tuple[str, TokenStates]]]:
        """Yield, batch by batch, each reading's key and its states `[layer, index, width]` by site.

        `layers` names the layers that are wanted, None all of them.
        """
        ...

    def read_answers(
        self, answers: Sequence[Written], *, capture: Sequence[str] = (), batch_size: int = 96
    ) -> Iterator[list[Generation]]:
        """Yield answers that exist already with their numbers and states, as if the model had written them."""
        ...


@dataclass
class FakeGenerator:
    """Answers from a table, with made-up numbers.

    Example:
        >>> fake = FakeGenerator({"q1": "Paris"})
        >>> next(fake.generate([Request(key="q1", prompt_ids=(1,))], sampling=Sampling()))[0].text
        'Paris'
    """

    answers: Mapping[str, str]
    asked: list[str] = field(default_factory=list)

    def generate(
        self,
        requests: Iterable[Request],
        *,
        sampling: Sampling,  # noqa: ARG002
        capture: Sequence[str] = (),
        batch_size: int = 96,  # noqa: ARG002
        memory: float = MEMORY,  # noqa: ARG002
    ) -> Iterator[list[Generation]]:
        """One character, one token."""
        for request in requests:
            self.asked.append(request.key)
            text = self.answers[request.key]
            n = len(text)
            states = {site: np.zeros((2, n + 2, 4), np.float32) for site in capture}
            yield [
                Generation(
                    key=request.key,
                    sample=request.sample,
                    text=text,
                    token_ids=tuple(map(ord, text)),
                    logprobs=(-0.1,) * n,
                    logits=(1.0,) * n,
                    entropies=(0.2,) * n,
                    finish_reason="end_of_turn",
                    end=EndToken(token_id=0, logprob=-0.1, logit=1.0, entropy=0.2),
                    states=states if capture else None,
                )
            ]
