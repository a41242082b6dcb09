"""The checks of a study hold where it kept to the protocol, and see where it did not."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tacitly.experiments.checks.apart import check_apart, check_kept
from tacitly.experiments.checks.check_study import check_study
from tacitly.experiments.checks.choices import check_choices
from tacitly.experiments.checks.refits import refit_probes
from tacitly.experiments.checks.rivals import check_rivals
from tacitly.experiments.checks.signs import check_signs
from tacitly.experiments.checks.sizes import check_left_out, check_sizes
from tacitly.experiments.checks.stated import differing_checks, differing_figures
from tacitly.experiments.checks.study_files import StudyFiles
from tacitly.experiments.detection_summary import summarise_detection
from tacitly.experiments.error_detection import DetectorSource, score_baselines, train_probes
from tacitly.probes.cell import Cell
from tacitly.probes.detector import DetectorModel
from tests.unit.planted import planted_rows, planted_states

pytestmark = pytest.mark.unit

SOURCE = DetectorSource(model=DetectorModel(name="tiny"), task="made up", version="0")
DRAWS = 100
PLANTED = Cell("residual", 1, "exact_answer_last_token")


def made_study(rows, states, *, kept=None) -> StudyFiles:
    probes = train_probes(rows, states, source=SOURCE)
    record = json.loads(json.dumps(probes.record, allow_nan=False))
    baselines = score_baselines(rows, states, probes=record)
    return StudyFiles(
        rows=rows,
        states=states,
        folds=probes.folds,
        inner_folds=probes.inner_folds,
        scores=pd.concat([probes.scores, baselines.scores], ignore_index=True),
        probes=record,
        baselines=json.loads(json.dumps(baselines.record, allow_nan=False)),
        kept=pd.DataFrame() if kept is None else kept,
        seed=0,
    )


@pytest.fixture(scope="module")
def study() -> StudyFiles:
    rng = np.random.default_rng(0)
    rows = planted_rows(120, rng, located=0.9, n_entities=80)
    rows.loc[[3, 4], "correct"] = None
    return made_study(rows, planted_states(rows, rng, width=4, layers=2, strength={PLANTED: 4.0}))


@pytest.fixture(scope="module")
def refits(study):
    return {grouping: refit_probes(study, grouping) for grouping in ("by_entity", "by_answer")}


@pytest.fixture(scope="module")
def checks(study):
    return check_study(study, replicates=DRAWS)


def changed(study: StudyFiles, **changes: object) -> StudyFiles:
    """The study with other files; what was computed from the old ones is forgotten."""
    return replace(study, **changes)


def edited(record: dict, part: str, change, **which: object) -> dict:
    """A record with one entry changed."""
    copy = json.loads(json.dumps(record))
    entry = next(e for e in copy[part] if all(e[key] == value for key, value in which.items()))
    change(entry)
    return copy


def worst_control(choice: dict) -> str:
    inner = choice["inner_auroc"]["controls"]
    return min(inner, key=inner.get)


FIRST = {"set": "located", "grouping": "by_entity", "outer_fold": 0}


def test_a_study_that_kept_to_the_protocol_passes_every_check_of_it(checks):
    kinds = [check.kind for check in checks]
    assert kinds == sorted(kinds, key=lambda kind: kind != "protocol")
    assert {check.name for check in checks if check.kind == "protocol"} == {
        f"{name}.{grouping}"
        for name in ("groups_apart", "choices", "signs", "rivals_beside", "shuffled")
        for grouping in ("by_entity", "by_answer")
    }
    assert [check for check in checks if check.kind == "protocol" and not check.ok] == []
    assert len({check.name for check in checks}) == len(checks)
    json.dumps([check.as_json() for check in checks], allow_nan=False)
    assert all(check.words and not check.words.endswith(".") for check in checks)


@pytest.mark.parametrize("grouping", ["by_entity", "by_answer"])
def test_a_group_in_two_tested_parts_is_seen(study, grouping):
    table, key = study.table, study.table.groups[grouping]
    names, counts = np.unique(key[table.sets["located"].rows], return_counts=True)
    crossing = table.rows["answer_id"][(key == names[counts.argmax()]) & table.sets["located"].rows].iloc[0]
    moved = (study.folds["answer_id"] == crossing) & (study.folds["grouping"] == grouping)
    folds = study.folds.copy()
    folds.loc[moved, "outer_fold"] = (folds.loc[moved, "outer_fold"] + 1) % 5
    found = check_apart(changed(study, folds=folds), grouping)
    assert not found.ok
    assert found.value["in_two_tested_parts"] == 1
    assert check_apart(study, grouping).ok


def test_what_was_learned_from_and_tested_is_seen(study):
    inner = study.inner_folds.copy()
    tested = study.folds[(study.folds["grouping"] == "by_entity") & (study.folds["outer_fold"] == 0)]
    located = set(study.rows.loc[study.rows["located"], "answer_id"])
    leaked = next(a for a in tested["answer_id"] if a in located)
    first = (inner["set"] == "located") & (inner["grouping"] == "by_entity") & (inner["outer_fold"] == 0)
    inner.loc[inner[first].index[0], "answer_id"] = leaked
    found = check_apart(changed(study, inner_folds=inner), "by_entity")
    assert not found.ok
    assert found.value["in_training_and_tested_part"] == 1


def test_kept_answers_that_were_seen_are_seen(study):
    assert check_kept(study) is None
    unseen = pd.DataFrame({"answer_id": ["x"], "question_id": ["x"], "entity": ["none other"], "drawn": [True]})
    assert check_kept(changed(study, kept=unseen)).ok
    found = check_kept(changed(study, kept=unseen.assign(answer_id=study.rows["answer_id"].iloc[0])))
    assert (found.ok, found.value["answers_seen"]) == (False, 1)
    found = check_kept(changed(study, kept=unseen.assign(entity=study.rows["entity"].iloc[0])))
    assert (found.ok, found.value["entities_seen"]) == (False, 1)


@pytest.mark.parametrize(
    ("record", "change", "words"),
    [
        ("probes", lambda c: c.update(inner_auroc=c["inner_auroc"] - 0.02), "its inner AUROC is"),
        ("probes", lambda c: c.update(layer=0, position="last_q_token"), "its inner AUROC is"),
        ("probes", lambda c: c.update(threshold=0.999), "its threshold is 1.00"),
        ("probes", lambda c: c.update(calibrator=None), "its calibrator is None"),
        ("baselines", lambda c: c.update(best_baseline="perplexity_answer"), "not the best of its training part"),
        ("baselines", lambda c: c.update(best_control=worst_control(c)), "not the best of its training part"),
        (
            "baselines",
            lambda c: c["inner_auroc"]["baselines"].update({c["best_baseline"]: 0.99}),
            "has an inner AUROC of",
        ),
        ("baselines", lambda c: c["inner_auroc"]["controls"].update({c["best_control"]: 0.99}), "the control"),
        ("baselines", lambda c: c.update(inner_auroc={}), "of which no inner AUROC is written down"),
    ],
)
def test_a_choice_that_the_training_part_does_not_give_is_seen(study, refits, record, change, words):
    method = {"method": "probe"} if record == "probes" else {}
    damaged = changed(study, **{record: edited(getattr(study, record), "choices", change, **FIRST, **method)})
    again = refits["by_entity"] if record == "baselines" else refit_probes(damaged, "by_entity")
    found = check_choices(damaged, "by_entity", again)
    assert not found.ok
    assert words in found.words
    assert "fold 0 (located answers)" in found.words


def test_a_cell_that_others_beat_is_seen(study, refits):
    """Its inner AUROC is written down as it is: only the ranking of all cells tells."""
    cells = {(e["layer"], e["position"]) for e in study.probes["grid"]}
    other = next(iter(cells - {(1, "exact_answer_last_token")}))
    worse = edited(
        study.probes, "choices", lambda c: c.update(layer=other[0], position=other[1]), **FIRST, method="probe"
    )
    [refit, *_] = refit_probes(changed(study, probes=worse), "by_entity")
    honest = edited(
        worse, "choices", lambda c: c.update(inner_auroc=refit.made.fit.choice.inner_auroc), **FIRST, method="probe"
    )
    damaged = changed(study, probes=honest)
    found = check_choices(damaged, "by_entity", refit_probes(damaged, "by_entity"))
    assert not found.ok

    found = refits["by_entity"][0].made
    assert study.probes["choices"][0]["C"] == found.preferred.C
    assert found.preferred.inner_auroc == found.fit.choice.inner_auroc


def test_a_missing_choice_is_seen(study, refits):
    probes = json.loads(json.dumps(study.probes))
    probes["choices"] = [c for c in probes["choices"] if {k: c[k] for k in FIRST} != FIRST]
    damaged = changed(study, probes=probes)
    found = check_choices(damaged, "by_entity", refit_probes(damaged, "by_entity"))
    assert "fold 0 (located answers): no choice is written down" in found.words
    baselines = json.loads(json.dumps(study.baselines))
    baselines["choices"] = []
    damaged = changed(study, baselines=baselines)
    assert "no best baseline" in check_choices(damaged, "by_entity", refits["by_entity"]).words


@pytest.mark.parametrize(
    ("method", "grouping"),
    [("probe", "by_answer"), ("all:probe", "by_entity"), ("probability_mean_answer", "by_entity")],
)
def test_a_score_that_was_turned_round_is_seen(study, refits, method, grouping):
    mine = (study.scores["method"] == method) & (study.scores["grouping"] == grouping)
    assert mine.any()
    scores = study.scores.copy()
    scores.loc[mine, "score"] = 1 - scores.loc[mine, "score"]
    damaged = changed(study, scores=scores)
    found = check_signs(damaged, grouping, refits[grouping])
    assert not found.ok
    assert found.value["off"] == 1
    assert method in found.words


def test_a_score_that_cannot_be_made_again_is_seen(study, refits):
    scores = study.scores.copy()
    first = scores.index[scores["method"] == "probe"][0]
    unlocated = study.rows.loc[~study.rows["located"] & study.rows["correct"].notna(), "answer_id"].iloc[0]
    scores.loc[first, "answer_id"] = unlocated
    damaged = changed(study, scores=scores)
    found = check_signs(damaged, "by_entity", refits["by_entity"])
    assert not found.ok
    assert found.value["largest_difference"] is None


def named(checks, name):
    return next(check for check in checks if check.name.startswith(name))


def test_what_stands_beside_the_probe_is_looked_at(study):
    checks = list(check_rivals(study, "by_entity", replicates=DRAWS))
    assert named(checks, "gain_over_control").ok
    metrics = summarise_detection(
        study.rows, study.scores, probes=study.probes, baselines=study.baselines, replicates=DRAWS
    )
    stated = metrics["by_entity"]
    assert named(checks, "shuffled").value["ci"] == stated["controls"]["shuffled"]["ci"]
    assert named(checks, "gain_over_control").value["ci"] == stated["gain_over_best_control"]["ci"]

    leaking = study.scores.copy()
    probe = leaking[(leaking["method"] == "probe") & (leaking["grouping"] == "by_entity")].set_index("answer_id")[
        "score"
    ]
    shuffled = leaking["method"].str.startswith("control:shuffled") & (leaking["grouping"] == "by_entity")
    leaking.loc[shuffled, "score"] = leaking.loc[shuffled, "answer_id"].map(probe)
    found = named(check_rivals(changed(study, scores=leaking), "by_entity", replicates=DRAWS), "shuffled")
    assert (found.ok, "something leaks" in found.words) == (False, True)

    alone = study.scores[study.scores["method"] != "best_control"]
    found = named(check_rivals(changed(study, scores=alone), "by_entity", replicates=DRAWS), "rivals")
    assert (found.ok, found.words) == (False, "there is no best control beside the probe")

    fewer = study.scores.drop(study.scores.index[study.scores["method"] == "best_baseline"][:3])
    found = named(check_rivals(changed(study, scores=fewer), "by_entity", replicates=DRAWS), "rivals")
    assert (found.ok, found.words) == (False, "the best baseline are not scored on the answers of the probe")

    none = study.scores.copy()
    both = none["method"].isin(["probe", "best_control"]) & (none["grouping"] == "by_entity")
    none.loc[both, "score"] = np.random.default_rng(0).random(int(both.sum()))
    found = named(check_rivals(changed(study, scores=none), "by_entity", replicates=DRAWS), "gain_over_control")
    assert (found.ok, "cannot be told from the best control" in found.words) == (False, True)


def test_a_reader_is_told_of_few_groups_small_classes_and_idle_folds():
    rng = np.random.default_rng(1)
    rows = planted_rows(60, rng, n_answers=3, n_entities=20)
    rows["correct"] = pd.Series([i % 20 < 2 for i in range(60)], dtype=object)  # two of twenty entities
    study = made_study(rows, planted_states(rows, rng, width=4, layers=1))
    checks = {check.name: check for check in check_sizes(study, "by_entity")}
    assert not checks["groups.by_entity"].ok
    assert checks["groups.by_entity"].value["groups"] <= 20
    assert not checks["classes.by_entity"].ok
    assert "fewer than 50" in checks["classes.by_entity"].words
    assert not checks["folds.by_entity"].ok
    assert checks["folds.by_entity"].value["of_one_class"] + checks["folds.by_entity"].value["skipped"] >= 3
    [undefined] = check_sizes(study, "by_answer")
    assert undefined.name == "defined.by_answer"
    assert undefined.words.endswith("3 distinct given answers, fewer than 15")
    assert [check for check in check_study(study, replicates=DRAWS) if check.name.endswith("by_answer")] == [undefined]


def test_a_reader_is_told_who_is_left_out(study):
    found = {check.name: check for check in check_left_out(study)}
    assert found["unknown"].ok
    assert found["unknown"].value["share"] == pytest.approx(2 / 120)
    known, right = study.rows["correct"].notna(), study.rows["correct"] == True  # noqa: E712
    out = {"right": ~study.rows["located"][right], "wrong": ~study.rows["located"][known & ~right]}
    assert found["left_out"].value["right"] == pytest.approx(out["right"].mean())
    assert found["left_out"].value["unlocated_wrong"] == pytest.approx(out["wrong"].mean())

    rng = np.random.default_rng(2)
    rows = planted_rows(80, rng, n_answers=3)
    rows["located"] = rows["correct"].astype(bool) | (np.arange(80) % 2 > 0)
    rows.loc[~rows["located"], ["given", "exact_answer"]] = None
    rows.loc[: 79 // 5, "correct"] = None
    lopsided = changed(study, rows=rows, states=planted_states(rows, rng, width=4, layers=1))
    found = {check.name: check for check in check_left_out(lopsided)}
    assert not found["unknown"].ok
    assert not found["left_out"].ok
    assert found["left_out"].value["right"] == 0
    assert found["left_out"].value["wrong"] > 0.3


def test_nothing_scored_leaves_only_what_can_be_said():
    rng = np.random.default_rng(3)
    rows = planted_rows(40, rng, n_answers=3)
    rows["correct"] = pd.Series([True] * 40, dtype=object)
    checks = check_study(made_study(rows, planted_states(rows, rng, width=4, layers=1)), replicates=DRAWS)
    names = [check.name for check in checks]
    assert {"defined.by_entity", "defined.by_answer", "unknown"} <= set(names)
    assert all("every located answer is right" in c.words for c in checks if c.name.startswith("defined"))
    assert not [name for name in names if name.startswith(("choices", "signs", "shuffled"))]


def test_a_tasks_own_split_is_checked_too():
    rng = np.random.default_rng(4)
    rows = planted_rows(160, rng, n_entities=150)
    rows["split"] = np.where(np.arange(160) < 60, "test", "train")
    study = made_study(rows, planted_states(rows, rng, width=4, layers=2))
    checks = check_study(study, replicates=DRAWS)
    assert [check for check in checks if check.kind == "protocol" and check.ok is False] == []
    folds = study.folds.copy()
    entity = rows.groupby("entity")["split"].nunique()
    both = rows[rows["entity"].isin(entity[entity > 1].index)]
    assert len(both), "some entity is in both parts, so that training has to drop it"
    leaked = both.loc[both["split"] == "train", "answer_id"].iloc[0]
    inner = study.inner_folds.copy()
    inner.loc[inner.index[(inner["grouping"] == "by_entity")][0], "answer_id"] = leaked
    assert not check_apart(changed(study, folds=folds, inner_folds=inner), "by_entity").ok


def test_figures_and_checks_that_say_otherwise_are_named(study, checks):
    metrics = summarise_detection(
        study.rows, study.scores, probes=study.probes, baselines=study.baselines, replicates=DRAWS
    )
    right, known = int((study.rows["correct"] == True).sum()), int(study.rows["correct"].notna().sum())  # noqa: E712
    metrics |= {"counts": {"answers": 120, "correct": right, "incorrect": known - right, "unknown": 120 - known}}
    located = study.rows[study.rows["located"]]["correct"]
    metrics["counts"] |= {
        "located_correct": int((located == True).sum()),  # noqa: E712
        "located_incorrect": int((located == False).sum()),  # noqa: E712
    }
    metrics["accuracy"] = right / known
    metrics = json.loads(json.dumps({**metrics, "checks": [check.as_json() for check in checks]}))
    number, off = differing_figures(study, metrics)
    assert (number > 300, off) == (True, [])
    assert differing_checks(checks, metrics["checks"]) == []
    assert len(differing_checks(checks, None)) == len(checks)

    damages = (
        (("by_entity", "best", "auroc"), 0.99),
        (("by_answer", "selective", "prr", "probe", "prr"), 0.99),
        (("all_answers", "by_entity", "calibration", "calibrators", "isotonic", "brier", "brier"), 0.01),
        (("by_entity", "gain_over_best_control", "diff"), None),
        (("by_entity", "controls", "shuffled", "auroc"), 0.5),
        (("within_answer", "pairs"), 7),
        (("counts", "unknown"), 0),
    )
    damaged = json.loads(json.dumps(metrics))
    for path, value in damages:
        holder = damaged
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = value
    assert sorted(differing_figures(study, damaged)[1]) == sorted(".".join(path) for path, _ in damages)

    for change in (
        lambda e: e[0].update(ok=False),
        lambda e: e[0]["value"].update(in_two_tested_parts=3),
        lambda e: e.pop(0),
        lambda e: e[0].update(kind="caution"),
    ):
        entries = json.loads(json.dumps(metrics["checks"]))
        change(entries)
        assert differing_checks(checks, entries) == [checks[0].name]
    assert differing_checks(checks, [*metrics["checks"], {"name": "made up"}]) == ["made up"]
