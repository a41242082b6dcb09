"""Our values are LM-Polygraph's, on the outputs and values that `benchmarks/pin_polygraph.py` stored."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from tacitly.baselines.catalog import load_baselines
from tacitly.baselines.eigenscore import EigenScore
from tacitly.baselines.entailment import NliEquivalence
from tacitly.baselines.equivalence import GivenAnswers, MatchEquivalence
from tacitly.baselines.lexical_similarity import LexicalSimilarity, keys
from tacitly.baselines.p_true import p_true_baselines
from tacitly.baselines.sampled_question import SampledQuestion, sort_into_classes
from tacitly.baselines.semantic_entropy import DiscreteSemanticEntropy, SemanticEntropy
from tacitly.baselines.similarity_graph import SimilarityGraph
from tacitly.engines.decoding import measure

pytestmark = pytest.mark.unit

PINNED = json.loads((Path(__file__).parents[1] / "fixtures" / "polygraph.json").read_text(encoding="utf-8"))
QUESTIONS: list[dict[str, Any]] = PINNED["questions"]
VALUES = {name: np.array(values) for name, values in PINNED["values"].items()}
EOS = 6


def close(ours: list[float], name: str, *, rtol: float = 1e-6) -> None:
    """Ours are higher for what is more likely correct, theirs for what is more uncertain."""
    np.testing.assert_allclose(-np.array(ours), VALUES[name], rtol=rtol, atol=1e-7)


def nli_question(stored: dict[str, Any]) -> SampledQuestion:
    """Made by our own equivalence from the stored verdicts; the greedy answer is one that no verdict is about."""
    names = [str(i) for i in range(len(stored["sample_texts"]))]
    verdicts = np.array(stored["verdicts"])

    def stored_verdicts(premises: list[str], hypotheses: list[str]) -> np.ndarray:
        pairs = [(p.split()[-1], h.split()[-1]) for p, h in zip(premises, hypotheses, strict=True)]
        return np.array(
            [[0.0, 1.0, 0.0] if "greedy" in pair else verdicts[int(pair[0]), int(pair[1])] for pair in pairs]
        )

    answers = GivenAnswers(question="?", texts=["", *names], given=["greedy", *names], words=["greedy", *names])
    relation = NliEquivalence(stored_verdicts).relate([answers])[0]
    similarity = relation.similarity.copy()
    np.fill_diagonal(similarity, verdicts[..., 0].diagonal())  # to us a text entails itself for certain
    return sampled(stored, sort_into_classes(relation.same[1:, 1:]), similarity)


def match_question(stored: dict[str, Any]) -> SampledQuestion:
    texts = ["", *stored["sample_texts"]]
    relation = MatchEquivalence().relate([GivenAnswers(question="?", texts=texts, given=texts, words=texts)])[0]
    return sampled(stored, np.array(stored["classes"]), relation.similarity)


def sampled(stored: dict[str, Any], classes: np.ndarray, similarity: np.ndarray) -> SampledQuestion:
    return SampledQuestion(
        greedy="",
        texts=stored["sample_texts"],
        log_likelihoods=np.array(stored["sample_log_probs"]),
        classes=classes,
        like_greedy=np.zeros(len(classes), dtype=bool),
        similarity=similarity,
        states=np.array(stored["states"]),
    )


def rows() -> pd.DataFrame:
    """The stored distributions through our own measure of tokens, the end token apart."""
    found = []
    for stored in QUESTIONS:
        chosen = measure(torch.tensor(stored["log_distributions"]), torch.tensor(stored["tokens"]))
        logprobs, entropies = chosen.logprobs.tolist(), chosen.entropies.tolist()
        ended = stored["tokens"][-1] == EOS
        n = len(stored["tokens"]) - ended
        found.append(
            {
                "token_logprobs": np.array(logprobs[:n]),
                "token_entropies": np.array(entropies[:n]),
                "end_logprob": logprobs[n] if ended else None,
                "end_entropy": entropies[n] if ended else None,
            }
        )
    return pd.DataFrame(found)


def test_the_stored_outputs_hold_what_may_differ() -> None:
    ended = [stored["tokens"][-1] == EOS for stored in QUESTIONS]
    assert any(ended)
    assert not all(ended)
    assert len({len(set(stored["classes"])) for stored in QUESTIONS}) > 3
    assert VALUES["LexicalSimilarity_rougeL"][0] == -1
    assert PINNED["lm_polygraph"] == "0.7.0"


def test_perplexity_and_entropy_count_the_end_token() -> None:
    scores = {name: baseline.scores(rows()) for name, baseline in load_baselines("with_eos").items()}
    close(np.log(-scores["perplexity_with_eos"]) * -1, "Perplexity", rtol=1e-4)
    close(scores["entropy_mean_with_eos"], "MeanTokenEntropy", rtol=1e-4)
    plain = load_baselines("token_probability")["entropy_mean_answer"].scores(
        rows().assign(first_token=None, last_token=None)
    )
    ended = np.array([stored["tokens"][-1] == EOS for stored in QUESTIONS])
    np.testing.assert_allclose(-plain[~ended], VALUES["MeanTokenEntropy"][~ended], rtol=1e-4)
    assert np.median(np.abs(-plain[ended] - VALUES["MeanTokenEntropy"][ended])) > 0.01


def test_lexical_similarity_with_the_words_of_rouge_score() -> None:
    tokenizers = pytest.importorskip("rouge_score.tokenizers", reason="needs the extra similarity")
    split = tokenizers.DefaultTokenizer(use_stemmer=True).tokenize
    questions = [match_question(stored) for stored in QUESTIONS]
    close([LexicalSimilarity(split=split).score(q) for q in questions], "LexicalSimilarity_rougeL")
    ours = np.array([LexicalSimilarity().score(q) for q in questions])
    np.testing.assert_allclose(-ours, VALUES["LexicalSimilarity_rougeL"], atol=0.1)
    renamed = np.array([only_renames(split, q.texts) for q in questions])
    assert renamed.sum() >= 5
    np.testing.assert_allclose(-ours[renamed], VALUES["LexicalSimilarity_rougeL"][renamed], rtol=1e-6)


def only_renames(split: Any, texts: Any) -> bool:
    """Whether other words, such as stems, stand for ours one by one, so that they change no similarity."""
    if any(len(keys(text)) != len(split(text)) for text in texts):
        return False
    pairs = {pair for text in texts for pair in zip(keys(text), split(text), strict=True)}
    return len(pairs) == len({ours for ours, _ in pairs}) == len({theirs for _, theirs in pairs})


def test_semantic_entropy_from_verdicts_to_classes_to_the_figure() -> None:
    questions = [nli_question(stored) for stored in QUESTIONS]
    assert [q.classes.tolist() for q in questions] == [stored["classes"] for stored in QUESTIONS]
    close([SemanticEntropy("nli").score(q) for q in questions], "SemanticEntropy")
    close([DiscreteSemanticEntropy("nli").score(q) for q in questions], "SemanticEntropyEmpirical")


@pytest.mark.parametrize(
    ("measure_name", "theirs"),
    [("degree_matrix", "DegMat"), ("eigenvalue_laplacian", "EigValLaplacian"), ("eccentricity", "Eccentricity")],
)
def test_similarity_graphs(measure_name: Any, theirs: str) -> None:
    by_words, by_nli = SimilarityGraph(measure_name, "match"), SimilarityGraph(measure_name, "nli")
    close([by_words.score(match_question(stored)) for stored in QUESTIONS], f"{theirs}_Jaccard_score")
    close([by_nli.score(nli_question(stored)) for stored in QUESTIONS], f"{theirs}_NLI_score_entail")


def test_eigenscore() -> None:
    questions = [match_question(stored) for stored in QUESTIONS]
    close([EigenScore().score(q) for q in questions], "EigenScore")
    stored = [replace(q, states=None if q.states is None else q.states.astype(np.float32)) for q in questions]
    close([EigenScore().score(q) for q in stored], "EigenScore", rtol=1e-3)


def test_p_true_of_one_order_is_a_log_probability() -> None:
    said = pd.DataFrame({"p_true_single": [stored["p_true"] for stored in QUESTIONS]})
    close(p_true_baselines(said)["p_true_single"].tolist(), "PTrue")
