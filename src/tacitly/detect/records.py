"""An answer as it is given, and what a detector makes of it."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from tacitly.probes.detector import Role
from tacitly.probes.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenAnswer:
    """An answer that the detector's model wrote elsewhere.

    Attributes:
        id: Names it.
        question: What was asked, without prompt or template.
        answer: What the model wrote, as text; None where only its tokens are there. It counts as finished.
        token_ids: What the model wrote, as tokens: with its end token where it was finished, without where it was cut.
        context: A passage that came with the question.
        choices: The question's closed set; empty for what the detector knows of it.
        where: The file and the line, for messages.
    """

    id: str
    question: str
    answer: str | None = None
    token_ids: tuple[int, ...] | None = None
    context: str | None = None
    choices: tuple[str, ...] = ()
    where: str = "the answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredAnswer:
    """What a detector says of one answer.

    Attributes:
        id: The answer's.
        p_correct: The calibrated probability that it is right; None where it has no score.
        verdict: What that comes to (`tacitly.probes.verdict`); None beside an error.
        exact_answer: The part of the answer that answers the question; None where none was found.
        start: Its first character in the answer,
        end: and one past its last.
        scored: What the probability is of: the exact answer, or the whole answer, by its last token.
        site: Where the states were read: the site,
        layer: the layer (0 is the embedding output),
        position: and the token position.
        reason: Why something is None: no exact answer, or no score.
        error: Why the answer could not be looked at; None where it could.

    Example:
        >>> ScoredAnswer(id="7", p_correct=0.8, verdict="trust").as_dict()["verdict"]
        'trust'
    """

    id: str | None
    p_correct: float | None = None
    verdict: Verdict | None = None
    exact_answer: str | None = None
    start: int | None = None
    end: int | None = None
    scored: Role | None = None
    site: str | None = None
    layer: int | None = None
    position: str | None = None
    reason: str | None = None
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON or a table, in the order of the attributes."""
        return asdict(self)


FIELDS = tuple(field.name for field in fields(ScoredAnswer))
