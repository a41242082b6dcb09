"""Which signatures are checked at run time: those that name array shapes."""

import dataclasses
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from beartype import BeartypeConf, BeartypeStrategy, beartype

_checked = beartype(conf=BeartypeConf(strategy=BeartypeStrategy.O1))


def _name_shapes(annotations: Iterable[Any]) -> bool:
    return any("jaxtyping" in repr(getattr(a, "__class__", a)) + repr(a) for a in annotations)


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check a function's arguments and result if its signature names a shape; leave others alone."""
    return _checked(function) if _name_shapes(function.__annotations__.values()) else function


def where_named(jaxtyped: Callable[..., Any]) -> Callable[..., Any]:
    """`jaxtyping.jaxtyped` for what names a shape alone: its wrapper costs more than most of what it would wrap."""

    def decorator(**options: Any) -> Callable[[Any], Any]:
        def decorate(decorated: Any) -> Any:
            if not inspect.isclass(decorated):
                annotations: Iterable[Any] = decorated.__annotations__.values()
            elif dataclasses.is_dataclass(decorated):
                annotations = [field.type for field in dataclasses.fields(decorated)]
            else:
                annotations = ()
            return jaxtyped(**options)(decorated) if _name_shapes(annotations) else decorated

        return decorate

    return decorator
