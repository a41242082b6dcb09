"""Shapes that signatures name are checked while tests run; what names none is left alone."""

import pytest
import torch
from jaxtyping import TypeCheckError

from tacitly.engines import decoding
from tacitly.engines.decoding import Numbers, first_stop, measure

pytestmark = pytest.mark.unit


def test_a_wrong_shape_is_refused() -> None:
    with pytest.raises(TypeCheckError):
        measure(torch.zeros(4), torch.tensor([0]))


def test_a_size_that_two_arguments_share_must_be_one() -> None:
    with pytest.raises(TypeCheckError):
        measure(torch.zeros(2, 4), torch.tensor([0]))


def test_a_record_s_wrong_shape_is_refused() -> None:
    one = torch.zeros(1)
    with pytest.raises(TypeCheckError):
        Numbers(torch.zeros(2, dtype=torch.long), one, one, one)


def test_a_signature_without_shapes_is_not_wrapped() -> None:
    assert not hasattr(first_stop, "__wrapped__")
    assert hasattr(decoding.measure, "__wrapped__")
