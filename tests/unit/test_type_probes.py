"""Probes of any label: a planted one is found, the protocol is error detection's, and what has no figure says why."""

import numpy as np
import pandas as pd
import pytest

from tacitly.activations.base import ArrayStateTable
from tacitly.experiments.answer_table import read_answers
from tacitly.experiments.detector_training import DetectorSource
from tacitly.experiments.error_detection import train_probes
from tacitly.experiments.fold_plan import plan_folds
from tacitly.experiments.nested_cells import NO_CELL, FoldTask, fit_in_best_cells
from tacitly.experiments.type_figures import SUBTYPES, TYPES, list_contrasts, summarise_types
from tacitly.experiments.type_probes import FEWEST_EXAMPLES, Contrast, ContrastScores, score_contrasts
from tacitly.probes.detector import DetectorModel
from tacitly.progress import RecordedProgress
from tests.unit.planted import PLANTED, planted_rows, planted_states

pytestmark = pytest.mark.unit

N = 240
SOURCE = DetectorSource(model=DetectorModel(name="m", weights_hash="0"), task="t", version="0")


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return planted_rows(N, np.random.default_rng(0), n_entities=160)


@pytest.fixture(scope="module")
def states(rows: pd.DataFrame) -> ArrayStateTable:
    return planted_states(rows, np.random.default_rng(1))


def scored(rows: pd.DataFrame, states: ArrayStateTable, *contrasts: Contrast, seeds: tuple = (0,)) -> ContrastScores:  # type: ignore[type-arg]
    return score_contrasts(rows, states, contrasts, seeds=seeds, seed=0, progress=RecordedProgress())


def everyone(has: np.ndarray, name: str = "type:planted") -> Contrast:
    return Contrast(name=name, rows=np.ones(len(has), dtype=bool), has=has)


def figures(found: ContrastScores, rows: pd.DataFrame, types: list[tuple[str, ...] | None]) -> dict:  # type: ignore[type-arg]
    return summarise_types(
        types, found.scores, answer_ids=rows["answer_id"].tolist(), entities=rows["entity"].to_numpy(dtype=object),
        reasons=found.reasons, replicates=100, rng=np.random.default_rng(0),
    )  # fmt: skip


def test_a_planted_label_is_found_and_a_shuffled_one_is_not(rows: pd.DataFrame, states: ArrayStateTable) -> None:
    right = rows["correct"].to_numpy(dtype=bool)
    shuffled = np.random.default_rng(2).permutation(right)
    types: list[tuple[str, ...] | None] = [
        (*(["refuses"] if a else []), *(["many_answers"] if b else [])) or ("other",)
        for a, b in zip(right, shuffled, strict=True)
    ]
    found = scored(rows, states, *list_contrasts(types))
    told = figures(found, rows, types)["error_types"]
    assert told["refuses"]["probe_auroc"] > 0.9
    assert told["refuses"]["ci"][0] > 0.85
    assert told["refuses"]["controls"]["answer_text"]["auroc"] < 0.65
    assert abs(told["many_answers"]["probe_auroc"] - 0.5) < 0.12
    chosen = [c for c in found.choices if c["contrast"] == "type:refuses"]
    assert [(c["layer"], c["position"]) for c in chosen] == [(PLANTED.layer, PLANTED.position)] * 5


def test_the_protocol_is_that_of_error_detection(rows: pd.DataFrame, states: ArrayStateTable) -> None:
    """With the labels and folds of the headline, it chooses the same cells and gives the same scores."""
    stage = train_probes(rows, states, source=SOURCE)
    table = read_answers(rows, states)
    (plan,) = [
        p for p in plan_folds(table, seeds=(0,), seed=0).plans if (p.answers, p.grouping) == ("located", "by_entity")
    ]
    chosen = table.sets["located"]
    positions = tuple(name for name, eligible in chosen.positions.items() if eligible)
    tasks = [FoldTask(labels=table.correct, rows=chosen.rows, positions=positions, outer=o) for o in plan.folds]
    probes = fit_in_best_cells(tasks, states, progress=RecordedProgress())
    choices = {c["outer_fold"]: c for c in stage.record["choices"]
               if (c["set"], c["grouping"], c["method"]) == ("located", "by_entity", "probe")}  # fmt: skip
    mine = stage.scores[(stage.scores["method"] == "probe") & (stage.scores["grouping"] == "by_entity")]
    expected = mine.set_index("answer_id")["score"]
    for task, probe in zip(tasks, probes, strict=True):
        choice = choices[task.outer.fold.number]
        assert probe.cell is not None
        assert probe.fit is not None
        assert (probe.cell.layer, probe.cell.position) == (choice["layer"], choice["position"])
        assert choice["C"] == probe.fit.choice.C
        assert probe.fit.choice.inner_auroc == pytest.approx(choice["inner_auroc"], abs=1e-4)
        tested = np.flatnonzero(~np.isnan(probe.fit.margins))
        np.testing.assert_allclose(
            probe.fit.choice.platt.probability(probe.fit.margins[tested]),
            expected.loc[rows["answer_id"].iloc[tested]].to_numpy(),
            atol=1e-4,
        )


def test_every_question_of_the_contrast_is_tested_once_and_no_other(
    rows: pd.DataFrame, states: ArrayStateTable
) -> None:
    some = np.arange(N) % 3 > 0
    contrast = Contrast(name="type:some", rows=some, has=rows["correct"].to_numpy(dtype=bool))
    found = scored(rows, states, contrast, seeds=(0, 1)).scores
    of_probe = found[found["method"] == "samples:type:some"]
    for _, part in of_probe.groupby("seed"):
        assert sorted(part["answer_id"]) == sorted(rows["answer_id"][some])
    joined = of_probe.merge(rows[["answer_id", "entity"]], on="answer_id")
    assert joined.groupby(["seed", "entity"])["outer_fold"].nunique().max() == 1
    assert of_probe.groupby("answer_id")["outer_fold"].nunique().max() == 2  # the seeds shuffle differently


def test_with_a_test_split_of_its_own_that_is_tested(rows: pd.DataFrame, states: ArrayStateTable) -> None:
    split = pd.Series(np.where(np.arange(N) % 160 < 60, "test", "train"), dtype=object)  # whole entities
    found = scored(rows.assign(split=split), states, everyone(rows["correct"].to_numpy(dtype=bool)))
    tested = found.scores[found.scores["method"] == "samples:type:planted"]["answer_id"]
    assert sorted(tested) == sorted(rows["answer_id"][split == "test"])


@pytest.mark.parametrize(
    ("has", "words"),
    [
        (np.zeros(N, dtype=bool), f"0 questions are of the type and {N} are not; a probe needs {FEWEST_EXAMPLES}"),
        (np.ones(N, dtype=bool), f"{N} questions are of the type and 0 are not"),
        (np.arange(N) < FEWEST_EXAMPLES - 1, "19 questions are of the type"),
    ],
)
def test_too_few_of_a_class_have_no_probe_and_say_so(
    rows: pd.DataFrame, states: ArrayStateTable, has: np.ndarray, words: str
) -> None:
    right = rows["correct"].to_numpy(dtype=bool)
    found = scored(rows, states, everyone(has, "type:few"), everyone(right, "type:enough"))
    assert words in found.reasons["type:few"]
    assert set(found.scores["method"]) == {
        "samples:type:enough", "samples:control:answer_text/type:enough", "samples:control:question_text/type:enough"
    }  # fmt: skip


def test_a_class_about_few_entities_has_no_probe(rows: pd.DataFrame, states: ArrayStateTable) -> None:
    has = np.arange(N) < 40
    few = rows.assign(entity=[f"e{i % 4}" if i < 40 else f"f{i}" for i in range(N)])
    assert "about 4 entities, fewer than the 5" in scored(few, states, everyone(has)).reasons["type:planted"]


def test_positions_that_a_class_lacks_are_not_read(rows: pd.DataFrame, states: ArrayStateTable) -> None:
    right = rows["correct"].to_numpy(dtype=bool)
    present = np.ones((N, 3), dtype=bool)
    present[right & (np.arange(N) % 5 == 0), 1] = False  # the planted position
    values = {("residual", layer): states.layer_states("residual", layer) for layer in states.layers("residual")}
    some = ArrayStateTable(values, positions=states.positions, present=present)
    found = scored(rows, some, everyone(right))
    assert {choice["position"] for choice in found.choices} <= {"last_q_token", "-1"}
    none = ArrayStateTable(values, positions=states.positions, present=np.zeros((N, 3), dtype=bool))
    assert "no captured position" in scored(rows, none, everyone(right)).reasons["type:planted"]


def test_nothing_to_learn_has_a_reason(rows: pd.DataFrame, states: ArrayStateTable) -> None:
    found = scored(rows, states)
    assert found.scores.empty
    empty = fit_in_best_cells([], states, progress=RecordedProgress())
    assert empty == []
    right = rows["correct"].to_numpy(dtype=bool)
    from tacitly.evaluation.folds import Fold, OuterFold

    outer = OuterFold(fold=Fold(number=0, train=np.ones(N, dtype=bool), test=np.zeros(N, dtype=bool)), inner=())
    task = FoldTask(labels=right, rows=np.ones(N, dtype=bool), positions=states.positions, outer=outer)
    (probe,) = fit_in_best_cells([task], states, progress=RecordedProgress())
    assert probe.reason == NO_CELL


def test_the_contrasts_are_the_types_and_their_subtypes() -> None:
    assert TYPES == (
        "consistently_correct",
        "consistently_incorrect",
        "two_competing",
        "many_answers",
        "refuses",
        "other",
    )
    assert set(SUBTYPES) == {"consistently_correct", "consistently_incorrect"}
    types = [("consistently_correct/all",), ("consistently_correct/most", "many_answers"), None, ("other",)]
    by_name = {contrast.name: contrast for contrast in list_contrasts(types)}
    assert set(by_name) == {*(f"type:{name}" for name in TYPES), *(f"subtype:{name}" for name in SUBTYPES)}
    assert by_name["type:consistently_correct"].rows.tolist() == [True, True, False, True]
    assert by_name["type:consistently_correct"].has.tolist() == [True, True, False, False]
    between = by_name["subtype:consistently_correct"]
    assert (between.rows.tolist(), between.has.tolist()) == ([True, True, False, False], [True, False, False, False])
    assert between.words == ("right every time", "right most times")
