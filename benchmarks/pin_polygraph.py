"""What LM-Polygraph's own estimators make of made-up outputs; `tests/unit/test_polygraph.py` holds our values to it.

It runs in an environment of its own, for LM-Polygraph needs many packages that this project does not:

    python -m venv polygraph && polygraph/bin/pip install "lm-polygraph==0.7.0"
    polygraph/bin/python benchmarks/pin_polygraph.py --out tests/fixtures/polygraph.json

The file holds what goes in (texts, log-probabilities of a vocabulary of seven, verdicts on every two samples, states)
and what comes out. Everything is drawn from one seed, so the same versions write the same file.
"""

import argparse
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from lm_polygraph.estimators import (
    DegMat,
    Eccentricity,
    EigenScore,
    EigValLaplacian,
    LexicalSimilarity,
    MeanTokenEntropy,
    Perplexity,
    PTrue,
    SemanticEntropy,
)
from lm_polygraph.stat_calculators.entropy import EntropyCalculator
from lm_polygraph.stat_calculators.semantic_classes import SemanticClassesCalculator

QUESTIONS, SAMPLES, VOCABULARY, WIDTH = 24, 6, 7, 12
ENTAILMENT = 0  # of entailment, neutral, contradiction
EOS = 6
PLACES = ("lungs", "heart", "kidneys", "small intestine", "skin", "inner ear", "thyroid gland", "retina")
FRAMES = (
    "{a}",
    "The {a}.",
    "It mainly affects the {a}.",
    "It is a disease of the {a}, not of the {b}.",
    "Doctors say the {a}, the {b} or both are involved, depending on the case.",
    "Ménière's disease affected the {a}; symptoms vary.",  # words that rouge-score cuts
)
ESTIMATORS = (
    Perplexity(),
    MeanTokenEntropy(),
    LexicalSimilarity("rougeL"),
    SemanticEntropy(),
    SemanticEntropy(class_probability_estimation="frequency"),
    DegMat("NLI_score"),
    DegMat("Jaccard_score"),
    EigValLaplacian("NLI_score"),
    EigValLaplacian("Jaccard_score"),
    Eccentricity("NLI_score"),
    Eccentricity("Jaccard_score"),
    EigenScore(),
    PTrue(),
)


def make_question(number: int, rng: np.random.Generator) -> dict[str, Any]:
    """One question's outputs: from samples that all agree (the first ones) to samples that all differ."""
    spread = number / QUESTIONS
    places = [int(rng.integers(len(PLACES))) if rng.random() < spread else 0 for _ in range(SAMPLES)]
    others = rng.integers(len(PLACES), size=SAMPLES)
    frames = rng.integers(len(FRAMES) - bool(number % 4), size=SAMPLES) if number else np.zeros(SAMPLES, dtype=int)
    texts = [FRAMES[f].format(a=PLACES[a], b=PLACES[b]) for f, a, b in zip(frames, places, others, strict=True)]
    length = int(rng.integers(2, 9))
    logits = rng.normal(scale=2, size=(length, VOCABULARY))
    distributions = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    tokens = rng.integers(EOS, size=length)
    if number % 3:  # the others were cut
        tokens[-1] = EOS
    centres = rng.normal(scale=3, size=(len(PLACES), WIDTH))
    states = centres[places] + rng.normal(scale=spread, size=(SAMPLES, WIDTH))
    return {
        "tokens": tokens.tolist(),
        "log_distributions": rounded(distributions),
        "sample_texts": texts,
        "sample_log_probs": rounded(-rng.gamma(3.0, 2.0, size=SAMPLES)),
        "verdicts": rounded(make_verdicts(places, rng)),
        "states": rounded(states),
        "p_true": rounded(np.log(rng.random())),
    }


def make_verdicts(places: list[int], rng: np.random.Generator) -> np.ndarray:
    """Probabilities of entailment, neutral and contradiction between every two samples, in both directions."""
    same = np.equal.outer(places, places)
    logits = rng.normal(scale=1.5, size=(SAMPLES, SAMPLES, 3))
    logits[..., ENTAILMENT] += np.where(same, 2.5, -1.0)
    logits[np.arange(SAMPLES), np.arange(SAMPLES)] = (6.0, 0.0, -2.0)
    weights = np.exp(logits)
    return weights / weights.sum(axis=-1, keepdims=True)


def rounded(values: Any) -> Any:
    """Numbers as the file holds them; the estimators are given the same."""
    return np.round(values, 5).tolist()


def estimate(questions: list[dict[str, Any]]) -> dict[str, list[float]]:
    """The values of every estimator."""
    verdicts = np.array([question["verdicts"] for question in questions])
    stats: dict[str, Any] = {
        "greedy_log_probs": [list(np.array(q["log_distributions"])) for q in questions],
        "greedy_log_likelihoods": [
            [row[token] for row, token in zip(q["log_distributions"], q["tokens"], strict=True)] for q in questions
        ],
        "sample_texts": [q["sample_texts"] for q in questions],
        "sample_log_probs": [q["sample_log_probs"] for q in questions],
        "sample_embeddings": [q["states"] for q in questions],
        "semantic_matrix_entail": verdicts[..., ENTAILMENT],
        "semantic_matrix_classes": verdicts.argmax(axis=-1),
        "entailment_id": ENTAILMENT,
        "p_true": [q["p_true"] for q in questions],
    }
    stats |= EntropyCalculator()(stats)
    stats |= SemanticClassesCalculator()(stats, texts=[], model=None)
    for number, question in enumerate(questions):
        classes = stats["semantic_classes_entail"]["sample_to_class"][number]
        question["classes"] = [int(classes[i]) for i in range(SAMPLES)]
    return {str(estimator): np.round(estimator(stats), 9).tolist() for estimator in ESTIMATORS}


def main() -> None:
    """Draw the outputs, have them estimated, and write both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    rng = np.random.default_rng(0)
    questions = [make_question(number, rng) for number in range(QUESTIONS)]
    values = estimate(questions)
    head = {"lm_polygraph": version("lm-polygraph"), "rouge_score": version("rouge-score"), "values": values}
    rows = ",\n".join(json.dumps(question, ensure_ascii=False) for question in questions)
    head_text = json.dumps(head, indent=1)[:-2]
    out.write_text(f'{head_text},\n "questions": [\n{rows}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
