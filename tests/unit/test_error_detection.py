"""Error detection: finds what is planted, nothing where nothing is, and says why where nothing is defined."""

import json

import numpy as np
import pandas as pd
import pytest

from tacitly.experiments.error_detection import (
    DetectorSource,
    ErrorDetectionResult,
    recompute_aurocs,
    run_error_detection,
    score_baselines,
    summarise_detection,
    train_probes,
)
from tacitly.probes.cell import Cell
from tacitly.probes.detector import DetectorModel
from tacitly.progress import RecordedProgress
from tests.unit.planted import PLANTED, POSITIONS, planted_rows, planted_states

pytestmark = pytest.mark.unit

SOURCE = DetectorSource(model=DetectorModel(name="tiny"), task="made up", version="0")
PLACE = {"site": PLANTED.site, "layer": PLANTED.layer, "position": PLANTED.position}


def run(rows, states, **options):
    return run_error_detection(rows, states, source=SOURCE, replicates=200, **options)


@pytest.fixture(scope="module")
def planted():
    rng = np.random.default_rng(0)
    rows = planted_rows(200, rng, located=0.85, n_entities=100)
    rows.loc[[3, 4], "correct"] = None
    states = planted_states(rows, rng, width=8, layers=3)
    progress = RecordedProgress()
    probes = train_probes(rows, states, source=SOURCE, progress=progress)
    record = json.loads(json.dumps(probes.record, allow_nan=False))
    baselines = score_baselines(rows, states, probes=record, progress=progress)
    scores = pd.concat([probes.scores, baselines.scores], ignore_index=True)
    metrics = summarise_detection(
        rows, scores, probes=record, baselines=json.loads(json.dumps(baselines.record)), replicates=200
    )
    assert progress.done == {"probes": 9, "baselines": 20}
    alone = summarise_detection(rows, probes.scores, probes=record, replicates=200)
    assert alone["by_entity"]["best"]["ci"] == metrics["by_entity"]["best"]["ci"]
    assert alone["by_entity"]["combined"]["auroc"] is None
    result = ErrorDetectionResult(
        metrics=metrics, folds=probes.folds, scores=scores, detector=probes.detector, detector_reason=None
    )
    return rows, states, result


@pytest.mark.parametrize("grouping", ["by_entity", "by_answer"])
def test_the_planted_direction_is_found_and_beats_all_else(planted, grouping):
    entry = planted[2].metrics[grouping]
    assert entry["best"]["auroc"] > 0.95
    assert {k: entry["best"][k] for k in PLACE} == PLACE
    assert all({k: cell[k] for k in PLACE} == PLACE for cell in entry["best"]["cells"])
    assert sorted(cell["fold"] for cell in entry["best"]["cells"]) == [0, 1, 2, 3, 4]
    assert entry["combined"]["auroc"] > 0.95
    assert entry["families"] == {}
    assert entry["calibration"]["brier"] < 0.1
    assert entry["calibration"]["ece"] < 0.2
    assert entry["decision"]["accuracy"] > 0.9 > entry["decision"]["majority_accuracy"]
    for gain, rival in (("gain_over_best_baseline", "best_baseline"), ("gain_over_best_control", "best_control")):
        assert entry[gain]["ci"][0] > 0.2
        assert entry[gain]["diff"] == pytest.approx(entry["best"]["auroc"] - entry[rival]["auroc"])
    assert len(entry["baselines"]) == 26
    assert set(entry["controls"]) == {
        "length", "located_by", "answer_prior", "answer_text", "question_text", "layer0", "shuffled",
    }  # fmt: skip
    low, high = entry["controls"]["shuffled"]["ci"]
    assert low < 0.5 < high
    assert max(figure["auroc"] for figure in (*entry["baselines"].values(), *entry["controls"].values())) < 0.7


def test_an_unseen_answer_string_has_no_prior(planted):
    assert planted[2].metrics["by_answer"]["controls"]["answer_prior"]["auroc"] == 0.5


def test_only_the_planted_cell_is_bright_in_the_heat_map(planted):
    grid = [entry for entry in planted[2].metrics["grid"] if entry["set"] == "located"]
    assert len(grid) == 2 * 3 * len(POSITIONS)
    for entry in grid:
        at_planted = {k: entry[k] for k in PLACE} == PLACE
        assert (entry["auroc"] > 0.95) == at_planted
        assert entry["ci"][0] <= entry["auroc"] <= entry["ci"][1]
        assert entry["eligible"]
        assert entry["rows"] == planted[2].metrics["by_entity"]["best"]["rows"]


def test_all_answers_are_read_where_all_have_a_token(planted):
    everything = planted[2].metrics["all_answers"]
    for grouping in ("by_entity", "by_answer"):
        entry = everything[grouping]
        assert entry["best"]["position"] in ("last_q_token", "-1")
        assert entry["best"]["rows"] == 198
        assert 0.3 < entry["best"]["auroc"] < 0.7
        assert "located" in entry["controls"]
        assert "last_token" in entry["families"]
        assert not any(name.endswith("_exact") for name in entry["baselines"])
    unreadable = [e for e in planted[2].metrics["grid"] if e["set"] == "all" and e["position"] == PLANTED.position]
    assert all(e["auroc"] is None and e["reason"] and not e["eligible"] for e in unreadable)


def test_within_one_answer_layer_0_is_worth_nothing(planted):
    within = planted[2].metrics["within_answer"]
    assert within["grouping"] == "by_answer"
    assert within["layer0"] == 0.5
    assert within["layer0_mean_over_strings"] == 0.5
    assert within["best"] > 0.95
    assert within["best_mean_over_strings"] > 0.9
    assert 0.3 < within["best_baseline"] < 0.7
    assert within["strings"] == 20
    assert within["pairs"] > 100


def test_the_figures_are_json_without_nan(planted):
    json.dumps(planted[2].metrics, allow_nan=False)


def test_folds_keep_groups_apart_and_unknown_labels_out(planted):
    rows, _, result = planted
    joined = result.folds.merge(rows, on="answer_id", validate="many_to_one")
    assert not joined["correct"].isna().any()
    assert not joined.duplicated(["answer_id", "grouping", "seed"]).any()
    assert (joined.groupby("grouping").size() == 198).all()
    for grouping, key in (("by_entity", "entity"), ("by_answer", "given")):
        mine = joined[(joined["grouping"] == grouping) & joined[key].notna()]
        assert not mine[[key, "outer_fold"]].drop_duplicates().duplicated(key).any()
    located = joined[joined["located"]].groupby(["grouping", "outer_fold"]).size()
    assert located.groupby("grouping").max().max() - located.groupby("grouping").min().min() < 15


def test_every_method_is_scored_on_the_same_answers_in_the_fold_that_tests_them(planted):
    result = planted[2]
    keys = ["answer_id", "grouping", "seed", "outer_fold"]
    assert len(result.scores.merge(result.folds, on=keys)) == len(result.scores)
    assert not result.scores.duplicated(["answer_id", "method", "grouping", "seed"]).any()
    finished = result.scores[~result.scores["method"].str.startswith("tokens:")]  # a first token may not be kept
    in_set = finished["method"].str.startswith("all:")
    for prefix, part in ((False, finished[~in_set]), (True, finished[in_set])):
        for _, of_grouping in part.groupby("grouping"):
            found = {frozenset(ids) for _, ids in of_grouping.groupby("method")["answer_id"]}
            assert len(found) == 1, prefix
    probabilities = result.scores.loc[result.scores["method"] == "probe", "score"]
    assert probabilities.between(0, 1).all()


def test_the_figures_can_be_recomputed_from_the_files(planted):
    rows, _, result = planted
    found = recompute_aurocs(rows, result.folds, result.scores)
    for grouping in ("by_entity", "by_answer"):
        entry = result.metrics[grouping]
        assert found["located", grouping, "probe"] == pytest.approx(entry["best"]["auroc"])
        assert found["located", grouping, "combined"] == pytest.approx(entry["combined"]["auroc"])
        assert found["all", grouping, "probe"] == pytest.approx(
            result.metrics["all_answers"][grouping]["best"]["auroc"]
        )
        for name, figure in entry["baselines"].items():
            assert found["located", grouping, name] == pytest.approx(figure["auroc"])


def test_the_detector_reads_the_planted_cell_and_scores_new_answers(planted):
    detector = planted[2].detector
    probe = detector.probes["exact_answer"]
    assert {k: getattr(probe.header, k) for k in PLACE} == PLACE
    assert detector.probes["any_answer"].header.position == "-1"
    rows, states, _ = planted
    located = rows["located"].to_numpy() & rows["correct"].notna().to_numpy()
    probability = probe.score(states.states(**PLACE))[located]
    called = probability >= probe.header.threshold
    assert (called == rows["correct"][located].to_numpy(dtype=bool)).mean() > 0.9


def test_the_same_seed_gives_the_same_scores_whatever_the_threads():
    rng = np.random.default_rng(8)
    rows = planted_rows(60, rng, n_answers=3)
    states = planted_states(rows, rng, width=4, layers=1, strength={})
    first, again = (train_probes(rows, states, source=SOURCE, seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(first.scores, again.scores)
    assert first.record == again.record


def test_noise_is_worth_nothing_for_all_the_cells_there_are_to_choose_from():
    rng = np.random.default_rng(5)
    rows = planted_rows(240, rng)
    probes = train_probes(rows, planted_states(rows, rng, width=8, layers=4, strength={}), source=SOURCE)
    metrics = summarise_detection(rows, probes.scores, probes=probes.record, replicates=200)
    for grouping in ("by_entity", "by_answer"):
        assert metrics[grouping]["best"]["auroc"] == pytest.approx(0.5, abs=0.09)
    brightest = max(e["auroc"] for e in metrics["grid"] if e["set"] == "located" and e["auroc"] is not None)
    assert brightest > metrics["by_entity"]["best"]["auroc"] + 0.03, "the heat map's best is too good to be true"


def test_three_strings_have_no_folds_by_answer():
    rng = np.random.default_rng(1)
    rows = planted_rows(120, rng, n_answers=3)
    probes = train_probes(rows, planted_states(rows, rng, width=6, layers=3), source=SOURCE)
    metrics = summarise_detection(rows, probes.scores, probes=probes.record, replicates=200)
    assert metrics["by_answer"] is None
    assert metrics["by_answer_reason"] == "3 distinct given answers, fewer than 15"
    assert metrics["all_answers"]["by_answer"] is None
    assert metrics["all_answers"]["by_answer_reason"]
    assert metrics["by_entity"]["best"]["auroc"] > 0.95
    assert metrics["within_answer"]["grouping"] == "by_entity"
    assert metrics["within_answer"]["best"] > 0.9


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"correct": True}, "every located answer is right"),
        ({"correct": False}, "every located answer is wrong"),
        ({"correct": None}, "no located answer has a known label"),
        ({"located": False, "given": None}, "no located answer has a known label"),
        ({"entity": "the same"}, "1 entity, fewer than the 5 that folds need"),
    ],
)
def test_what_is_not_defined_has_a_reason(change, reason):
    rng = np.random.default_rng(2)
    rows = planted_rows(60, rng, n_answers=3)
    for column, value in change.items():
        rows[column] = pd.Series([value] * 60, dtype=object)
    result = run(rows, planted_states(rows, rng, width=4, layers=1))
    assert result.metrics["by_entity"] is None
    assert reason in result.metrics["by_entity_reason"]
    assert result.metrics["by_answer"] is None
    assert result.metrics["by_answer_reason"]
    assert result.metrics["within_answer"]["best"] is None
    assert result.metrics["within_answer"]["reason"]
    json.dumps(result.metrics, allow_nan=False)
    if "located" in change:
        assert result.metrics["all_answers"]["by_entity"]["best"]["auroc"] is not None
        assert set(result.detector.probes) == {"any_answer"}
    else:
        assert result.detector is None
        assert result.detector_reason
        assert recompute_aurocs(rows, result.folds, result.scores) == {}


def test_a_tasks_own_split_is_the_tested_part():
    rng = np.random.default_rng(3)
    rows = planted_rows(240, rng, n_entities=200)
    rows["split"] = np.where(np.arange(240) < 80, "test", "train")
    rows.loc[rows["given"].isin([f"answer {i}" for i in range(6)]), "split"] = "test"
    result = run(rows, planted_states(rows, rng, width=6, layers=3))
    tested = set(rows.loc[rows["split"] == "test", "answer_id"])
    for _, folds in result.folds.groupby("grouping"):
        assert set(folds.loc[folds["outer_fold"] == 0, "answer_id"]) == tested
        assert set(folds["outer_fold"]) == {0, -1}
    assert set(result.scores["answer_id"]) == tested
    assert result.metrics["by_entity"]["best"]["auroc"] > 0.95
    assert result.metrics["by_answer"] is None, "every answer of the training part is given in the test split too"
    assert result.metrics["by_answer_reason"]
    assert {k: getattr(result.detector.probes["exact_answer"].header, k) for k in PLACE} == PLACE


def test_a_position_that_many_answers_lack_is_shown_and_not_chosen():
    rng = np.random.default_rng(4)
    rows = planted_rows(200, rng, n_answers=3)
    good = Cell("residual", 1, "-1")
    states = planted_states(rows, rng, width=6, layers=3, strength={PLANTED: 8.0, good: 3.0})
    missing = np.arange(200) % 8 == 0
    present = np.ones((200, 3), dtype=bool)
    present[missing, POSITIONS.index(PLANTED.position)] = False
    states._present = present
    probes = train_probes(rows, states, source=SOURCE)
    chosen = {(c["layer"], c["position"]) for c in probes.record["choices"] if c["set"] == "located"}
    assert chosen == {(good.layer, good.position)}
    entry = next(e for e in probes.record["grid"] if {k: e[k] for k in PLACE} == PLACE and e["set"] == "located")
    assert not entry["eligible"]
    assert entry["rows"] == 175
    assert entry["auroc"] > 0.95


def test_seeds_reshuffle_the_folds_and_are_averaged():
    rng = np.random.default_rng(6)
    rows = planted_rows(100, rng, n_answers=3)
    cell = Cell("residual", 0, "-1")
    states = planted_states(rows, rng, width=4, layers=1, strength={cell: 1.5})
    probes = train_probes(rows, states, source=SOURCE, seeds=(0, 1))
    folds = probes.folds[probes.folds["grouping"] == "by_entity"].pivot_table(
        index="answer_id", columns="seed", values="outer_fold"
    )
    assert (folds[0] != folds[1]).any()
    metrics = summarise_detection(rows, probes.scores, probes=probes.record, replicates=100)
    each = []
    for seed in (0, 1):
        mine = probes.scores[(probes.scores["seed"] == seed)]
        each.append(recompute_aurocs(rows, probes.folds, mine)["located", "by_entity", "probe"])
    assert metrics["by_entity"]["best"]["auroc"] == pytest.approx(np.mean(each))
    assert len(metrics["by_entity"]["best"]["cells"]) == 10


def test_answers_that_a_baseline_cannot_score_are_left_out_for_all_methods():
    rng = np.random.default_rng(7)
    rows = planted_rows(100, rng, n_answers=3)
    rows["end_logprob"] = pd.Series([None if i in (5, 6) else -1.0 for i in range(100)], dtype=object)
    rows["end_logit"] = pd.Series([None if i % 3 else 9.0 for i in range(100)], dtype=object)
    result = run(rows, planted_states(rows, rng, width=4, layers=1, strength={}))
    entry = result.metrics["by_entity"]
    assert entry["best"]["rows"] == 98
    assert not result.scores["answer_id"].isin(["q00005-0", "q00006-0"]).any()
    assert entry["baselines"]["logit_after_answer"]["auroc"] is None
    assert "95 %" in entry["baselines"]["logit_after_answer"]["reason"]
