"""`tacitly detect` on short answers against the teacher-forced capture of the same answers.

    .venv/bin/python benchmarks/detecting.py RUN [--answers 10000] [--rounds 3]

RUN is a finished study with a detector; its answers are scored, over and over until there are enough. Ours reads a
file, puts the questions, locates exact answers, reads states, and writes a file. The peer gets the tokens and reads the
states of all answer tokens at all layers, as the stage `activations` does. Each side takes another part of the answers
in each round. What is to be reached is a rate of at least 0.8 of the peer's. About 15 minutes.
"""

import argparse
import itertools
import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
if __name__ == "__main__":
    sys.path[0] = str(ROOT)  # so that no file here is taken for a library of the same name
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the command line sets it, for both sides
    os.environ.setdefault("GOMP_SPINCOUNT", "30000")

# ruff: noqa: E402
import pandas as pd

from benchmarks.machine import compare_seconds
from benchmarks.rounds import Side, alternate, seconds, table
from tacitly.detect.files import detect_answers
from tacitly.detect.preparing import Preparer
from tacitly.detect.records import GivenAnswer
from tacitly.engines.base import Reading
from tacitly.engines.torch_engine import TorchEngine
from tacitly.errors import DetectorError
from tacitly.models.load import LanguageModel
from tacitly.probes.detector import Detector
from tacitly.probes.detector_folder import open_detector
from tacitly.probes.own_model import open_own_model

LEAST = 0.8


def main() -> int:
    """Measure, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--answers", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    detector = open_detector(given.run)
    model = open_own_model(detector)
    rows = _answers(given.run)
    share, endless = -(-given.answers // given.rounds), itertools.cycle(rows)
    parts = [[next(endless) for _ in range(share)] for _ in range(given.rounds)]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        found = alternate(
            {
                "ours": Side(
                    lambda round_: seconds(lambda: _detect(parts[round_], given.run, place)),
                    lambda: _detect(parts[0][:64], given.run, place),
                ),
                "peer": Side(
                    lambda round_: _capture(parts[round_], detector, model),
                    lambda: _capture(parts[0][:64], detector, model),
                ),
            },
            rounds=given.rounds,
        )
    note = f"{share * given.rounds:,} answers of {given.run.name}, {share:,} in each round"
    result = compare_seconds("detect", found, note=note)
    print(table([{"name": "detect", **asdict(result)}], {}))
    print(f"   {note}; ours in each round: {', '.join(f'{took:.1f} s' for took in found['ours'])}")
    return int(result.ratio < LEAST)


def _answers(run: Path) -> list[dict[str, str]]:
    answers = pd.read_parquet(run / "answers")
    questions = pd.read_parquet(run / "questions.parquet")[["question_id", "question"]]
    joined = answers[answers["sample"] == 0].merge(questions, on="question_id")
    if joined.empty:
        raise DetectorError(f"{str(run)!r} has no answers", remedy="name the folder of a finished study")
    return [{"question": q, "answer": a} for q, a in zip(joined["question"], joined["text"], strict=True)]


def _detect(rows: list[dict[str, str]], run: Path, folder: Path) -> None:
    source, out = folder / "answers.jsonl", folder / "scores.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    counted = detect_answers(source, detector=run, out=out)
    if counted.errors or counted.answers != len(rows):
        raise DetectorError(f"{counted.errors} of {counted.answers} answers have an error: {counted.first_error}")


def _capture(rows: list[dict[str, str]], detector: Detector, model: LanguageModel) -> float:
    """Seconds in which the engine reads all answer tokens at all layers; prompts and tokens are made before."""
    asking = detector.header.asking
    if asking is None:
        raise DetectorError("the detector does not say how its answers were asked for", remedy="train it again")
    preparer = Preparer.of(asking, model)
    readings = []
    for i, row in enumerate(rows):
        ready = preparer.prepare(GivenAnswer(id=str(i), question=row["question"], answer=row["answer"]))
        end = () if ready.tokens.end_id is None else (ready.tokens.end_id,)
        ids = (*ready.prompt_ids, *ready.tokens.token_ids, *end)
        wanted = tuple(range(len(ready.prompt_ids) - 1, len(ids)))
        readings.append(Reading(key=str(i), token_ids=ids, indices=wanted))
    engine = TorchEngine(model)
    return seconds(lambda: [None for _ in engine.read_states(readings, sites=("residual",), batch_size=64)])


if __name__ == "__main__":
    sys.exit(main())
