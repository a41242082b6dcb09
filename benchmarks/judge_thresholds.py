"""Find the thresholds of the similarity judges: `python benchmarks/judge_thresholds.py --medquad PATH`.

Writes `src/tacitly/judges/data/similarity_thresholds.json`, which the judges read, and prints its figures. The same
data and seed give the same file.
"""

import argparse
import json
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np

import tacitly.judges
from tacitly.judges.graded_answers import grade_answers
from tacitly.judges.similarity import READ_WORDS, beginning, one_by_one, rouge_l, token_f1
from tacitly.judges.thresholds import FILE, KINDS, calibrate
from tacitly.models.embedder import Embedder
from tacitly.tasks.medquad_pairs import read_medquad

TARGET = Path(tacitly.judges.__file__).parent / "data" / FILE


def measure(path: Path, *, seed: int, limit: int | None) -> dict[str, object]:
    """Every judge's calibration, and how the answers that it rests on were made."""
    medquad = read_medquad(path)
    graded = grade_answers(medquad, rng=np.random.default_rng(seed), limit=limit)
    answers = [beginning(g.answer) for g in graded]
    references = [beginning(g.reference) for g in graded]
    judges = {}
    print(f"{'':23} {'at':>5} {'balanced':>9}" + "".join(f"{kind:>16}" for kind in KINDS) + "   s per 1,000")
    for name, similarities in {
        "token_f1": one_by_one(token_f1),
        "rouge_l": one_by_one(rouge_l),
        "embedding": Embedder().similarities,
    }.items():
        similarities(answers[:1], references[:1])  # loads what there is to load
        started = time.perf_counter()
        values = similarities(answers, references)
        seconds = 1000 * (time.perf_counter() - started) / len(values)
        found = calibrate(
            values,
            kinds=[g.kind for g in graded],
            diseases=[g.disease for g in graded],
            types=[g.question_type for g in graded],
            rng=np.random.default_rng(seed),
        )
        for group, worth in {"": found.overall, **found.by_type}.items():
            shares = "".join(f"{worth.accepted[kind]:16.3f}" for kind in KINDS)
            shown = f"   {seconds:.2f}" if not group else f"   {worth.answers['right']} right answers"
            print(f"{name:10} {group:12} {found.threshold:5.2f} {worth.balanced_accuracy:9.3f}{shares}{shown}")
        judges[name] = json.loads(json.dumps(asdict(found)), parse_float=lambda text: round(float(text), 3))
    types = Counter(g.question_type for g in graded if g.kind == "right")
    print(f"{len(graded)} answers to {types.total()} questions, of which {dict(types.most_common())}")
    print(f"answers tested: {found.overall.answers}, about {found.diseases} diseases")
    return {
        "schema": 1,
        "data": f"MedQuAD: {medquad.counts.summary}",
        "seed": seed,
        "read_words": READ_WORDS,
        "diseases": len({g.disease for g in graded}),
        "question_types": dict(types.most_common()),
        "judges": judges,
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--medquad", type=Path, required=True, help="a folder, an archive or a table of MedQuAD")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, help="only so many questions")
    parser.add_argument("--out", type=Path, default=TARGET)
    options = parser.parse_args()
    found = measure(options.medquad, seed=options.seed, limit=options.limit)
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
