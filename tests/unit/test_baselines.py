"""Baselines and controls: their values by hand, their direction, and what is missing stays missing."""

import numpy as np
import pandas as pd
import pytest

from tacitly.baselines.catalog import BASELINES, CONTROLS, load_baselines, load_control
from tacitly.evaluation.metrics import auroc
from tests.unit.planted import planted_rows

pytestmark = pytest.mark.unit


@pytest.fixture
def one_answer():
    return pd.DataFrame(
        {
            "token_logprobs": [np.log([0.5, 0.25, 0.8])],
            "token_logits": [np.array([3.0, 1.0, 7.0])],
            "token_entropies": [np.array([0.5, 2.0, 0.2])],
            "first_token": pd.array([0], dtype="Int64"),
            "last_token": pd.array([1], dtype="Int64"),
            "end_logprob": [np.log(0.9)],
            "end_logit": [9.0],
            "end_entropy": [0.1],
        }
    )


EXPECTED = {
    "probability_mean_answer": 1.55 / 3,
    "probability_min_answer": 0.25,
    "probability_max_answer": 0.8,
    "probability_last_answer": 0.8,
    "probability_after_answer": 0.9,
    "probability_mean_exact": 0.375,
    "probability_min_exact": 0.25,
    "probability_max_exact": 0.5,
    "probability_last_exact": 0.25,
    "probability_after_exact": 0.8,
    "logit_mean_answer": 11 / 3,
    "logit_min_answer": 1.0,
    "logit_max_answer": 7.0,
    "logit_last_answer": 7.0,
    "logit_after_answer": 9.0,
    "logit_mean_exact": 2.0,
    "logit_min_exact": 1.0,
    "logit_max_exact": 3.0,
    "logit_last_exact": 1.0,
    "logit_after_exact": 7.0,
    "perplexity_answer": -(10 ** (1 / 3)),
    "perplexity_exact": -(8**0.5),
    "entropy_mean_answer": -0.9,
    "entropy_max_answer": -2.0,
    "entropy_mean_exact": -1.25,
    "entropy_max_exact": -2.0,
}


def test_every_token_baseline_by_hand(one_answer):
    found = {name: float(b.scores(one_answer)[0]) for name, b in load_baselines("token_probability").items()}
    assert found == pytest.approx(EXPECTED)


def test_the_token_after_an_exact_answer_at_the_end_is_the_end_token(one_answer):
    one_answer["last_token"] = pd.array([2], dtype="Int64")
    after = load_baselines("token_probability")["probability_after_exact"]
    assert after.scores(one_answer)[0] == pytest.approx(0.9)
    one_answer["end_logprob"] = [None]
    assert np.isnan(after.scores(one_answer)[0])


@pytest.mark.parametrize("family", sorted(BASELINES))
def test_baselines_are_missing_where_the_answer_has_nothing_to_read(family):
    rows = planted_rows(12, np.random.default_rng(0), located=0.5)
    for column in ("token_logprobs", "token_logits", "token_entropies"):
        rows.loc[3, column] = np.zeros(0)
        rows.loc[4, column] = None
    rows["end_logprob"] = pd.Series([None, *rows["end_logprob"][1:]], dtype=object)
    for name, baseline in load_baselines(family).items():
        scores = baseline.scores(rows)
        assert scores.shape == (12,)
        assert not np.isinf(scores).any()
        if name.endswith("exact"):
            assert np.isnan(scores[~rows["located"].to_numpy()]).all()
        elif "after" not in name:
            assert np.isnan(scores[[3, 4]]).all()
            assert not np.isnan(np.delete(scores, [3, 4])).any()


@pytest.mark.parametrize("name", sorted(CONTROLS))
def test_controls_score_the_tested_part_and_cannot_see_its_labels(name):
    rng = np.random.default_rng(0)
    rows = planted_rows(90, rng, located=0.7, n_answers=6)
    rows.loc[5, "text"] = ""
    correct = rows["correct"].to_numpy(dtype=bool)
    train = np.arange(90) < 50
    test = np.arange(90) >= 60
    scores = load_control(name).scores(rows, correct, train=train, test=test)
    assert (np.isnan(scores) == ~test).all()
    flipped = np.where(test, ~correct, correct)
    np.testing.assert_array_equal(scores, load_control(name).scores(rows, flipped, train=train, test=test))


def test_the_prior_is_how_often_this_answer_was_right():
    rows = pd.DataFrame({"given": ["a", "a", "a", "b", "a", "b", "c"], "text": ["x"] * 7})
    correct = np.array([True, True, False, False, False, False, False])
    train = np.arange(7) < 4
    scores = load_control("answer_prior").scores(rows, correct, train=train, test=~train)
    np.testing.assert_allclose(scores[4:], [(2 + 0.5) / 4, 0.5 / 2, 0.5])


@pytest.mark.parametrize(("name", "column"), [("answer_text", "text"), ("question_text", "question")])
def test_text_controls_learn_from_words(name, column):
    rng = np.random.default_rng(0)
    correct = rng.random(80) < 0.5
    rows = planted_rows(80, rng)
    rows[column] = [f"thing {i} {'yes' if c else 'no'}" for i, c in enumerate(correct)]
    train = np.arange(80) < 60
    scores = load_control(name).scores(rows, correct, train=train, test=~train)
    assert auroc(correct[60:], scores[60:]) == 1.0


def test_length_learns_which_way_it_points():
    rng = np.random.default_rng(0)
    rows = planted_rows(80, rng)
    correct = rows["n_tokens"].to_numpy() < 6
    train = np.arange(80) < 60
    scores = load_control("length").scores(rows, correct, train=train, test=~train)
    assert auroc(correct[60:], scores[60:]) == 1.0


def test_texts_without_words_do_not_crash():
    rows = planted_rows(10, np.random.default_rng(0))
    rows["text"] = ""
    train = np.arange(10) < 6
    correct = np.arange(10) % 2 == 0
    assert load_control("answer_text").scores(rows, correct, train=train, test=~train)[6:].tolist() == [0.0] * 4
