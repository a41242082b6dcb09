"""Further baselines compete inside the training part, on the answers that the token probabilities decided."""

import json

import numpy as np
import pandas as pd
import pytest

from tacitly.experiments.answer_table import read_answers, with_further
from tacitly.experiments.error_detection import DetectorSource, score_baselines, summarise_detection, train_probes
from tacitly.probes.detector import DetectorModel
from tests.unit.planted import planted_rows, planted_states

pytestmark = pytest.mark.unit

SOURCE = DetectorSource(model=DetectorModel(name="tiny"), task="made up", version="0")
RNG = np.random.default_rng(0)
ROWS = planted_rows(120, RNG, located=0.8)
ROWS.loc[[3, 4], "correct"] = None
STATES = planted_states(ROWS, RNG, width=6, layers=2, strength={})
CORRECT = ROWS["correct"].map(lambda value: value is True).to_numpy(dtype=np.float64)


def but(where: int, value: float) -> np.ndarray:
    scores = RNG.normal(size=len(ROWS))
    scores[where] = value
    return scores


def test_a_further_baseline_needs_a_finite_score_for_every_answer_in_play() -> None:
    table = read_answers(ROWS, STATES)
    located = int(np.flatnonzero(table.sets["located"].rows)[0])
    without_span = int(np.flatnonzero(table.sets["all"].rows & ~table.sets["located"].rows)[0])
    further = {
        "whole": but(3, np.nan),  # an answer that could not be judged
        "partly": but(located, np.nan),
        "infinite": but(located, -np.inf),
        "spanless": but(without_span, np.nan),
        "p_exact": but(0, 0.0),
    }
    found = with_further(table, further, {"sampled": "needs generate.samples=2 or more"})
    for name in ("located", "all"):
        before, after = table.sets[name], found.sets[name]
        assert (before.rows == after.rows).all()
        assert set(before.baselines) < set(after.baselines)
        answers = int(after.rows.sum())
        assert after.missing_baselines["sampled"] == "needs generate.samples=2 or more"
        assert after.missing_baselines["partly"] == f"1 of {answers} answers have no such score"
        assert after.missing_baselines["infinite"] == after.missing_baselines["partly"]
        assert "whole" in after.baselines
        assert ("p_exact" in after.baselines) == (name == "located")
        assert "p_exact" not in after.missing_baselines
    assert "spanless" in found.sets["located"].baselines
    assert "spanless" in found.sets["all"].missing_baselines


@pytest.mark.parametrize("name", ["entropy_mean_answer", "absent"])
def test_two_baselines_of_one_name_are_a_mistake(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        with_further(read_answers(ROWS, STATES), {name: CORRECT}, {"absent": "no reason"})


def test_the_best_baseline_may_be_a_further_one_and_reasons_reach_the_metrics() -> None:
    probes = train_probes(ROWS, STATES, source=SOURCE)
    good = CORRECT + RNG.normal(scale=0.3, size=len(ROWS))
    stage = score_baselines(
        ROWS,
        STATES,
        probes=probes.record,
        further={"good": good, "undefined": np.full(len(ROWS), np.nan)},
        absent={"sampled": "needs generate.samples=2 or more"},
    )
    record = json.loads(json.dumps(stage.record, allow_nan=False))
    assert {choice["best_baseline"] for choice in record["choices"]} == {"good"}
    chosen, mine = (stage.scores[stage.scores["method"] == name] for name in ("best_baseline", "good"))
    assert chosen["score"].tolist() == mine["score"].tolist()
    probe = probes.scores[probes.scores["method"] == "probe"]
    assert sorted(mine["answer_id"]) == sorted(probe["answer_id"])
    scores = pd.concat([stage.scores, probes.scores], ignore_index=True)
    metrics = summarise_detection(ROWS, scores, probes=probes.record, baselines=record, replicates=50)
    baselines = metrics["by_entity"]["baselines"]
    assert baselines["good"]["auroc"] > 0.9
    assert baselines["sampled"] == {"auroc": None, "ci": None, "reason": "needs generate.samples=2 or more"}
    answers = metrics["by_entity"]["best"]["rows"]
    assert baselines["undefined"]["reason"] == f"{answers} of {answers} answers have no such score"
