"""How much one client, and all of them together, may ask of a server."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is refused, and when a client is given up.

    Attributes:
        body_bytes: Of a request's body; more is answered with 413.
        bodies_bytes: Of all bodies that are being read; more is answered with 429.
        depth: Of lists and objects inside each other in a body.
        prompt_characters: Of all texts of one prompt; checked before they are made tokens.
        prompt_tokens: Of one prompt.
        new_tokens: Of one answer that is written.
        answers: The most that one request may ask for (`n`).
        streams: Answers that are written at once,
        waiting: and requests that may wait for their turn; more are answered with 429.
        score_answers: Of one request for scores.
        score_tokens: Of one answer that is scored, with its prompt.
        scoring: Requests for scores that may be under way or wait; more are answered with 429.
        connections: Open at once; for one more, the client that has been waited for longest is given up, or where none
            is, the new one is answered with 429.
        head_bytes: Of a request's line and headers.
        head_seconds: In which a request's line and headers must have come,
        body_seconds: and its body, from the end of these.
        idle_seconds: How long a connection may stay open without a request.
        stuck_seconds: How long a client may go without reading anything of what waits for it.
    """

    body_bytes: int = 1_000_000
    bodies_bytes: int = 64_000_000
    depth: int = 32
    prompt_characters: int = 32_768
    prompt_tokens: int = 2048
    new_tokens: int = 1024
    answers: int = 8
    streams: int = 64
    waiting: int = 64
    score_answers: int = 256
    score_tokens: int = 3072
    scoring: int = 16
    connections: int = 512
    head_bytes: int = 32_768
    head_seconds: float = 10.0
    body_seconds: float = 30.0
    idle_seconds: float = 30.0
    stuck_seconds: float = 30.0
