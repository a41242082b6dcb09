"""From the bytes of a body to the JSON value in it, or to the reason why it is none."""

import json
import re
from collections.abc import Iterator

from tacitly.serve.errors import ApiError
from tacitly.text import shortened

# Possessive, so that no body makes them go back: each byte is looked at once.
_STRING = re.compile(rb'"[^"\\]*+(?:\\(?:.|\Z)[^"\\]*+)*+(?:"|\Z)', re.DOTALL)
_NOTABLE = re.compile(rb"\\u[dD][89a-fA-F]|[0-9]{19}|[0-9.][eE]\+?[0-9]{3}|NaN|Infinity")
_HALF = re.compile("[\ud800-\udfff]")
_OPEN_AND_CLOSE = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_LARGEST = 2**63
# What a body may hold of each: reading more would keep the interpreter from everything else for too long.
_PARTS, _VALUES = 10_000, 100_000
_NAMES = 1000  # of one object; each that no field has costs an error of its own
_REMEDY = "correct the body"


def read_json(body: bytes, *, depth: int) -> object:
    r"""Read a body.

    Args:
        body: UTF-8.
        depth: The most lists and objects inside each other.

    Returns:
        The value: its texts can be written as UTF-8, its numbers are less than 2**63 in size.

    Raises:
        ApiError: It is no JSON (400), or holds a number or a text that no field can take (422, with the field's name).

    Example:
        >>> read_json(b'{"n": 2}', depth=8)
        {'n': 2}
        >>> try: read_json(b'{"n": [1, 1e999]}', depth=8)
        ... except ApiError as error: error.param, error.message
        ('n.1', "'n.1' is no number that can be computed with; allowed: less than 2**63 in size")
    """
    if not body.strip():
        raise _no_json("the body is empty", "a JSON object")
    _require_shallow(body, depth)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _no_json(f"the body is not UTF-8 at byte {error.start}", "JSON in UTF-8") from None
    try:
        value = json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise _no_json(f"the body is not JSON at {where}: {error.msg[:1].lower()}{error.msg[1:]}", "JSON") from None
    except RecursionError:
        raise _too_deep(depth) from None
    except ValueError:  # thousands of digits
        raise _no_json("the body holds an integer with thousands of digits", "less than 2**63 in size") from None
    if _NOTABLE.search(body):
        _require_usable(value)
    return value


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(pairs) > _NAMES:
        raise _too_many("names in one object", _NAMES)
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    names = [name for name, _ in pairs]
    twice = next(name for name in made if names.count(name) > 1)
    raise _no_json("the body holds an object with a name that stands there twice", "each name once", param=twice)


def _require_shallow(body: bytes, depth: int) -> None:
    """Refuse what is nested too deep, or of too many parts, before anything is made of it."""
    if body.count(b'"') > 2 * _VALUES:
        raise _too_many("texts", _VALUES)
    bare = _STRING.sub(b"", body)
    if bare.count(b",") > _VALUES:
        raise _too_many("values", _VALUES)
    brackets = bare.translate(_OPEN_AND_CLOSE, _NO_BRACKETS)
    if len(brackets) > 2 * _PARTS:
        raise _too_many("lists and objects", _PARTS)
    taken = 0
    while (inner := brackets.replace(b"[]", b"")) != brackets and taken <= depth:
        brackets, taken = inner, taken + 1
    if taken + brackets.count(b"[") > depth:
        raise _too_deep(depth)


def _require_usable(value: object) -> None:
    """Refuse numbers that cannot be computed with, and texts that are no Unicode."""
    for path, one in _walk(value):
        if isinstance(one, str) and _HALF.search(one):
            raise _unusable(path, "holds half of a surrogate pair; allowed: Unicode text")
        if isinstance(one, int | float) and not abs(one) < _LARGEST:  # NaN is not less than anything
            raise _unusable(path, "is no number that can be computed with; allowed: less than 2**63 in size")


_Path = tuple["_Path | None", str] | None


def _walk(value: object) -> Iterator[tuple[_Path, object]]:
    """Every number and text of a value, and every name in it, with where it stands, in their order."""
    left: list[tuple[_Path, object]] = [(None, value)]
    while left:
        path, one = left.pop()
        if isinstance(one, dict):
            yield from ((path, name) for name in one)
            left.extend(((path, name), inner) for name, inner in reversed(one.items()))
        elif isinstance(one, list):
            left.extend(((path, str(i)), one[i]) for i in reversed(range(len(one))))
        else:
            yield path, one


def _dotted(path: _Path) -> str:
    names: list[str] = []
    while path is not None:
        path, name = path
        names.append(name)
    return shortened(".".join(reversed(names)))


def _unusable(path: _Path, problem: str) -> ApiError:
    name = _dotted(path)
    return ApiError(422, f"{name or 'the body'!r} {problem}", param=name or None, code="invalid_value")


def _no_json(problem: str, allowed: str, *, param: str | None = None) -> ApiError:
    words = f"{problem}; allowed: {allowed}; {_REMEDY}"
    return ApiError(400, words, param=param and shortened(param), code="invalid_json")


def _too_many(what: str, most: int) -> ApiError:
    return _no_json(f"the body holds too many {what}", f"{most:,}")


def _too_deep(depth: int) -> ApiError:
    return _no_json("the body is nested too deep, or its brackets do not match", f"{depth} levels")
