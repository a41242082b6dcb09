"""A score for every token of an answer that exists already, and for every layer."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from tacitly.detect.pieces import Piece
from tacitly.detect.records import ScoredAnswer
from tacitly.probes.token_probes import TokenProbes

NO_TOKEN_SCORES = "the detector has no token scores; train it again with `tacitly study`"  # noqa: S105 -- no password
NOT_FINITE = "the model's state there is not finite"


@dataclass(frozen=True, slots=True)
class TokenScore:
    """What a detector says once a token is read.

    Attributes:
        text: The token's part of the answer,
        start: its first character,
        end: and one past its last.
        p_correct: The calibrated probability that the answer is right; None where there is none.
    """

    text: str
    start: int
    end: int
    p_correct: float | None


@dataclass(frozen=True, slots=True)
class TokenScores:
    """What a detector says of an answer, and of each of its tokens.

    Attributes:
        answer: Of the answer.
        tokens: Of its tokens, in order; all their texts joined are the answer. Empty where it could not be looked at.
        error: Why tokens have no scores; None where all have one.
    """

    answer: ScoredAnswer
    tokens: tuple[TokenScore, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class LayerScores:
    """What a detector's probes of each layer say once each token is read.

    Attributes:
        site: Where the states were read,
        layers: the layers, from the lowest,
        layer: and the one that gives an answer its scores.
        tokens: The tokens; all their texts joined are the answer.
        p_correct: By layer and token; None where the state is not finite.
    """

    site: str
    layers: tuple[int, ...]
    layer: int
    tokens: tuple[Piece, ...]
    p_correct: tuple[tuple[float | None, ...], ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON, in the order of the attributes."""
        return asdict(self)


def score_tokens(
    probes: TokenProbes, states: Float[np.ndarray, "token width"], *, layer: int | None = None
) -> list[float | None]:
    """The probability after each token; None where its state is not finite.

    Args:
        probes: The detector's.
        states: The tokens' states.
        layer: By default the one that scores answers.
    """
    finite = np.isfinite(states).all(axis=1)
    scores = probes.score(np.where(finite[:, None], states, 0.0), layer)
    return [float(p) if known else None for p, known in zip(scores, finite, strict=True)]


def scored_pieces(
    answer: ScoredAnswer, pieces: Sequence[Piece], scores: Sequence[float | None], error: str | None
) -> TokenScores:
    """Put an answer's pieces together with their scores, of which there are as many, or none at all.

    Args:
        answer: What is said of the whole.
        pieces: What each token stands for.
        scores: Their scores.
        error: Why there are none.
    """
    known = list(scores) or [None] * len(pieces)
    if error is None and None in known:
        error = NOT_FINITE
    tokens = (TokenScore(one.text, one.start, one.end, p) for one, p in zip(pieces, known, strict=True))
    return TokenScores(answer, tuple(tokens), error)
