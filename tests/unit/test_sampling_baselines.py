"""Baselines of sampled answers: their extremes and invariants, their direction, and what is missing stays missing."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacitly.activations.base import ArrayStateTable
from tacitly.baselines.base import SampleCount, SamplingBaseline
from tacitly.baselines.catalog import SAMPLING, load_equivalence, load_sampling
from tacitly.baselines.entailment import NliEquivalence
from tacitly.baselines.equivalence import EmbeddingEquivalence, Equivalence, GivenAnswers, MatchEquivalence, jaccard
from tacitly.baselines.lexical_similarity import longest_common_subsequence, mean_rouge_l
from tacitly.baselines.sampled_question import sort_into_classes
from tacitly.baselines.sampling import TOO_FEW, read_samples, score_samples
from tacitly.errors import SettingsError
from tacitly.evaluation.metrics import auroc
from tests.unit.planted import planted_rows
from tests.unit.sampled_answers import question_of, sampled_from, states_of

pytestmark = pytest.mark.unit

MATCH = load_sampling("match")
NLI = load_sampling("nli")
ANSWERS = ["the lungs", "lungs", "The heart, mainly.", "It is the heart", "", "kidneys", "Ménière"]
WORDS = st.lists(st.sampled_from("abcde"), max_size=12)


def arrays(k: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {
        "log_likelihoods": -rng.gamma(2.0, 3.0, size=k),
        "states": rng.normal(size=(k, 6)),
        "contradictions": rng.random(k),
    }


@given(texts=st.lists(st.sampled_from(ANSWERS), min_size=2, max_size=9), seed=st.integers(0, 99), data=st.data())
@settings(deadline=None, max_examples=40)
def test_the_order_of_the_samples_changes_nothing(texts: list[str], seed: int, data: st.DataObject) -> None:
    values = arrays(len(texts), np.random.default_rng(seed))
    order = data.draw(st.permutations(range(len(texts))))
    plain = question_of(texts, **values)
    shuffled = question_of([texts[i] for i in order], **{name: part[list(order)] for name, part in values.items()})
    for name, baseline in {**MATCH, **NLI}.items():
        assert baseline.score(shuffled) == pytest.approx(baseline.score(plain), abs=1e-6), name


EXTREMES = {
    "lexical_similarity": 1.0,
    "distinct_answers_match": -1.0,
    "majority_share_match": 1.0,
    "greedy_share_match": 1.0,
    "discrete_semantic_entropy_match": 0.0,
    "degree_matrix_jaccard": 0.0,
    "eigenvalue_laplacian_jaccard": -1.0,
    "eccentricity_jaccard": 0.0,
}


@given(text=st.sampled_from(ANSWERS), k=st.integers(2, 12))
@settings(deadline=None)
def test_equal_samples_give_the_extreme_and_no_others_pass_it(text: str, k: int) -> None:
    equal = question_of([text] * k, greedy=text)
    for name, extreme in EXTREMES.items():
        assert MATCH[name].score(equal) == pytest.approx(extreme, abs=1e-6), name
        assert MATCH[name].score(question_of([*ANSWERS[:k], text], greedy=text)) <= extreme + 1e-9, name
    assert MATCH["semantic_entropy_match"].score(equal) == pytest.approx(np.log(k) - 1)


@given(scale=st.floats(1.5, 20.0), k=st.integers(2, 6), seed=st.integers(0, 99))
@settings(deadline=None)
def test_eigenscore_falls_as_states_come_apart(scale: float, k: int, seed: int) -> None:
    states = np.random.default_rng(seed).normal(size=(k, 12))
    score = MATCH["eigenscore"].score
    near, far = (score(question_of(["a"] * k, states=s)) for s in (states, states * scale))
    assert score(question_of(["a"] * k, states=states[:1].repeat(k, axis=0))) > near > far


def test_values_by_hand() -> None:
    likelihoods = np.log([0.3, 0.2, 0.1])
    asked = question_of(["the lungs", "the lungs", "the heart"], log_likelihoods=likelihoods)
    found = {name: baseline.score(asked) for name, baseline in MATCH.items()}
    thirds = np.array([1, 1, 1 / 3])
    assert found["lexical_similarity"] == pytest.approx((1 + 0.5 + 0.5) / 3)
    assert found["distinct_answers_match"] == -2
    assert found["majority_share_match"] == pytest.approx(2 / 3)
    assert found["greedy_share_match"] == pytest.approx(2 / 3)
    assert found["semantic_entropy_match"] == pytest.approx((2 * np.log(0.5) + np.log(0.1)) / 3)
    assert found["discrete_semantic_entropy_match"] == pytest.approx(2 / 3 * np.log(2 / 3) + 1 / 3 * np.log(1 / 3))
    assert found["degree_matrix_jaccard"] == pytest.approx((2 * thirds.sum() + 1 + 2 / 3) / 9 - 1)
    assert found["selfcheck_unigram"] == pytest.approx(np.log(3 / 8))
    assert np.isnan(found["eigenscore"])
    contradicted = question_of(["a", "b"], contradictions=np.array([0.2, 0.6]))
    assert NLI["selfcheck_nli"].score(contradicted) == pytest.approx(-0.4)


def brute_force_subsequence(first: list[str], second: list[str]) -> int:
    kept = (some for n in range(len(first) + 1) for some in itertools.combinations(first, n))
    return max(len(some) for some in kept if is_in(some, second))


def is_in(kept: tuple[str, ...], text: list[str]) -> bool:
    rest = iter(text)
    return all(word in rest for word in kept)


@given(first=st.lists(st.sampled_from("abc"), max_size=7), second=st.lists(st.sampled_from("abc"), max_size=7))
@settings(deadline=None)
def test_common_subsequences_are_the_longest(first: list[str], second: list[str]) -> None:
    assert longest_common_subsequence(first, second) == brute_force_subsequence(first, second)


@given(texts=st.lists(WORDS.filter(len), min_size=2, max_size=6))
@settings(deadline=None, max_examples=30)
def test_rouge_l_is_that_of_the_package(texts: list[list[str]]) -> None:
    scorer = pytest.importorskip("rouge_score.rouge_scorer", reason="needs the extra similarity")
    theirs = scorer.RougeScorer(["rougeL"])
    pairs = itertools.combinations([" ".join(text) for text in texts], 2)
    expected = np.mean([theirs.score(one, other)["rougeL"].fmeasure for one, other in pairs])
    assert mean_rouge_l([tuple(text) for text in texts]) == pytest.approx(expected)


def test_without_words_texts_are_alike_and_nothing_else_is_like_them() -> None:
    assert mean_rouge_l([(), ()]) == 1.0
    assert mean_rouge_l([(), ("a",)]) == 0.0
    assert jaccard(["", ""]).tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_classes_join_the_first_member_that_is_equivalent() -> None:
    chain = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], dtype=bool)  # not transitive
    assert sort_into_classes(chain).tolist() == [0, 0, 1]
    assert sort_into_classes(chain[[1, 0, 2]][:, [1, 0, 2]]).tolist() == [0, 0, 0]
    nothing = np.zeros((2, 2), dtype=bool)
    assert sort_into_classes(nothing).tolist() == [0, 1]


def spread(texts: list[str]) -> np.ndarray:
    angles = np.array([len(text) for text in texts], dtype=np.float64)
    return np.column_stack([np.cos(angles), np.sin(angles)])


def entail_by_length(premises: list[str], hypotheses: list[str]) -> np.ndarray:
    longer = np.array([len(p) >= len(h) for p, h in zip(premises, hypotheses, strict=True)])
    return np.where(longer[:, None], [0.8, 0.1, 0.1], [0.1, 0.1, 0.8])


EQUIVALENCES = {
    "match": MatchEquivalence(),
    "embedding": EmbeddingEquivalence(spread, threshold=0.9),
    "nli": NliEquivalence(entail_by_length),
}


@pytest.mark.parametrize("name", sorted(EQUIVALENCES))
def test_every_equivalence_keeps_its_contract(name: str) -> None:
    equivalence = EQUIVALENCES[name]
    assert isinstance(equivalence, Equivalence)
    assert equivalence.name == name
    words = ["lung", "lungs", "lung", "the heart"]
    answers = GivenAnswers(question="Which organ?", texts=[f"It is {w}." for w in words], given=words, words=words)
    assert equivalence.relate([]) == []
    first, second = equivalence.relate([answers, replace(answers, question="And which?")])
    for relation in (first, second):
        assert relation.same.dtype == bool
        assert (relation.same == relation.same.T).all()
        assert relation.same.diagonal().all()
        assert relation.same[0, 2]
        assert not relation.same[0, 3]
        np.testing.assert_allclose(relation.similarity, relation.similarity.T)
        np.testing.assert_allclose(relation.similarity.diagonal(), 1.0)
        assert relation.similarity.shape == (3, 3)
        assert 0 <= relation.similarity.min() <= relation.similarity.max() <= 1
        assert (relation.contradictions is not None) == (name == "nli")


def test_entailment_has_to_hold_both_ways_and_contradictions_are_of_the_greedy_answer() -> None:
    words = ["aa", "a", "aa"]
    answers = GivenAnswers(
        question="?", texts=["Yes it is. No.", "Not so.", "Yes it is, and no."], given=words, words=words
    )
    relation = NliEquivalence(entail_by_length).relate([answers])[0]
    assert relation.same[0].tolist() == [True, False, True]
    assert relation.similarity[0, 1] == pytest.approx(0.45)
    assert relation.contradictions is not None
    # Two sentences; a sample that is as long as a sentence bears it out.
    np.testing.assert_allclose(relation.contradictions, [(8 / 9 + 1 / 9) / 2, 1 / 9])
    silent = replace(answers, texts=["", "a", "b"])
    assert NliEquivalence(entail_by_length).relate([silent])[0].contradictions is None


def test_no_pair_is_asked_twice() -> None:
    asked: list[tuple[str, str]] = []

    def verdicts(premises: list[str], hypotheses: list[str]) -> np.ndarray:
        asked.extend(zip(premises, hypotheses, strict=True))
        return entail_by_length(premises, hypotheses)

    words = ["a", "b", "a", "b", "b"]
    answers = GivenAnswers(question="?", texts=words, given=words, words=words)
    NliEquivalence(verdicts).relate([answers, answers])
    assert len(asked) == len(set(asked)) == 2 + 2  # "? a" with "? b" both ways, and the sentence before both samples


@pytest.mark.parametrize("equivalence", ["match", "embedding", "nli"])
def test_the_names_say_what_they_rest_on(equivalence: str) -> None:
    found = load_sampling(equivalence)
    assert len(SAMPLING) == 6
    assert all(isinstance(baseline, SamplingBaseline) for baseline in (*found.values(), SampleCount()))
    alone = {"lexical_similarity", "selfcheck_unigram", "selfcheck_nli", "eigenscore"}
    similarity = {"match": "jaccard"}.get(equivalence, equivalence)
    assert all(name in alone or name.endswith((f"_{equivalence}", f"_{similarity}")) for name in found)
    assert ("selfcheck_nli" in found) == (equivalence == "nli")
    assert not any(name.endswith(("_exact", "_answer")) for name in found)


def test_samples_that_agree_mean_a_right_answer() -> None:
    rng = np.random.default_rng(0)
    rows = planted_rows(120, rng)
    correct = rows["correct"].to_numpy(dtype=bool)
    sampled = sampled_from(rows, 8, rng, agree=np.where(correct, 0.95, 0.2))
    found = score_samples(rows, sampled, equivalence=MatchEquivalence(), states=states_of(sampled, rng))
    assert not found.absent
    assert set(found.scores) == set(MATCH)
    for name, scores in found.scores.items():
        assert np.isfinite(scores).all()
        assert auroc(correct, scores) > 0.7, name


def test_rows_are_joined_on_the_question_whatever_their_order() -> None:
    rng = np.random.default_rng(0)
    rows = planted_rows(30, rng, located=0.7)
    sampled = sampled_from(rows, 4, rng, agree=np.full(30, 0.6))
    states = states_of(sampled, rng)
    plain = score_samples(rows, sampled, equivalence=MatchEquivalence(), states=states).scores
    order = rng.permutation(len(rows))
    other = score_samples(rows.iloc[order], sampled, equivalence=MatchEquivalence(), states=states).scores
    for name, scores in plain.items():
        np.testing.assert_allclose(other[name], scores[order])


@pytest.mark.parametrize("samples", [0, 1])
def test_with_too_few_samples_every_baseline_is_absent_with_the_reason(samples: int) -> None:
    rng = np.random.default_rng(0)
    rows = planted_rows(10, rng)
    sampled = sampled_from(rows, max(samples, 1), rng, agree=np.ones(10))
    found = score_samples(rows, sampled[:0] if samples == 0 else sampled, equivalence=MatchEquivalence())
    assert found.scores == {}
    assert found.absent == dict.fromkeys(MATCH, TOO_FEW)


def test_what_is_missing_is_not_scored() -> None:
    rng = np.random.default_rng(0)
    rows = planted_rows(6, rng)
    sampled = sampled_from(rows, 3, rng, agree=np.ones(6))
    sampled = sampled.drop(index=[0, 1]).reset_index(drop=True)  # one sample of the first question is left
    sampled.loc[1, ["token_logprobs", "end_logprob"]] = None  # of the second question
    states = states_of(sampled, rng)
    present = np.ones((len(sampled), 1), dtype=bool)
    present[4:6] = False  # two of the third question's samples are empty
    partly = ArrayStateTable({("residual", 0): states.layer_states("residual", 0)}, positions=("-1",), present=present)
    scores = score_samples(rows, sampled, equivalence=MatchEquivalence(), states=partly).scores
    missing = {name: np.flatnonzero(np.isnan(values)).tolist() for name, values in scores.items()}
    assert missing.pop("semantic_entropy_match") == [0, 1]
    assert missing.pop("eigenscore") == [0, 2]
    assert set(map(tuple, missing.values())) == {(0,)}


def test_an_end_token_counts_in_the_likelihood_and_one_that_is_missing_does_not() -> None:
    rng = np.random.default_rng(0)
    rows = planted_rows(1, rng)
    sampled = sampled_from(rows, 2, rng, agree=np.ones(1))
    sampled["token_logprobs"] = pd.Series([np.array([-1.0, -2.0]), np.array([])], dtype=object)
    sampled["end_logprob"] = pd.Series([None, -0.5], dtype=object)
    [question] = read_samples(rows, sampled, equivalence=MatchEquivalence())
    assert question is not None
    assert question.log_likelihoods.tolist() == [-3.0, -0.5]


def test_states_that_were_not_captured_are_a_reason() -> None:
    rng = np.random.default_rng(0)
    rows = planted_rows(4, rng)
    sampled = sampled_from(rows, 3, rng, agree=np.ones(4))
    elsewhere = ArrayStateTable({("mlp", 1): np.zeros((12, 1, 4), np.float32)}, positions=("-1",))
    another = ArrayStateTable(
        {("residual", 1): np.zeros((12, 1, 4), np.float32)}, positions=("exact_answer_last_token",)
    )
    for states, words in ((None, "not captured"), (elsewhere, "not captured"), (another, "capture.sample_positions")):
        found = score_samples(rows, sampled, equivalence=MatchEquivalence(), states=states)
        assert words in found.absent["eigenscore"]
        assert set(found.scores) == set(MATCH) - {"eigenscore"}


def test_equivalences_are_refused_without_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"set judge\.nli_model"):
        load_equivalence("nli")
    assert load_equivalence("nli", nli_model="some/model").name == "nli"
    monkeypatch.setattr("tacitly.extras.find_spec", lambda module: None)
    with pytest.raises(SettingsError, match=r"pip install 'tacitly\[similarity\]'"):
        load_equivalence("embedding")
