"""A limit's choice of questions: the same for the same seed, balanced, and growing with the limit."""

import hashlib
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
        questions: All of them.
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
    everything = tuple(questions)
    if limit is None:
        return everything
    if limit < 1:
        raise SettingsError(f"task.limit is {limit}", allowed="1 or more, or none for all questions")
    strata: dict[str, list[str]] = defaultdict(list)
    for question in everything:
        strata[stratum(question)].append(question.question_id)
    turns = [
        (turn, name, question_id)
        for name, ids in strata.items()
        for turn, question_id in enumerate(sorted(ids, key=lambda question_id: _rank(seed, question_id)))
    ]
    turns.sort(key=lambda item: (item[0], _rank(seed, item[1])))
    drawn = {question_id for _, _, question_id in turns[:limit]}
    return tuple(question for question in everything if question.question_id in drawn)


def _rank(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()
