"""Cohen's kappa and the counts beside it, pinned to scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from tacitly.evaluation.agreement import agree

pytestmark = pytest.mark.unit

said = st.lists(st.tuples(*[st.sampled_from([True, False, None])] * 2), min_size=1, max_size=40)


@given(said)
def test_kappa_is_that_of_scikit_learn(pairs: list[tuple[bool | None, bool | None]]) -> None:
    first, second = (np.array(side, dtype=object) for side in zip(*pairs, strict=True))
    found = agree(first, second, np.arange(len(pairs)), rng=np.random.default_rng(0))
    both = [(a, b) for a, b in pairs if a is not None and b is not None]
    assert found.answers == len(both)
    assert found.unknown_first == sum(a is None for a, _ in pairs)
    if found.kappa is None:
        assert len({value for pair in both for value in pair}) < 2
        assert found.reason
        assert found.kappa_interval is None
    else:
        expected = cohen_kappa_score(*zip(*both, strict=True), labels=[True, False])
        assert found.kappa == pytest.approx(expected, abs=1e-6)
        assert found.reason is None


def test_the_interval_resamples_groups_and_needs_ten_of_them() -> None:
    rng = np.random.default_rng(1)
    first = rng.random(400) < 0.5
    second = np.where(rng.random(400) < 0.2, ~first, first)
    both = [np.array(side, dtype=object) for side in (first.tolist(), second.tolist())]
    alone = agree(*both, np.arange(400), rng=np.random.default_rng(0))
    grouped = agree(*both, np.arange(400) // 40, rng=np.random.default_rng(0))
    few = agree(*both, np.arange(400) // 80, rng=np.random.default_rng(0))
    assert alone.kappa is not None
    assert alone.kappa_interval is not None
    assert alone.kappa_interval.lower < alone.kappa < alone.kappa_interval.upper
    assert alone.kappa_interval != grouped.kappa_interval
    assert few.kappa_interval is None
