"""The limits and where they hold."""

from dataclasses import FrozenInstanceError, fields

import pytest

from tacitly.serve.limits import Limits

pytestmark = pytest.mark.unit


def test_every_limit_is_positive_and_described() -> None:
    limits = Limits()
    for field in fields(Limits):
        assert getattr(limits, field.name) > 0
        assert f"{field.name}:" in str(Limits.__doc__)


def test_limits_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        Limits().streams = 9  # type: ignore[misc]


def test_a_body_within_the_limits_is_not_refused_for_its_size() -> None:
    limits = Limits()
    longest = 6 * limits.prompt_characters  # each character as \\uXXXX
    assert longest < limits.body_bytes
    assert limits.body_bytes <= limits.bodies_bytes
    assert limits.prompt_tokens + limits.new_tokens <= limits.score_tokens  # what was written here can be scored here
    assert limits.connections > limits.streams + limits.waiting + limits.scoring  # there is always room for /health
