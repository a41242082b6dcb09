"""Activations on disk: what goes in comes out, missing stays missing, nothing infinite gets in."""

from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from tacitly.activations.positions import token_indices
from tacitly.activations.store import ActivationStore, CapturedAnswer, write_shard
from tacitly.errors import CaptureError
from tacitly.records import Span
from tacitly.run_folder import RunFolder
from tacitly.settings import POSITIONS

pytestmark = pytest.mark.unit

RNG = np.random.default_rng(0)
NOWHERE = Span(start=None, end=None, exact_answer=None, given=None, locator="choices", reason="none")


def span(first: int, last: int) -> Span:
    return Span(start=0, end=1, exact_answer="x", given="x", locator="choices", first_token=first, last_token=last)


def captured(name: str, n_tokens: int, where: Span, *, has_end: bool = True, scale: float = 1.0) -> CapturedAnswer:
    states = {"residual": (RNG.normal(size=(3, n_tokens + 1 + has_end, 4)) * scale).astype(np.float32)}
    indices = token_indices(where, n_tokens=n_tokens, has_end=has_end)
    return CapturedAnswer(answer_id=name, indices=indices, states=states, n_tokens=n_tokens)


def write(run: RunFolder, number: int, answers: list[CapturedAnswer], **kwargs: object) -> list[str]:
    wide = write_shard(run, number, answers, positions=POSITIONS, layers={"residual": (0, 1, 2)}, **kwargs)
    run.commit()
    return wide


def test_positions_are_missing_where_an_answer_does_not_have_them() -> None:
    at = dict(zip(POSITIONS, token_indices(NOWHERE, n_tokens=1, has_end=True), strict=True))
    assert (at["last_q_token"], at["first_answer_token"], at["-1"]) == (0, 1, 1)
    assert [name for name, index in at.items() if index is not None] == ["last_q_token", "first_answer_token", "-1"]
    empty = token_indices(NOWHERE, n_tokens=0, has_end=True)
    assert [index for index in empty if index is not None] == [0]


def test_the_end_token_serves_only_as_the_token_after_the_exact_answer() -> None:
    at = dict(zip(POSITIONS, token_indices(span(2, 3), n_tokens=4, has_end=True), strict=True))
    assert at["exact_answer_before_first_token"] == 2
    assert (at["exact_answer_first_token"], at["exact_answer_last_token"]) == (3, 4)
    assert at["exact_answer_after_last_token"] == 5
    assert at["-1"] == 4
    cut = dict(zip(POSITIONS, token_indices(span(2, 3), n_tokens=4, has_end=False), strict=True))
    assert cut["exact_answer_after_last_token"] is None
    inner = dict(zip(POSITIONS, token_indices(span(0, 1), n_tokens=4, has_end=False), strict=True))
    assert (inner["exact_answer_before_first_token"], inner["exact_answer_after_last_token"]) == (0, 3)


def test_what_goes_in_comes_out_in_the_order_asked_for(tmp_path: Path) -> None:
    first = [captured("a", 4, span(1, 2)), captured("b", 9, span(0, 0))]
    second = [captured("c", 1, NOWHERE)]
    with RunFolder.open(tmp_path, version="1", create=True) as run:
        assert write(run, 0, first) == []
        write(run, 1, second)
        store = ActivationStore(run, ["c", "a", "b"])
        assert store.sites == ("residual",)
        assert store.layers("residual") == (0, 1, 2)
        last = store.states("residual", 2, "-1")
        whole = store.layer_states("residual", 2)
    np.testing.assert_array_equal(last, whole[:, store.positions.index("-1")])
    expected = [
        second[0].states["residual"][2, 1],
        first[0].states["residual"][2, 4],
        first[1].states["residual"][2, 9],
    ]
    np.testing.assert_allclose(last, expected, atol=2e-3)
    assert store.present("exact_answer_last_token").tolist() == [False, True, True]
    assert store.present("-8").tolist() == [False, False, True]
    assert not store.states("residual", 1, "exact_answer_last_token")[0].any()


def test_values_beyond_float16_are_stored_as_float32(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path, version="1", create=True) as run:
        big = captured("a", 3, span(0, 0), scale=1e6)
        assert write(run, 0, [big]) == ["residual.0", "residual.1", "residual.2"]
        states = ActivationStore(run, ["a"]).states("residual", 1, "-1")
        np.testing.assert_array_equal(states[0], big.states["residual"][1, 3])
        write(run, 1, [captured("b", 3, span(0, 0))])
        with safe_open(tmp_path / "activations" / "shard-00001.safetensors", framework="numpy") as file:
            assert file.get_tensor("residual.1").dtype == np.float16


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_refused_and_leave_nothing(tmp_path: Path, bad: float) -> None:
    with RunFolder.open(tmp_path, version="1", create=True) as run:
        answer = captured("a", 3, span(0, 0))
        answer.states["residual"][1, 3, 0] = bad
        with pytest.raises(CaptureError, match=r"residual\.1 hold NaN or infinity"):
            write(run, 0, [answer])
        assert run.files("activations") == []


def test_every_answer_token_of_a_layer_is_kept_on_request(tmp_path: Path) -> None:
    answers = [captured("a", 4, span(1, 2)), captured("b", 2, NOWHERE)]
    with RunFolder.open(tmp_path, version="1", create=True) as run:
        write(run, 0, answers, token_layers=(1,))
        b, a = ActivationStore(run, ["b", "a"]).token_states("residual", 1)
    np.testing.assert_allclose(a, answers[0].states["residual"][1, 1:5], atol=2e-3)
    np.testing.assert_allclose(b, answers[1].states["residual"][1, 1:3], atol=2e-3)


def test_an_answer_without_activations_is_named(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path, version="1", create=True) as run:
        write(run, 0, [captured("a", 4, span(1, 2))])
        with pytest.raises(CaptureError, match="'z'"):
            ActivationStore(run, ["a", "z"])
