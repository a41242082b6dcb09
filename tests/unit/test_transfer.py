"""Transfer: a shared direction carries over, another one does not, and nothing that is tested is learned from."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tacitly.experiments.detection_summary import recompute_aurocs
from tacitly.experiments.fold_plan import FoldPlan
from tacitly.experiments.probe_stage import ProbeStage
from tacitly.experiments.transfer import ALONE, transfer_probes
from tacitly.experiments.transfer_entry import Asked
from tacitly.experiments.transfer_pool import TransferPool
from tacitly.experiments.transfer_target import TransferTarget
from tacitly.experiments.transfer_task import TransferTask
from tacitly.progress import RecordedProgress
from tests.unit.planted import PLANTED
from tests.unit.transfer_tasks import made_rows, made_states, made_task

pytestmark = pytest.mark.unit
Made = dict[str, tuple[TransferTask, ProbeStage | None]]


@pytest.fixture(scope="module")
def made() -> Made:
    """Two tasks that share a direction, and one with a direction of its own."""
    return {
        name: made_task(
            name, rows := made_rows(name, seed=seed), made_states(rows, axis, seed=seed), probes=name == "first"
        )
        for name, axis, seed in (("first", 0, 1), ("second", 0, 2), ("third", 3, 3))
    }


@pytest.fixture(scope="module")
def found(made: Made) -> dict[str, Any]:
    progress = RecordedProgress()
    found = transfer_probes([task for task, _ in made.values()], replicates=200, progress=progress)
    assert progress.done["figures"] == 3 + 6 + 3
    return json.loads(json.dumps(found, allow_nan=False))


def test_a_shared_direction_carries_over_and_another_one_does_not(found: dict[str, Any]) -> None:
    for trained, tested in (("first", "second"), ("second", "first")):
        for entry in (found["matrix"][trained][tested], found["matrix"][trained][tested]["by_answer"]):
            assert entry["auroc"] > 0.9
            assert entry["ci"][0] > 0.85
            assert entry["minus_baseline_ci"][0] > 0.2
            assert entry["minus_baseline"] == pytest.approx(entry["auroc"] - entry["baseline"])
            assert entry["left_out"] == 0
            assert entry["trained_on"] == entry["rows"] == 120
            [cell] = entry["cells"]
            assert (cell["layer"], cell["position"]) == (PLANTED.layer, PLANTED.position)
    for trained, tested in (("first", "third"), ("third", "first"), ("second", "third"), ("third", "second")):
        assert found["matrix"][trained][tested]["auroc"] < 0.7


def test_of_all_the_others_together_a_probe_finds_what_they_share(found: dict[str, Any]) -> None:
    for tested, others in (("first", ["second", "third"]), ("second", ["first", "third"])):
        entry = found["leave_one_out"][tested]
        assert entry["trained_on_runs"] == others
        assert entry["trained_on"] == 240
        assert entry["auroc"] > 0.8
        assert entry["cells"][0]["layer"] == PLANTED.layer
    assert found["leave_one_out"]["third"]["auroc"] < 0.7


def test_the_diagonal_is_each_task_s_own_nested_figure(found: dict[str, Any], made: Made) -> None:
    task, stage = made["first"]
    assert stage is not None
    own = recompute_aurocs(task.table.rows, stage.folds, stage.scores)
    entry = found["matrix"]["first"]["first"]
    assert entry["auroc"] == pytest.approx(own["located", "by_entity", "probe"], abs=1e-9)
    assert entry["by_answer"]["auroc"] == pytest.approx(own["located", "by_answer", "probe"], abs=1e-9)
    assert "cells" not in entry


def test_the_probe_is_the_one_of_the_saved_detector(made: Made) -> None:
    task, stage = made["first"]
    assert stage is not None
    assert stage.detector is not None
    saved = stage.detector.probes["exact_answer"]
    pool = TransferPool(tasks=[task])
    place = pool.ask(pool.usable)
    pool.train(RecordedProgress())
    probe = pool[place]
    assert not isinstance(probe, str)
    assert isinstance(task.plan, FoldPlan)
    assert task.plan.grouping == saved.header.grouping == "by_answer"
    cell = probe.choice.cell
    assert (cell.site, cell.layer, cell.position) == (saved.header.site, saved.header.layer, saved.header.position)
    assert probe.choice.C == saved.header.C
    assert probe.choice.cv_auroc == pytest.approx(saved.header.cv_auroc, abs=1e-9)
    assert probe.rows == saved.header.rows
    assert np.allclose(probe.probe.coef_[0], saved.coefficients)


def test_the_figures_are_those_of_scikit_learn(found: dict[str, Any], made: Made) -> None:
    (first, _), (second, _) = made["first"], made["second"]
    entry = found["matrix"]["first"]["second"]
    [cell] = entry["cells"]
    read = (
        task.probed.states.states(cell["site"], cell["layer"], cell["position"]) for task in (first, second)
    )  # fmt: skip
    learned, tested = read
    model = make_pipeline(StandardScaler(), LogisticRegression(C=cell["C"])).fit(learned, first.table.correct)
    [folds] = second.folds("by_entity").values()
    parts = [folds == number for number in range(5)]
    right, scores = second.table.correct, model.decision_function(tested)
    inside = [roc_auc_score(right[part], scores[part]) for part in parts]
    assert entry["auroc"] == pytest.approx(np.average(inside, weights=[part.sum() for part in parts]), abs=2e-3)
    baselines = second.table.sets["located"].baselines
    of_folds = []
    for part in parts:
        elsewhere = {name: roc_auc_score(right[~part], values[~part]) for name, values in baselines.items()}
        best = max(elsewhere, key=lambda name: elsewhere[name])
        of_folds.append(roc_auc_score(right[part], baselines[best][part]))
    assert entry["baseline"] == pytest.approx(np.average(of_folds, weights=[part.sum() for part in parts]), abs=1e-9)


def test_no_probe_learned_from_what_it_is_tested_on() -> None:
    rows, other = made_rows("first", seed=1), made_rows("second", seed=2)
    shared = [f"second entity {i}" for i in range(15)]
    names = [(entity, "also " + shared[i] if i < 15 else "") for i, entity in enumerate(rows["entity"])]
    other_names = [(entity, f"also {entity}") for entity in other["entity"]]
    rows.loc[60:80, "given"] = "second answer 1"
    first, _ = made_task("first", rows, made_states(rows, 0, seed=1), names=names, probes=False)
    second, _ = made_task("second", other, made_states(other, 0, seed=2), names=other_names, probes=False)
    for grouping, whole in (("by_entity", False), ("by_answer", False), ("by_entity", True), ("by_answer", True)):
        pool = TransferPool(tasks=[first, second] if whole else [first])
        target = TransferTarget.of(second, grouping, replicates=9, rng=np.random.default_rng(0))
        assert isinstance(target, TransferTarget)
        asked = Asked.of(pool, target, whole=whole)
        left_out = set()
        for (seed, number), place in asked.places.items():
            tested = target.tested if whole else target.folds[seed] == number
            learned = pool.rows(place)[: len(rows)]
            assert not pool.rows(place)[len(rows) :].any()
            seen = {name for i in np.flatnonzero(learned) for name in names[i]} - {""}
            assert not seen & {name for i in np.flatnonzero(tested) for name in other_names[i]}
            left_out |= set(np.flatnonzero(~learned))
            if grouping == "by_answer":
                assert not set(rows["given"][learned]) & set(other["given"][tested])
        twice = set(range(15))
        given = set(range(60, 81)) if grouping == "by_answer" else set()
        assert left_out == twice | given
        pool.train(RecordedProgress())
        assert asked.entry()["left_out"] == len(twice | given)
        for place in set(asked.places.values()):
            part = pool._training_part(pool.rows(place))
            for fold in part.folds:
                assert not (fold.train & ~pool.rows(place)).any()
                assert not (fold.test & ~pool.rows(place)).any()


def test_folds_over_several_tasks_keep_their_entities_apart() -> None:
    made = []
    for name, seed in (("first", 1), ("second", 2), ("third", 3)):
        rows = made_rows(name, seed=seed)
        names = [(entity, entity.split()[-1]) for entity in rows["entity"]]  # the same in every task
        made.append(made_task(name, rows, made_states(rows, 0, seed=seed), names=names, probes=False)[0])
    pool = TransferPool(tasks=made)
    part = pool._training_part(pool.usable & ~pool.of(made[2]))
    keys = pool.keys("by_entity")
    assert len(part.folds) == 5
    for fold in part.folds:
        assert fold.train.sum() > 60
        assert not fold.train[240:].any()
        learned, tested = (set().union(*(keys[i] for i in np.flatnonzero(rows))) for rows in (fold.train, fold.test))
        assert not learned & tested
    assert np.logical_or.reduce([fold.test for fold in part.folds]).sum() == 240
    assert "every" not in str(transfer_probes(made, replicates=9)["leave_one_out"])


def test_the_same_questions_are_carried_fold_by_fold_and_left_out_whole() -> None:
    rows = made_rows("same", seed=1)
    one, _ = made_task("one", rows, made_states(rows, 0, seed=1), probes=False)
    two, _ = made_task("two", rows, made_states(rows, 0, seed=2), probes=False)
    found = transfer_probes([one, two], replicates=50)
    entry = found["matrix"]["one"]["two"]
    assert entry["auroc"] > 0.9
    assert 90 <= entry["trained_on"] <= 100
    assert entry["left_out"] == 120
    for grouping in (found["leave_one_out"]["two"], found["leave_one_out"]["two"]["by_answer"]):
        assert grouping["auroc"] is None
        assert grouping["reason"] == "nothing is left to learn from"


def test_other_models_are_not_mixed_when_all_others_teach() -> None:
    tasks = []
    for name, model, seed in (("a", "one", 1), ("b", "one", 2), ("c", "other", 3)):
        rows = made_rows(name, seed=seed)
        tasks.append(made_task(name, rows, made_states(rows, 0, seed=seed), model=model, probes=False)[0])
    found = transfer_probes(tasks, replicates=20)
    assert found["leave_one_out"]["a"]["trained_on_runs"] == ["b"]
    assert found["leave_one_out"]["c"] == {
        "trained_on_runs": [],
        **found["leave_one_out"]["c"]["by_answer"],
        "by_answer": found["leave_one_out"]["c"]["by_answer"],
    }
    assert found["leave_one_out"]["c"]["reason"] == ALONE
    assert found["matrix"]["a"]["c"]["auroc"] > 0.9
    assert found["matrix"]["c"]["c"]["reason"] == "its own probes were not trained"


def test_what_the_data_do_not_define_has_a_reason_and_the_rest_goes_on() -> None:
    good = made_rows("good", seed=1)
    wrong = made_rows("wrong", seed=2).assign(correct=pd.Series([False] * 120, dtype=object))
    without = made_rows("without", seed=3)
    labels = made_rows("labels", seed=4, n_answers=2)
    found = transfer_probes(
        [
            made_task("good", good, made_states(good, 0, seed=1), probes=False)[0],
            made_task("wrong", wrong, made_states(wrong, 0, seed=2), probes=False)[0],
            made_task("without", without, made_states(without, 0, seed=3, missing=[PLANTED.position]), probes=False)[0],
            made_task("labels", labels, made_states(labels, 0, seed=4), probes=False)[0],
        ],
        replicates=20,
    )
    json.dumps(found, allow_nan=False)
    matrix = found["matrix"]
    assert matrix["good"]["wrong"]["reason"] == "every located answer is wrong; there is nothing to tell apart"
    assert matrix["wrong"]["good"]["reason"] == "nothing is left to learn from"
    assert matrix["good"]["without"]["reason"] == (
        "fewer than 95 % of the right or of the wrong answers have the tokens that are read: exact_answer_last_token"
    )
    assert matrix["without"]["good"]["cells"][0]["position"] != PLANTED.position
    assert matrix["good"]["labels"]["auroc"] > 0.9
    assert matrix["good"]["labels"]["by_answer"]["reason"] == "2 distinct given answers, fewer than 15"
    assert matrix["labels"]["good"]["by_answer"]["auroc"] > 0.9
    assert found["leave_one_out"]["good"]["trained_on_runs"] == ["without", "labels"]
    assert found["leave_one_out"]["good"]["trained_on"] == 240
    assert found["leave_one_out"]["wrong"]["auroc"] is None


def test_a_task_tells_how_likely_right_an_answer_is_and_that_does_not_count() -> None:
    tasks = []
    for place, (name, right) in enumerate((("low", 0.2), ("high", 0.8), ("third", 0.5))):
        rows = made_rows(name, seed=place, right=right)
        states = made_states(rows, 0, seed=place, strength=3.0)
        values = {("residual", layer): states.layer_states("residual", layer) for layer in (0, 1, 2)}
        values["residual", 1] += 6.0 * place  # which task it is can be read off layer 1 alone
        moved = type(states)(values, positions=states.positions)
        tasks.append(made_task(name, rows, moved, probes=False)[0])
    entry = transfer_probes(tasks, replicates=20)["leave_one_out"]["third"]
    assert [cell["layer"] for cell in entry["cells"]] == [PLANTED.layer]
    assert entry["auroc"] > 0.75


def test_few_entities_have_no_interval() -> None:
    rows, few = made_rows("first", seed=1), made_rows("few", seed=2)
    few["entity"] = [f"few {i % 8}" for i in range(len(few))]
    first, _ = made_task("first", rows, made_states(rows, 0, seed=1), probes=False)
    target, _ = made_task("few", few, made_states(few, 0, seed=2), probes=False)
    entry = transfer_probes([first, target], replicates=50)["matrix"]["first"]["few"]
    assert entry["auroc"] > 0.9
    assert entry["ci"] is None
    assert "fewer than 10" in entry["ci_reason"]
    assert "fewer than 10" in entry["minus_baseline_ci_reason"]


def test_without_a_token_probability_the_auroc_stands_alone(made: Made) -> None:
    first, second = made["first"][0], made["second"][0]
    sets = dict(second.table.sets)
    sets["located"] = replace(sets["located"], baselines={})
    bare = replace(second, probed=replace(second.probed, table=replace(second.table, sets=sets)))
    entry = transfer_probes([first, bare], replicates=20)["matrix"]["first"]["second"]
    assert entry["auroc"] > 0.9
    assert entry["minus_baseline"] is None
    assert "no token probability" in entry["minus_baseline_reason"]
