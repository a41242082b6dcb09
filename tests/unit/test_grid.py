"""The grid: a planted direction is found in its cell and nowhere else."""

import numpy as np
import pytest

from tacitly.activations.base import ArrayStateTable
from tacitly.errors import CaptureError
from tacitly.evaluation.metrics import auroc
from tacitly.probes.cell import Cell
from tacitly.probes.grid import best_cell, list_cells, score_grid
from tests.unit.planted import PLANTED, planted_rows, planted_states

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def halves():
    rng = np.random.default_rng(0)
    rows = planted_rows(300, rng)
    return rows["correct"].to_numpy(dtype=bool), planted_states(rows, rng), np.arange(300)[None, :] % 2 == 0


def test_only_the_planted_cell_stands_out(halves):
    correct, states, train = halves
    found = {
        scored.cell: auroc(correct[1::2], scored.margins[0, 1::2])
        for scored in score_grid(states, correct=correct, train=train, test=~train)
    }
    assert list(found) == list_cells(states)
    assert found.pop(PLANTED) > 0.95
    assert max(found.values()) < 0.7


def test_shuffled_labels_find_nothing(halves):
    correct, states, train = halves
    rng = np.random.default_rng(1)
    values = []
    for _ in range(10):
        shuffled = rng.permutation(correct)
        scored = score_grid(states, correct=shuffled, train=train, test=~train)
        values.append([auroc(shuffled[1::2], cell.margins[0, 1::2]) for cell in scored])
    assert np.mean(values) == pytest.approx(0.5, abs=0.03)


def test_one_thread_and_four_say_the_same(halves):
    correct, states, train = halves
    runs = [
        np.stack([c.margins for c in score_grid(states, correct=correct, train=train, test=~train, threads=threads)])
        for threads in (1, 4)
    ]
    np.testing.assert_array_equal(*runs)


def test_answers_without_a_position_are_neither_learned_from_nor_scored():
    rng = np.random.default_rng(0)
    correct = np.arange(40) % 2 == 0
    values = (rng.normal(size=(40, 1, 5)) + 3 * correct[:, None, None]).astype(np.float32)
    present = np.arange(40) < 30
    values[~present] = 1e6
    states = ArrayStateTable({("mlp", 1): values}, positions=("-1",), present=present[:, None])
    train = np.arange(40)[None, :] % 4 < 2
    (found,) = score_grid(states, correct=correct, train=train, test=~train)
    assert (np.isnan(found.margins[0]) == (train[0] | ~present)).all()
    tested = ~np.isnan(found.margins[0])
    assert auroc(correct[tested], found.margins[0, tested]) == 1.0


def test_states_that_are_not_finite_are_refused_by_name():
    values = np.zeros((6, 1, 2), dtype=np.float32)
    values[3, 0, 1] = np.nan
    states = ArrayStateTable({("residual", 7): values}, positions=("-1",))
    half = np.arange(6)[None, :] < 3
    with pytest.raises(CaptureError, match="residual, layer 7, -1 hold NaN or infinity"):
        list(score_grid(states, correct=np.arange(6) % 2 == 0, train=half, test=~half))


def test_the_best_cell_is_the_first_of_equals_and_must_be_eligible():
    cells = [Cell("residual", layer, "-1") for layer in range(4)]
    values = np.array([0.9, 0.8, 0.8, np.nan])
    assert best_cell(cells, values, among=np.array([False, True, True, True])) == 1
    assert best_cell(cells, values, among=np.array([False, False, False, True])) is None
