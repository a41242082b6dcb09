"""Exchanged probes: the source's own nested probes, on answers of the target that they learned nothing about."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tacitly.activations.base import ArrayStateTable
from tacitly.evaluation.folds import separate
from tacitly.experiments.answer_table import read_answers
from tacitly.experiments.detection_metrics import collect_scores
from tacitly.experiments.detection_summary import recompute_aurocs
from tacitly.experiments.detector_training import DetectorSource
from tacitly.experiments.fold_plan import keys_apart
from tacitly.experiments.probe_exchange import EXCHANGED, ProbedRun, exchange_probes
from tacitly.experiments.probe_stage import ProbeStage, train_probes
from tacitly.probes.detector import DetectorModel
from tests.unit.planted import PLANTED, planted_rows, planted_states

pytestmark = pytest.mark.unit
SOURCE = DetectorSource(model=DetectorModel(name="planted"), task="planted", version="0")
SETS = [(answers, grouping) for answers in ("located", "all") for grouping in ("by_entity", "by_answer")]


def states_of(rows: pd.DataFrame, *, direction: int, width: int = 12) -> ArrayStateTable:
    """Noise, and the label along a direction that is the same whatever the rows."""
    noise = planted_states(rows, np.random.default_rng(99), strength={}, width=width, layers=3)
    values, present = stacked(noise)
    towards = np.random.default_rng(direction).normal(size=width)
    sign = np.where(rows["correct"].astype(bool), 1.5, -1.5)[:, None]
    at = noise.positions.index(PLANTED.position)
    values["residual", PLANTED.layer][:, at] += present[:, [at]] * sign * towards / np.linalg.norm(towards)
    return ArrayStateTable(values, positions=noise.positions, present=present)


def stacked(states: ArrayStateTable) -> tuple[dict[tuple[str, int], np.ndarray], np.ndarray]:
    """Everything that a table of states holds, to be changed."""
    values = {
        ("residual", layer): np.stack([states.states("residual", layer, p) for p in states.positions], axis=1)
        for layer in states.layers("residual")
    }
    return values, np.stack([states.present(p) for p in states.positions], axis=1)


def probed(rows: pd.DataFrame, *, direction: int, width: int = 12) -> tuple[ProbedRun, ProbeStage]:
    """A run whose states hold the label along a direction of that seed, with its probes."""
    states = states_of(rows, direction=direction, width=width)
    stage = train_probes(rows, states, source=SOURCE)
    table = read_answers(rows, states)
    return ProbedRun(table=table, states=states, folds=stage.folds, choices=stage.record["choices"]), stage


def asked(rows: pd.DataFrame, *, direction: int, **more: Any) -> ProbedRun:
    """A run as a target, which needs no probes."""
    states = states_of(rows, direction=direction, **more)
    return ProbedRun(table=read_answers(rows, states), states=states, folds=pd.DataFrame(), choices=[])


def other_rows(rng: np.random.Generator) -> pd.DataFrame:
    """Another model's answers to the same questions: half of them the same, some that the first model never gave."""
    made = planted_rows(160, rng, n_entities=120, n_answers=26, located=0.9)
    same = (rng.random(160) < 0.5) & made["located"]
    words = pd.Series([f"answer {i}" for i in rng.integers(26, size=160)], dtype=object)
    before = planted_rows(160, np.random.default_rng(1), n_entities=120, located=0.9)["given"]
    return made.assign(
        given=made["given"].where(~same | before.isna(), before).where(made["located"], None), text=words
    )


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return planted_rows(160, np.random.default_rng(1), n_entities=120, located=0.9)


@pytest.fixture(scope="module")
def first(rows: pd.DataFrame) -> tuple[ProbedRun, ProbeStage]:
    return probed(rows, direction=5)


def auroc(rows: pd.DataFrame, scores: pd.DataFrame, grouping: Any = "by_entity") -> float:
    groups = rows["entity"].to_numpy(dtype=object)
    found = collect_scores(rows, scores, answers="located", grouping=grouping, groups=groups)
    values = found.replicates(EXCHANGED, np.ones((1, len(rows))))
    assert values is not None
    return float(values[0])


def test_a_run_s_probes_exchanged_with_itself_are_its_own_nested_probes(
    rows: pd.DataFrame, first: tuple[ProbedRun, ProbeStage]
) -> None:
    run, stage = first
    exchange = exchange_probes(run, run)
    assert exchange.reasons == {}
    own = recompute_aurocs(rows, stage.folds, stage.scores)
    for answers, grouping in SETS:
        prefix = "" if answers == "located" else "all:"
        mine, theirs = (
            scores[(scores["method"] == prefix + method) & (scores["grouping"] == grouping)]
            for scores, method in ((stage.scores, "probe"), (exchange.scores, EXCHANGED))
        )
        assert set(zip(mine["answer_id"], mine["outer_fold"], strict=True)) == set(
            zip(theirs["answer_id"], theirs["outer_fold"], strict=True)
        )
        assert len(theirs) == theirs["answer_id"].nunique()
    for grouping in ("by_entity", "by_answer"):
        value = auroc(rows, exchange.scores, grouping)
        assert value == pytest.approx(own["located", grouping, "probe"], abs=1e-9)


def test_the_same_direction_carries_over_and_another_one_does_not(first: tuple[ProbedRun, ProbeStage]) -> None:
    tuned = other_rows(np.random.default_rng(2))
    carried, lost = (
        exchange_probes(first[0], asked(tuned, direction=direction)).scores.query("method == @EXCHANGED")
        for direction in (5, 6)
    )
    for grouping, most in (("by_entity", 160), ("by_answer", 120)):
        assert 50 < (carried["grouping"] == grouping).sum() < most
        assert auroc(tuned, carried, grouping) > 0.75
        assert auroc(tuned, lost, grouping) < auroc(tuned, carried, grouping) - 0.1


def test_no_probe_scores_an_answer_whose_entity_or_words_it_learned_from(
    rows: pd.DataFrame, first: tuple[ProbedRun, ProbeStage]
) -> None:
    source, tuned = first[0], other_rows(np.random.default_rng(2))
    target = asked(tuned, direction=5)
    scores, never_given, changed = exchange_probes(source, target).scores, 0, 0
    for (answers, grouping), fold in ((pair, fold) for pair in SETS for fold in range(5)):
        name = EXCHANGED if answers == "located" else f"all:{EXCHANGED}"
        mine = scores[(scores["method"] == name) & (scores["grouping"] == grouping) & (scores["outer_fold"] == fold)]
        of_fold = source.folds[(source.folds["grouping"] == grouping) & (source.folds["outer_fold"] == fold)]
        tested, here = (table["answer_id"].isin(ids).to_numpy() for table, ids in (
            (rows, of_fold["answer_id"]), (tuned, mine["answer_id"])))  # fmt: skip
        among = source.table.sets[answers].rows
        train = separate(tested, number=fold, among=among, apart=keys_apart(source.table, grouping)).train
        keys = zip(keys_apart(source.table, grouping), keys_apart(target.table, grouping), strict=True)
        for learned, asked_about in keys:
            assert not set(learned[train]) & set(asked_about[here])
        if (answers, grouping) == ("located", "by_answer"):
            never_given += (~tuned[here]["given"].isin(rows["given"])).sum()
            changed += (tuned[here]["given"] != rows[here]["given"]).sum()
    assert not scores.duplicated(["answer_id", "method", "grouping", "seed"]).any()
    assert never_given
    assert changed > never_given


def test_an_entity_of_both_splits_is_asked_of_no_probe_that_learned_from_it() -> None:
    """Its tested answer has no exact answer in the source, so that only its training answer counts there."""
    rows = planted_rows(160, np.random.default_rng(1), n_entities=80)
    rows["split"] = np.where(np.arange(160) < 100, "train", "test")  # entity 20 is asked about in both
    rows.loc[100, ["located", "given", "exact_answer", "first_token", "last_token"]] = [False, None, None, None, None]
    source, _ = probed(rows, direction=5)
    assert rows["entity"][100] == rows["entity"][20]
    located = planted_rows(160, np.random.default_rng(1), n_entities=80).assign(split=rows["split"])
    exchange = exchange_probes(source, asked(located, direction=5))
    scored = set(exchange.scores.query("grouping == 'by_entity' and method == @EXCHANGED")["answer_id"])
    assert "q00101-0" in scored
    assert "q00100-0" not in scored


def test_words_of_the_training_split_are_asked_of_no_probe_that_learned_from_them() -> None:
    rows = planted_rows(160, np.random.default_rng(1))
    rows["split"] = np.where(np.arange(160) < 100, "train", "test")
    later = [f"answer {int(text.split()[1]) + 15}" for text in rows["given"]]
    rows["given"] = rows["given"].where(rows["split"] == "train", pd.Series(later, dtype=object))
    source, _ = probed(rows, direction=5)
    target = asked(planted_rows(160, np.random.default_rng(2)).assign(split=rows["split"]), direction=5)
    learned = {f"answer {i}" for i in range(15)}  # 15 to 19 are given in the tested part too
    tested = target.table.rows[target.table.rows["split"] == "test"]
    scores = exchange_probes(source, target).scores.query("method == @EXCHANGED and grouping == 'by_answer'")
    assert set(tested["given"]) & learned
    assert len(scores)
    assert not set(tested[tested["answer_id"].isin(scores["answer_id"])]["given"]) & learned


def test_no_label_of_a_tested_entity_reaches_the_probe_that_scores_it(
    rows: pd.DataFrame, first: tuple[ProbedRun, ProbeStage]
) -> None:
    run = first[0]
    fold = run.folds.query("grouping == 'by_entity' and outer_fold == 2")["answer_id"]
    tested = rows["answer_id"].isin(fold).to_numpy()
    labels = [(not c) if t else c for c, t in zip(rows["correct"], tested, strict=True)]
    flipped = rows.assign(correct=pd.Series(labels, dtype=object))
    changed = replace(run, table=read_answers(flipped, run.states))
    before, after = (
        exchange_probes(source, run)
        .scores.query("outer_fold == 2 and grouping == 'by_entity'")
        .set_index(["answer_id", "method"])["score"]
        for source in (run, changed)
    )
    pd.testing.assert_series_equal(before, after)


@pytest.mark.parametrize(("missing", "defined"), [(0.1, False), (0.04, True)])
def test_a_token_that_many_answers_of_a_class_lack_gives_a_reason_and_no_selection(
    missing: float, defined: bool, rows: pd.DataFrame, first: tuple[ProbedRun, ProbeStage]
) -> None:
    run = first[0]
    values, present = stacked(run.states)
    wrong = np.flatnonzero(run.table.sets["located"].rows & ~run.table.correct)
    present[wrong[: round(missing * len(wrong))], run.states.positions.index(PLANTED.position)] = False
    lacking = ArrayStateTable(values, positions=run.states.positions, present=present)
    exchange = exchange_probes(run, replace(run, states=lacking))
    scores = exchange.scores.query("method == @EXCHANGED and grouping == 'by_entity'")
    if defined:
        assert exchange.reasons == {}
        assert 0 < len(scores) < run.table.sets["located"].rows.sum()
    else:
        assert scores.empty
        assert exchange.reasons["located", "by_entity"] == (
            "fewer than 95 % of the right or of the wrong answers have the tokens that are read: "
            "exact_answer_last_token"
        )


def test_where_every_answer_is_known_there_is_nothing_to_ask(first: tuple[ProbedRun, ProbeStage]) -> None:
    source = first[0]
    elsewhere = planted_rows(160, np.random.default_rng(1)).assign(entity="never asked about")
    exchange = exchange_probes(source, asked(elsewhere, direction=5))
    assert exchange.reasons["located", "by_entity"].startswith("every answer of the other model has an entity")


def test_models_of_another_shape_are_given_a_reason(rows: pd.DataFrame, first: tuple[ProbedRun, ProbeStage]) -> None:
    exchange = exchange_probes(first[0], asked(rows, direction=5, width=9))
    assert exchange.scores.empty
    assert exchange.reasons["located", "by_entity"] == "states of 12 numbers in one model, of 9 in the other"
