"""Which signatures are checked at run time: those that name array shapes."""

from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, BeartypeStrategy, beartype

_checked = beartype(conf=BeartypeConf(strategy=BeartypeStrategy.O1))


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check a function's arguments and result if its signature names a shape; leave others alone."""
    names_shapes = any(
        "jaxtyping" in repr(getattr(a, "__class__", a)) + repr(a) for a in function.__annotations__.values()
    )
    return _checked(function) if names_shapes else function
