"""Choosing among samples: each strategy on made-up questions, ties, numbers that are none, and what has no figure."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacitly.experiments.answer_selection import STRATEGIES, choose_answers, cluster_sizes, count_tokens, pick
from tacitly.experiments.error_types import SampledAnswer, count_samples
from tacitly.experiments.sample_table import SampleTable, read_samples
from tacitly.experiments.selection_figures import no_selection, summarise_selection

pytestmark = pytest.mark.unit

Said = tuple[bool | None, str | None, float]  # right, given ("-" declines), log-probability


def table(*questions: list[Said], greedy: list[bool | None] | None = None, split: str | None = None) -> SampleTable:
    """Questions whose samples say these things; every greedy answer takes 3 tokens, every sample 5."""
    greedy = greedy or [True] * len(questions)
    rows = pd.DataFrame(
        {
            "question_id": [f"q{i}" for i in range(len(questions))],
            "answer_id": [f"q{i}#0" for i in range(len(questions))],
            "entity": [f"e{i}" for i in range(len(questions))],
            "split": pd.Series([split if i % 2 else "train" for i in range(len(questions))], dtype=object),
            "correct": pd.Series(greedy, dtype=object),
            "n_tokens": 2,
            "end_logprob": -0.1,
        }
    )
    samples = pd.DataFrame(
        [
            {
                "question_id": f"q{i}",
                "answer_id": f"q{i}#{j + 1}",
                "sample": j + 1,
                "correct": right,
                "given": None if what == "-" else what,
                "refused": what == "-",
                "token_logprobs": [sure] * 5 if not np.isnan(sure) else [],
                "n_tokens": 5,
                "end_logprob": None,
            }
            for i, said in enumerate(questions)
            for j, (right, what, sure) in enumerate(said)
        ]
    ).astype({"correct": object, "given": object})
    return read_samples(rows, samples, number=len(questions[0]))


def chosen(samples: list[Said], scores: list[float] | None = None, *, number: int | None = None) -> dict[str, float]:
    made = table(samples)
    given_scores = [] if scores is None else [np.array([scores])]
    found = choose_answers(made, given_scores, number=number or len(samples))
    return {name: float(values[0]) for name, values in found.items()}


R, W = True, False


def test_each_strategy_takes_what_it_says() -> None:
    samples = [(R, "gold", -3.0), (W, "x", -1.0), (W, "x", -2.0), (W, "y", -0.5), (R, "gold", -4.0), (R, "gold", -5.0)]
    assert chosen(samples, [0.1, 0.9, 0.2, 0.3, 0.4, 0.5]) == {
        "greedy": 1.0, "random": 0.5, "majority": 1.0, "majority_oracle": 1.0, "mean_log_probability": 0.0,
        "probe": 0.0, "ceiling": 1.0,
    }  # fmt: skip
    assert chosen(samples, number=2) == {
        "greedy": 1.0, "random": 0.5, "majority": 0.0, "majority_oracle": 0.0, "mean_log_probability": 0.0,
        "ceiling": 1.0,
    }  # fmt: skip


def test_a_majority_is_found_without_knowing_what_is_right() -> None:
    assert chosen([(R, "a", -1.0), (R, "b", -1.0), (W, "x", -9.0), (W, "x", -9.0)])["majority"] == 0.0
    assert chosen([(R, "a", -1.0), (R, "b", -1.0), (W, "x", -9.0), (W, "x", -9.0)])["majority_oracle"] == 0.0
    assert chosen([(R, "a", -1.0), (R, "b", -1.0), (W, "x", -9.0), (W, "y", -9.0)])["majority_oracle"] == 1.0


def test_equal_clusters_go_by_mean_log_probability() -> None:
    tied = [(R, "a", -2.0), (W, "x", -3.0), (R, "a", -4.0), (W, "x", -1.0)]
    assert chosen(tied)["majority"] == 0.0
    tied[0] = (R, "a", -0.5)
    assert chosen(tied)["majority"] == 1.0


def test_declining_is_one_answer_whatever_its_words_and_nothing_found_is_none() -> None:
    assert chosen([(W, "-", -9.0), (W, "-", -9.0), (R, "gold", -1.0)])["majority"] == 0.0
    assert chosen([(W, None, -1.0), (W, None, -1.0), (R, "gold", -9.0)])["majority"] == 1.0
    assert chosen([(W, None, -2.0), (R, None, -1.0)])["majority"] == 1.0  # no cluster: the surest
    assert chosen([(W, None, -2.0), (R, None, -3.0)])["majority_oracle"] == 1.0


def test_samples_that_are_all_equal_leave_nothing_to_choose() -> None:
    for right in (R, W):
        found = chosen([(right, "a", -1.0)] * 4, [0.5] * 4)
        assert {value for name, value in found.items() if name != "greedy"} == {float(right)}


def test_a_score_that_is_no_number_is_never_preferred() -> None:
    nan = float("nan")
    samples = [(W, "a", -1.0), (R, "b", -2.0), (W, "c", -3.0)]
    assert chosen(samples, [nan, 0.1, nan])["probe"] == 1.0
    assert chosen(samples, [nan, nan, nan])["probe"] == 0.0  # by mean log-probability
    assert chosen([(W, "a", nan), (R, "b", -9.0)])["mean_log_probability"] == 1.0
    assert chosen([(R, "a", nan), (W, "b", nan)])["mean_log_probability"] == 1.0  # the first


def test_equal_scores_go_by_mean_log_probability_and_several_seeds_are_averaged() -> None:
    samples = [(W, "a", -3.0), (R, "b", -1.0), (W, "c", -2.0)]
    assert chosen(samples, [0.5, 0.5, 0.1])["probe"] == 1.0
    made = table(samples)
    scores = [np.array([[0.1, 0.9, 0.2]]), np.array([[0.9, 0.1, 0.2]])]
    assert choose_answers(made, scores, number=3)["probe"].tolist() == [0.5]


def test_tokens_are_those_written_and_a_random_sample_costs_one() -> None:
    tokens = count_tokens(table([(R, "a", -1.0)] * 4), number=3)
    assert {name: values.tolist() for name, values in tokens.items()} == {
        **{name: [15.0] for name in STRATEGIES}, "greedy": [3.0], "random": [5.0]
    }  # fmt: skip


samples_strategy = st.lists(
    st.tuples(st.booleans(), st.sampled_from([None, "-", *"abc"]), st.floats(-9, 0).map(lambda v: round(v, 1))),
    min_size=2,
    max_size=9,
)


@given(samples=samples_strategy)
@settings(max_examples=60, deadline=None)
def test_no_strategy_beats_the_ceiling_and_the_oracle_is_the_types_counts(samples: list[Said]) -> None:
    found = chosen(samples, [0.5] * len(samples))
    assert all(value <= found["ceiling"] for name, value in found.items() if name != "greedy")
    counts = count_samples([SampledAnswer(correct=r, given=None if g == "-" else g, refused=g == "-")
                            for r, g, _ in samples])  # fmt: skip
    assert counts is not None
    assert found["majority_oracle"] == float(counts.right > counts.largest_wrong)
    assert found["random"] == pytest.approx(counts.right / counts.samples)


@given(samples=samples_strategy)
@settings(max_examples=60, deadline=None)
def test_the_majority_does_not_depend_on_which_samples_are_right(samples: list[Said]) -> None:
    made = table(samples)
    turned = table([(not right, what, sure) for right, what, sure in samples])
    assert (
        choose_answers(made, [], number=len(samples))["majority"][0]
        == 1 - (choose_answers(turned, [], number=len(samples))["majority"][0])
    )


def test_pick_and_cluster_sizes() -> None:
    nan = float("nan")
    assert pick(np.array([[nan, nan], [1.0, 1.0], [0.0, 1.0]]), np.array([[nan, 0.0], [nan, nan], [9.0, 0.0]])).tolist()
    assert pick(np.array([[nan, nan]]), np.array([[nan, 0.0]])).tolist() == [1]
    sizes = cluster_sizes(np.array([[0, 0, 0, 1, -1]]), among=np.array([[True, True, False, True, True]]))
    assert sizes.tolist() == [[2, 2, 0, 1, 0]]


def summary(made: SampleTable, types: object = "too few samples", scores: tuple = ()) -> dict:  # type: ignore[type-arg]
    return summarise_selection(
        made, scores, types=types, probe_reason="no probe", replicates=50, rng=np.random.default_rng(0)
    )  # fmt: skip


def test_without_a_probe_or_types_the_rest_goes_on() -> None:
    made = table(*[[(i % 2 == 0, "a", -1.0), (i % 3 == 0, "b", -2.0)] for i in range(30)])
    found = summary(made)
    assert found["selection"]["probe"] == {"accuracy": None, "ci": None, "reason": "no probe", "tokens": None}
    assert found["selection"]["random"]["accuracy"] == pytest.approx((15 + 10) / 60)
    assert found["selection"]["random"]["ci"] is not None
    assert found["selection_by_type"] is None
    assert found["selection_by_type_reason"] == "too few samples"
    assert list(found["selection_by_k"]) == ["2"]


def test_a_type_without_questions_has_no_accuracy_but_a_reason() -> None:
    made = table(*[[(True, "a", -1.0)] * 3 for _ in range(12)])
    found = summary(made, [("consistently_correct/all",)] * 12)
    refuses = found["selection_by_type"]["refuses"]
    assert refuses["questions"] == 0
    assert refuses["majority"]["accuracy"] is None
    assert refuses["majority"]["reason"] == "no such question is compared"
    assert found["selection"]["majority"]["accuracy"] == 1.0
    assert "every draw gives the same" in found["selection"]["majority"]["ci_reason"]


def test_questions_with_an_unknown_answer_are_in_no_comparison() -> None:
    some: list[Said] = [(R, "a", -1.0), (W, "b", -1.0)]
    made = table(some, [(None, "a", -1.0), (W, "b", -1.0)], some, greedy=[True, True, None])
    assert made.complete.tolist() == [True, False, True]
    assert made.compared.tolist() == [True, False, False]
    assert no_selection(made) is None
    nothing = table([(None, "a", -1.0), (W, "b", -1.0)])
    assert no_selection(nothing) == "no question has its greedy answer and all 2 samples judged"
    assert no_selection(table([(R, "a", -1.0)])) == "choosing needs 2 samples of each answer (generate.samples), not 1"


def test_where_a_task_has_a_test_split_only_that_is_compared() -> None:
    made = table(*[[(R, "a", -1.0), (W, "b", -1.0)]] * 6, split="test")
    assert made.compared.tolist() == [False, True] * 3


def test_a_missing_sample_is_unknown() -> None:
    made = table([(R, "a", -1.0), (W, "b", -1.0)], [(R, "a", -1.0)])
    assert made.complete.tolist() == [True, False]
    assert made.answer_ids.tolist() == [["q0#1", "q0#2"], ["q1#1", None]]
