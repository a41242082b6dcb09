"""In what role an answer names people: `directed by ... and starring ...` names two."""

from tacitly.locators.phrases import find_names
from tacitly.locators.sentence import Said
from tacitly.text import words

_ASKED = {
    "actor": "acted actor actress played portrayed starred voiced",
    "director": "directed director",
    "producer": "produced producer",
    "writer": "wrote author writer novelist",
    "character": "character",
}
_LEADING = {
    "actor": "actor actress starred starring stars",
    "director": "director",
    "producer": "producer",
    "writer": "author novelist writer",
    "character": "as character role",
}
# Before `by`. Without it, the verbs of acting lead to the character.
_DONE = {
    "actor": "acted played portrayed voiced",
    "director": "directed",
    "producer": "produced",
    "writer": "authored book comic novel play series story written",
}
_ASKED_BY = {word: role for role, listed in _ASKED.items() for word in listed.split()}
_LED_BY = {word: role for role, listed in _LEADING.items() for word in listed.split()}
_DONE_BY = {word: role for role, listed in _DONE.items() for word in listed.split()}
_ACTING = frozenset("acted played plays portrayed portrays voiced voices".split())  # noqa: SIM905
_ELSEWHERE = frozenset("about at from in on with".split())  # noqa: SIM905
_REACH = 8


def asked_role(question: str) -> str | None:
    """The role that a question asks for a person in, or None.

    Example:
        >>> asked_role("Who acted as Rose in the film?"), asked_role("Who painted it?")
        ('actor', None)
    """
    return next((_ASKED_BY[word.key] for word in words(question) if word.key in _ASKED_BY), None)


def sort_by_role(said: list[Said], names: list[list[Said]], role: str) -> list[list[Said]]:
    """Put the names that stand in a role first, and leave out those in another.

    A name in the role counts even where the question has it: it is what the answer says of it that is new.

    Args:
        said: The answer's words.
        names: The candidates.
        role: The role that is asked for.

    Returns:
        The names, in the role and in none.

    Example:
        >>> from tacitly.locators.sentence import read_answer
        >>> said = read_answer("Who acted as Rose?", "It was directed by Ann Lee and stars Eve Moe.")
        >>> [[one.written for one in name] for name in sort_by_role(said, find_names(said), "actor")]
        [['Eve', 'Moe']]
    """
    again = [name for name in find_names(said) if name in names or all(one.asked for one in name)]
    own = [name for name in again if _role_of(said, name) == role]
    return own + [name for name in names if name not in own and _role_of(said, name) is None]


def _role_of(said: list[Said], name: list[Said]) -> str | None:
    """The role that a name stands in, by the verb after it, or by what leads to it in its sentence."""
    start = said.index(name[0])
    follower, second = [*(one.word.key for one in said[start + len(name) :][:2]), "", ""][:2]
    if follower in _ACTING and second != "by":
        return "actor"
    by = False
    for i in range(start - 1, max(-1, start - 1 - _REACH), -1):
        key = said[i].word.key
        if said[i + 1].opens_sentence or said[i].upper or key in _ELSEWHERE:
            return None
        if key in _LED_BY:
            return _LED_BY[key]
        if by and key in _DONE_BY:
            return _DONE_BY[key]
        if key in _ACTING:
            return "character"
        by = by or key == "by"
    return None
