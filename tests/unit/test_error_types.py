"""Each rule of the error types, from counts and from sampled answers."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacitly.errors import UndefinedMetricError
from tacitly.experiments.error_types import (
    ERROR_TYPES,
    MIN_SAMPLES,
    SampleCounts,
    SampledAnswer,
    count_samples,
    error_types,
)
from tacitly.experiments.type_change import no_types, types_of_questions

pytestmark = pytest.mark.unit


def right(times: int) -> list[SampledAnswer]:
    return [SampledAnswer(correct=True, given="gold")] * times


def wrong(given: str | None, times: int = 1) -> list[SampledAnswer]:
    return [SampledAnswer(correct=False, given=given)] * times


def declined(times: int, given: str | None = None) -> list[SampledAnswer]:
    return [SampledAnswer(correct=False, refused=True, given=given)] * times


def types(samples: list[SampledAnswer]) -> tuple[str, ...]:
    counts = count_samples(samples)
    assert counts is not None
    return error_types(counts)


def test_clusters_are_of_what_was_given_and_declining_is_one_whatever_its_words() -> None:
    counts = count_samples(
        [*right(3), *wrong("x", 2), *wrong("y"), *wrong(None, 4), *declined(2, "sorry"), *declined(1)]
    )
    assert counts == SampleCounts(samples=13, right=3, largest_wrong=3, wrong_clusters=3, no_answer=3)


def test_a_right_sample_that_also_hedges_is_right() -> None:
    counts = count_samples([SampledAnswer(correct=True, given="gold", refused=True), *wrong("x")])
    assert counts is not None
    assert (counts.right, counts.no_answer) == (1, 0)


def test_an_unknown_sample_leaves_the_question_without_counts() -> None:
    assert count_samples([*right(5), SampledAnswer(correct=None)]) is None


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (right(30), ("consistently_correct/all",)),
        (right(15) + [s for i in range(5) for s in wrong(f"w{i}", 3)], ("consistently_correct/most",)),
        (right(14) + [s for i in range(4) for s in wrong(f"w{i}", 4)], ("other",)),
        (right(29) + wrong(None), ("other",)),  # "most" asks for a wrong cluster
        (wrong("x", 15) + wrong(None, 15), ("consistently_incorrect/never_right",)),
        (wrong("x", 14) + wrong(None, 16), ("other",)),
        (wrong("x", 15) + right(4) + wrong(None, 11), ("consistently_incorrect/sometimes_right",)),
        (right(11) + wrong("x", 6) + wrong(None, 13), ("two_competing",)),
        (right(12) + wrong("x", 6) + wrong(None, 12), ("other",)),  # 6 apart, and 5 is the most
        (right(5) + wrong("x", 6) + wrong(None, 19), ("other",)),  # both must be above 5
        (right(12) + wrong("x", 8) + wrong(None, 10), ("two_competing",)),
        (right(1) + [s for i in range(9) for s in wrong(f"w{i}")] + wrong(None, 20), ("many_answers",)),
        (right(1) + [s for i in range(8) for s in wrong(f"w{i}")] + wrong(None, 21), ("other",)),
        ([s for i in range(9) for s in wrong(f"w{i}")] + wrong(None, 21), ("other",)),
        ([s for i in range(10) for s in wrong(f"w{i}")] + wrong(None, 20), ("many_answers",)),
        (declined(16) + wrong("x", 14), ("refuses",)),  # not consistently incorrect
        (declined(10) + right(10) + wrong(None, 10), ("two_competing",)),  # n must be more than c
        (declined(10) + right(2) + wrong("x", 11) + wrong(None, 7), ("other",)),
        (declined(4) + wrong("x", 4) + wrong(None, 22), ("refuses",)),  # as large as the largest
    ],
)  # fmt: skip
def test_each_rule_at_its_border(samples: list[SampledAnswer], expected: tuple[str, ...]) -> None:
    assert len(samples) == 30
    assert types(samples) == expected


@given(
    samples=st.lists(
        st.builds(SampledAnswer, correct=st.booleans(), given=st.sampled_from([None, *"abc"]), refused=st.booleans()),
        min_size=MIN_SAMPLES,
        max_size=31,
    )
)  # fmt: skip
def test_types_are_those_of_the_definitions_in_another_form(samples: list[SampledAnswer]) -> None:
    k = len(samples)
    c = len([s for s in samples if s.correct])
    keys = ["NO ANSWER" if s.refused else s.given for s in samples if not s.correct]
    sizes = {key: keys.count(key) for key in set(keys) if key is not None}
    w, d, n = max(sizes.values(), default=0), len(sizes), sizes.get("NO ANSWER", 0)
    expected = set()
    if n and n == w and n > c:
        expected.add("refuses")
    if c == k:
        expected.add("consistently_correct/all")
    elif c >= k // 2 and d > 0:
        expected.add("consistently_correct/most")
    if w >= k // 2 and "refuses" not in expected:
        expected.add(f"consistently_incorrect/{'sometimes_right' if c else 'never_right'}")
    if abs(c - w) <= k // 6 and c > k // 6 and w > k // 6:
        expected.add("two_competing")
    if (c > 0 and d >= k // 3 - 1) or (c == 0 and d >= k // 3):
        expected.add("many_answers")
    found = types(samples)
    assert set(found) == (expected or {"other"})
    assert list(found) == [name for name in ERROR_TYPES if name in found]


def test_types_may_overlap() -> None:
    assert types(right(15) + wrong("x", 15)) == (
        "consistently_correct/most",
        "consistently_incorrect/sometimes_right",
        "two_competing",
    )


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(UndefinedMetricError, match="6 samples of each answer, not 5"):
        types(right(5))
    assert no_types(6, 6) is None
    assert "the tuned run 5" in str(no_types(30, 5))


def test_questions_take_the_first_samples_and_need_all_of_them() -> None:
    frame = pd.DataFrame(
        [
            {"question_id": q, "sample": sample, "correct": q == "q1" or sample > 6, "given": "x", "refused": False}
            for q, most in (("q1", 6), ("q2", 8), ("q3", 5))
            for sample in range(most + 1)
        ]
    ).astype({"correct": object})
    found = types_of_questions(frame, ["q3", "q2", "q1"], number=6)
    assert found == [None, ("consistently_incorrect/never_right",), ("consistently_correct/all",)]
