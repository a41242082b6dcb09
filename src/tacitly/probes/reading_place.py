"""Which token of an answer a detector reads, and with which of its probes."""

from dataclasses import dataclass

from tacitly.activations.positions import token_indices
from tacitly.probes.detector import Detector, Role
from tacitly.records import Span

_ROLES: tuple[Role, ...] = ("exact_answer", "any_answer")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer is read.

    Attributes:
        role: The probe that reads it; None where none can.
        index: Which of the captured tokens it reads (`tacitly.activations.positions`).
        reason: Why it is not the probe for exact answers; None where it is.
    """

    role: Role | None
    index: int | None
    reason: str | None


def find_place(detector: Detector, span: Span, *, n_tokens: int, has_end: bool) -> Place:
    """Find the first probe that can score an answer, in the way in which the detector's promise was tested.

    An answer with an exact answer is scored by the probe that reads it; where that probe or its token is missing, and
    where there is no exact answer, by the one that reads any answer.

    Args:
        detector: The detector.
        span: The exact answer, aligned to tokens, or a span without one.
        n_tokens: Number of the answer's tokens, the end token not counted.
        has_end: Whether an end token follows them.

    Returns:
        The place, or the reason for none.
    """
    reasons = []
    for role in _ROLES:
        if role == "exact_answer" and not span.found:
            reasons.append(f"no exact answer was found ({span.reason})")
            continue
        probe = detector.probes.get(role)
        if probe is None:
            reasons.append(f"the detector has no probe for {role.replace('_', ' ')}")
            continue
        [index] = token_indices(span, n_tokens=n_tokens, has_end=has_end, positions=[probe.header.position])
        if index is not None:
            return Place(role, index, "; ".join(reasons) or None)
        reasons.append(f"the answer has no token {probe.header.position!r}")
    return Place(None, None, "; ".join(reasons))
