"""Named token positions: which token of an answer each one is."""

from collections.abc import Sequence

from tacitly.records import Span
from tacitly.settings import POSITIONS

LAST_QUESTION = 0  # where the last prompt token stands among the captured tokens; answer tokens follow it


def token_indices(
    span: Span, *, n_tokens: int, has_end: bool, positions: Sequence[str] = POSITIONS
) -> list[int | None]:
    """Where each named position stands among an answer's captured tokens.

    The captured tokens are: the last prompt token, the answer's tokens, and the end token where one was generated.
    The end token is not part of the answer; its state serves only as `exact_answer_after_last_token`.

    Args:
        span: The exact answer, aligned to tokens, or a span without one.
        n_tokens: Number of the answer's tokens, the end token not counted.
        has_end: Whether a token was generated after the answer.
        positions: The names wanted.

    Returns:
        One index into the captured tokens per name; None where the answer does not have it (never clamped).

    Example:
        >>> span = Span(start=0, end=5, exact_answer="Paris", given="paris", locator="choices",
        ...             first_token=0, last_token=1)
        >>> token_indices(span, n_tokens=2, has_end=True,
        ...               positions=["last_q_token", "exact_answer_last_token", "exact_answer_after_last_token", "-3"])
        [0, 2, 3, None]
    """
    first, last = span.first_token, span.last_token
    after = None
    if last is not None and last + 2 <= n_tokens + int(has_end):
        after = last + 2
    where: dict[str, int | None] = {
        "last_q_token": LAST_QUESTION,
        "first_answer_token": 1 if n_tokens >= 1 else None,
        "second_answer_token": 2 if n_tokens >= 2 else None,
        "exact_answer_before_first_token": first,
        "exact_answer_first_token": None if first is None else first + 1,
        "exact_answer_last_token": None if last is None else last + 1,
        "exact_answer_after_last_token": after,
        **{str(-k): n_tokens - k + 1 if n_tokens >= k else None for k in range(1, 9)},
    }
    return [where[name] for name in positions]
