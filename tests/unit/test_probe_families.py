"""The families stage: one protocol for all of them, what is planted is found, and what cannot run says why."""

import json
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from tacitly.activations.base import ArrayContrastTable
from tacitly.errors import SettingsError
from tacitly.experiments.error_detection import recompute_aurocs, score_baselines, train_probes
from tacitly.experiments.family_summary import summarise_families
from tacitly.experiments.probe_families import score_families
from tacitly.probes.catalog import FAMILIES
from tacitly.probes.family import Family
from tacitly.progress import RecordedProgress
from tacitly.settings import FAMILIES as NAMES
from tests.unit.planted import PLANTED, planted_contrast, planted_rows, planted_states, planted_tokens
from tests.unit.test_error_detection import SOURCE

pytestmark = pytest.mark.unit

LAYER_2 = ("residual", 2)


def study(rows, states, *, names=NAMES, contrast=None, progress=None, **options):
    """The record, the scores of all stages, and the figures."""
    probes = train_probes(rows, states, source=SOURCE)
    baselines = score_baselines(rows, states, probes=probes.record)
    stage = score_families(
        rows, states, probes=probes.record, names=names, contrast=contrast, progress=progress, **options
    )
    record = json.loads(json.dumps(stage.record, allow_nan=False))
    scores = pd.concat([probes.scores, baselines.scores, stage.scores], ignore_index=True)
    figures = summarise_families(rows, scores, families=record, probes=probes.record, replicates=100)
    json.dumps(figures, allow_nan=False)
    return probes, record, scores, figures


@pytest.fixture(scope="module")
def planted():
    rng = np.random.default_rng(0)
    rows = planted_rows(200, rng, located=0.9, n_entities=100)
    rows.loc[[3, 4], "correct"] = None
    tokens = planted_tokens(rows, rng)
    states = planted_states(rows, rng, layers=3, tokens={LAYER_2: tokens})
    progress = RecordedProgress()
    contrast = {"exact_answer": planted_contrast(rows, rng)}
    found = study(rows, states, contrast=contrast, progress=progress)
    assert progress.done == {"families": 10 * len(NAMES)}
    return rows, found


@pytest.mark.parametrize("name", NAMES)
def test_every_family_finds_what_is_planted_for_it(planted, name):
    entry = planted[1][3][name]
    for grouping in ("by_entity", "by_answer"):
        figure = entry[grouping]
        assert figure["auroc"] > 0.85
        assert figure["ci"][0] <= figure["auroc"] <= figure["ci"][1]
        assert figure["minus_baseline"]["ci"][0] > 0.1
        assert figure["folds_skipped"] == 0
    assert entry["within_answer"]["auroc"] > 0.8
    assert entry["within_answer"]["pairs"] > 100
    assert entry["seconds"] > 0
    assert entry["cpu_seconds"] > 0
    assert entry["supervised"] == (name != "contrast_consistent")
    assert entry["reads"] == FAMILIES[name].reads.words


def test_the_logistic_family_is_the_reference_probe(planted):
    probes, record, _, figures = planted[1]
    for grouping in ("by_entity", "by_answer"):
        difference = figures["logistic"][grouping]["minus_probe"]
        assert difference["diff"] == pytest.approx(0, abs=1e-12)
        assert difference["ci"] == pytest.approx([0, 0], abs=1e-12)
    chosen = {
        (c["grouping"], c["outer_fold"]): (c["layer"], c["position"], c["C"], c["inner_auroc"])
        for c in probes.record["choices"]
        if c["set"] == "located" and c["method"] == "probe"
    }
    for choice in record["choices"]:
        reference = chosen[choice["grouping"], choice["outer_fold"]]
        if choice["family"] in ("logistic", "mean_difference", "lda", "nearest_centroid", "mlp"):
            assert (choice["layer"], choice["position"]) == reference[:2]
        if choice["family"] == "logistic":
            assert choice["settings"] == {"C": reference[2]}
            assert choice["inner_auroc"] == pytest.approx(reference[3], abs=5e-3)


def test_families_are_scored_on_the_answers_and_folds_of_the_probe(planted):
    rows, (probes, _, scores, figures) = planted
    keys = ["answer_id", "grouping", "seed", "outer_fold"]
    families = scores[scores["method"].str.startswith("family:")]
    reference = scores[scores["method"] == "probe"]
    assert len(families) == len(NAMES) * len(reference)
    assert len(families.merge(reference[keys], on=keys)) == len(families)
    again = recompute_aurocs(rows, probes.folds, scores)
    for name, entry in figures.items():
        for grouping in ("by_entity", "by_answer"):
            assert again["located", grouping, f"family:{name}"] == pytest.approx(entry[grouping]["auroc"])


def test_figures_are_what_a_plain_recomputation_gives(planted):
    rows, (_, _, scores, figures) = planted
    joined = scores.merge(rows[["answer_id", "correct", "given"]], on="answer_id")
    for method, entry in (("family:mlp", figures["mlp"]), ("family:attention", figures["attention"])):
        for grouping in ("by_entity", "by_answer"):
            by_method = {}
            for name in (method, "probe", "best_baseline"):
                mine = joined[(joined["method"] == name) & (joined["grouping"] == grouping)]
                parts = [
                    (len(p), roc_auc_score(p["correct"].astype(bool), p["score"]))
                    for _, p in mine.groupby("outer_fold")
                ]
                by_method[name] = sum(n * value for n, value in parts) / sum(n for n, _ in parts)
            assert entry[grouping]["auroc"] == pytest.approx(by_method[method])
            for key, rival in (("minus_probe", "probe"), ("minus_baseline", "best_baseline")):
                assert entry[grouping][key]["diff"] == pytest.approx(by_method[method] - by_method[rival], abs=1e-6)
        mine = joined[(joined["method"] == method) & (joined["grouping"] == "by_answer")]
        wins = pairs = 0
        for _, part in mine.groupby(["given", "outer_fold"]):
            for right in part.loc[part["correct"] == True, "score"]:  # noqa: E712
                for wrong in part.loc[part["correct"] == False, "score"]:  # noqa: E712
                    wins, pairs = wins + (right > wrong) + 0.5 * (right == wrong), pairs + 1
        assert entry["within_answer"]["pairs"] == pairs
        assert entry["within_answer"]["auroc"] == pytest.approx(wins / pairs, abs=1e-4)


def test_settings_are_chosen_on_inner_folds_and_written_down(planted):
    record = planted[1][1]
    assert record["skipped"] == []
    assert len(record["choices"]) == 10 * len(NAMES)
    for choice in record["choices"]:
        family = FAMILIES[choice["family"]]
        assert choice["settings"] in json.loads(json.dumps(family.grid))
        assert (choice["inner_auroc"] is None) == (len(family.grid) == 1)
        if choice["family"] == "attention":
            assert (choice["layer"], choice["position"]) == (2, "every answer token")
        if choice["family"] == "layer_ensemble":
            assert choice["layer"] is None
        if choice["family"] == "contrast_consistent":
            assert choice["position"] == "verdict on exact_answer"


def test_shuffled_labels_are_worth_nothing():
    rng = np.random.default_rng(4)
    rows = planted_rows(200, rng, n_entities=100)
    tokens, contrast = planted_tokens(rows, rng), planted_contrast(rows, rng)
    states = planted_states(rows, rng, layers=3, tokens={LAYER_2: tokens})
    rows["correct"] = pd.Series(rng.permutation(rows["correct"].to_numpy()).tolist(), dtype=object)
    figures = study(rows, states, contrast={"answer": contrast})[3]
    for name, entry in figures.items():
        for grouping in ("by_entity", "by_answer"):
            assert entry[grouping]["auroc"] == pytest.approx(0.5, abs=0.14), (name, grouping)


def test_what_was_not_captured_is_said_and_the_rest_goes_on():
    rng = np.random.default_rng(1)
    rows = planted_rows(120, rng, n_answers=3)
    names = ("attention", "contrast_consistent", "mean_difference")
    figures = study(rows, planted_states(rows, rng, layers=3), names=names)[3]
    assert "capture.token_layers" in figures["attention"]["by_entity"]["reason"]
    assert "self_evaluation.of" in figures["contrast_consistent"]["by_entity"]["reason"]
    for name in names[:2]:
        assert figures[name]["by_entity"]["auroc"] is None
        assert figures[name]["by_entity"]["minus_probe"]["diff"] is None
        assert figures[name]["within_answer"]["auroc"] is None
        assert figures[name]["within_answer"]["reason"] == figures[name]["by_entity"]["reason"]
    assert figures["mean_difference"]["by_entity"]["auroc"] > 0.95
    assert figures["mean_difference"]["by_answer"]["auroc"] is None
    assert figures["mean_difference"]["by_answer"]["reason"] == "3 distinct given answers, fewer than 15"
    assert figures["mean_difference"]["within_answer"]["auroc"] > 0.9


def test_a_reading_that_too_few_answers_have_is_not_compared():
    rng = np.random.default_rng(2)
    rows = planted_rows(120, rng, n_answers=3)
    contrast = planted_contrast(rows, rng)
    lacking = ArrayContrastTable({2: contrast.layer_states(2)}, present=np.arange(120) % 5 > 0)
    states = planted_states(rows, rng, layers=3)
    figures = study(rows, states, names=["contrast_consistent"], contrast={"answer": lacking})[3]
    assert figures["contrast_consistent"]["by_entity"]["auroc"] is None
    assert "fewer than 95 %" in figures["contrast_consistent"]["by_entity"]["reason"]


def test_a_few_missing_readings_leave_the_comparison_to_the_shared_answers():
    rng = np.random.default_rng(2)
    rows = planted_rows(160, rng, n_answers=3)
    present = np.arange(160) % 40 > 0
    lacking = ArrayContrastTable({2: planted_contrast(rows, rng).layer_states(2)}, present=present)
    _, _, scores, figures = study(
        rows, planted_states(rows, rng, layers=3), names=["contrast_consistent"], contrast={"answer": lacking}
    )
    mine = scores[(scores["method"] == "family:contrast_consistent") & (scores["grouping"] == "by_entity")]
    assert set(mine["answer_id"]) == set(rows.loc[present, "answer_id"])
    assert figures["contrast_consistent"]["by_entity"]["minus_probe"]["diff"] is not None


@pytest.mark.parametrize("correct", [True, False, None])
def test_one_class_has_no_figures_but_reasons(correct):
    rng = np.random.default_rng(3)
    rows = planted_rows(60, rng, n_answers=3)
    rows["correct"] = pd.Series([correct] * 60, dtype=object)
    _, record, _, figures = study(rows, planted_states(rows, rng, layers=1), names=["mlp"])
    assert record["choices"] == []
    for grouping in ("by_entity", "by_answer"):
        assert figures["mlp"][grouping]["auroc"] is None
        assert figures["mlp"][grouping]["reason"]
    assert figures["mlp"]["within_answer"]["reason"]


class Diverges(type(Family(estimator="tacitly.probes.mlp:MlpProbe", words="").make())):
    """A probe whose scores are not numbers."""

    def decision_function(self, X):
        return np.full(len(X), np.nan)


def test_a_fit_that_does_not_converge_is_no_figure(monkeypatch):
    monkeypatch.setitem(FAMILIES, "diverges", Family(estimator=f"{__name__}:Diverges", words=""))
    rng = np.random.default_rng(1)
    rows = planted_rows(80, rng, n_answers=3)
    figures = study(rows, planted_states(rows, rng, layers=3), names=["diverges", "lda"])[3]
    assert figures["diverges"]["by_entity"]["auroc"] is None
    assert "did not converge" in figures["diverges"]["by_entity"]["reason"]
    assert figures["diverges"]["by_entity"]["folds_skipped"] == 5
    assert figures["lda"]["by_entity"]["auroc"] > 0.9


class Remembers(type(Family(estimator="tacitly.probes.mean_difference:MeanDifferenceProbe", words="").make())):
    """A probe that keeps what it was handed besides."""

    seen: ClassVar = []

    def fit(self, X, y, *, given, probability_min_exact):
        self.seen.append((len(X), given, probability_min_exact))
        return super().fit(X, y)


def test_columns_reach_the_estimator_at_the_training_rows(monkeypatch):
    family = Family(estimator=f"{__name__}:Remembers", words="", columns=("given", "probability_min_exact"))
    monkeypatch.setitem(FAMILIES, "remembers", family)
    Remembers.seen.clear()
    rng = np.random.default_rng(1)
    rows = planted_rows(80, rng, n_answers=3)
    figures = study(rows, planted_states(rows, rng, layers=3), names=["remembers"])[3]
    assert figures["remembers"]["by_entity"]["auroc"] > 0.9
    assert len(Remembers.seen) == 5
    for count, given, probability in Remembers.seen:
        assert len(given) == len(probability) == count < 80
        assert set(given) <= set(rows["given"])
        assert np.isfinite(probability).all()


def test_the_same_seed_gives_the_same_scores():
    rng = np.random.default_rng(8)
    rows = planted_rows(80, rng, n_answers=3)
    tokens = planted_tokens(rows, rng)
    states = planted_states(rows, rng, layers=3, tokens={LAYER_2: tokens})
    names = ("mlp", "attention")
    probes = train_probes(rows, states, source=SOURCE).record
    first, again = (score_families(rows, states, probes=probes, names=names) for _ in range(2))
    pd.testing.assert_frame_equal(first.scores, again.scores)
    assert first.record["choices"] == again.record["choices"]
    assert first.record["skipped"] == []


def test_an_unknown_family_is_refused_with_what_is_allowed():
    rng = np.random.default_rng(8)
    rows = planted_rows(20, rng)
    with pytest.raises(SettingsError, match=r"unknown family of probes 'svm'; allowed: logistic, mean_difference, lda"):
        score_families(rows, planted_states(rows, rng), probes={"choices": []}, names=["lda", "svm"])


def test_the_planted_cell_is_what_the_cell_families_read(planted):
    read = {(c["layer"], c["position"]) for c in planted[1][1]["choices"] if c["family"] == "mean_difference"}
    assert read == {(PLANTED.layer, PLANTED.position)}
