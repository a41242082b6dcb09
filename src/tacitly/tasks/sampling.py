"""A limit's choice of questions: the same for the same seed, balanced, and growing with the limit."""

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable

from tacitly.errors import SettingsError
from tacitly.records import Question


def draw(
    questions: Iterable[Question], *, limit: int | None, seed: int, stratum: Callable[[Question], str]
) -> tuple[Question, ...]:
    """Draw at most `limit` questions, as evenly over the strata as their sizes allow.

    The strata take turns. Within one, questions come in the order of a hash of seed and id, so that a larger limit adds
    questions to those of a smaller one, and a question added to the task moves few others.

    Args:
        questions: All of them; no more than `limit` of each stratum are held at once.
        limit: How many; None for all.
        seed: Another seed draws others.
        stratum: What to balance over.

    Returns:
        The drawn questions, in the order in which they were given.

    Raises:
        SettingsError: The limit is below 1.

    Example:
        >>> from tacitly.tasks.base import FakeTask
        >>> questions = FakeTask({"a1": "x", "a2": "x", "a3": "x", "b1": "x"}).questions()
        >>> sorted(q.question[0] for q in draw(questions, limit=2, seed=0, stratum=lambda q: q.question[0]))
        ['a', 'b']
    """
    if limit is None:
        return tuple(questions)
    if limit < 1:
        raise SettingsError(f"task.limit is {limit}", allowed="1 or more, or none for all questions")
    best: dict[str, list[tuple[int, int, Question]]] = defaultdict(list)
    for place, question in enumerate(questions):
        kept = best[stratum(question)]
        item = (-_rank(seed, question.question_id), place, question)  # places differ, so questions are not compared
        if len(kept) < limit:
            heapq.heappush(kept, item)
        else:
            heapq.heappushpop(kept, item)
    turns = [
        (turn, -rank, place, question)
        for kept in best.values()
        for turn, (rank, place, question) in enumerate(sorted(kept, reverse=True))
    ]
    drawn = sorted(turns)[:limit]
    return tuple(question for *_, question in sorted(drawn, key=lambda item: item[2]))


def _rank(seed: int, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest(), "big")
