"""Sampled answers scored by probes of the greedy ones: which probe, which fold, and what has no score."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from tacitly.activations.base import ArrayStateTable
from tacitly.experiments.sample_scoring import SampleScores, score_samples
from tacitly.experiments.sample_study import study_samples
from tacitly.progress import RecordedProgress
from tests.unit.planted import planted_rows

pytestmark = pytest.mark.unit

N, K, WIDTH = 200, 7, 10
POSITIONS = ("last_q_token", "exact_answer_last_token", "-1")
KEPT = ("exact_answer_last_token", "-1")


class Planted:
    """Greedy and sampled answers whose states hold the label along one direction at layer 1."""

    def __init__(self, *, located: float = 0.9, split: bool = False, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        rows = planted_rows(N, rng, n_entities=120, located=located, right=0.45)
        self.greedy = rows.assign(sample=0, refused=False)
        if split:
            self.greedy["split"] = np.where(np.arange(N) % 120 < 40, "test", "train")
        self.directions = {position: rng.normal(size=WIDTH) for position in POSITIONS}
        parts = []
        for sample in range(1, K + 1):
            more = planted_rows(N, rng, n_entities=120, located=located, right=0.45)
            more["answer_id"] = [f"q{i:05d}-{sample}" for i in range(N)]
            parts.append(more.assign(sample=sample, refused=False, split=self.greedy["split"], entity=rows["entity"]))
        self.sampled = pd.concat(parts, ignore_index=True)
        self._labels = pd.concat([self.greedy, self.sampled]).set_index("answer_id")
        self.opened: list[int] = []

    def states(self, ids: Sequence[str], positions: Sequence[str] = POSITIONS) -> ArrayStateTable:
        part = self._labels.loc[list(ids)]
        sign = np.where(part["correct"].map(lambda value: value is True), 1.0, -1.0)
        values = {}
        for layer in range(3):
            rng = np.random.default_rng([layer, len(ids)])
            states = rng.normal(size=(len(ids), len(positions), WIDTH))
            for at, position in enumerate(positions):
                if layer == 1 and position != "last_q_token":
                    states[:, at] += sign[:, None] * self.directions[position]
            values["residual", layer] = states.astype(np.float32)
        present = np.ones((len(ids), len(positions)), dtype=bool)
        if "exact_answer_last_token" in positions:
            present[:, list(positions).index("exact_answer_last_token")] = part["located"]
        return ArrayStateTable(values, positions=tuple(positions), present=present)

    def open_samples(self, ids: Sequence[str]) -> ArrayStateTable:
        self.opened.append(len(ids))
        return self.states(ids, KEPT)

    def scored(self, positions: Sequence[str] = KEPT, seeds: Sequence[int] = (0,)) -> SampleScores:
        return score_samples(
            self.greedy, self.states(self.greedy["answer_id"].tolist()), self.sampled, open_states=self.open_samples,
            positions=positions, seeds=seeds, seed=0, progress=RecordedProgress(),
        )  # fmt: skip


@pytest.fixture(scope="module")
def planted() -> Planted:
    return Planted()


def right_gaps(planted: Planted, found: SampleScores) -> pd.Series:
    joined = found.scores.merge(planted.sampled[["answer_id", "correct", "located"]], on="answer_id")
    means = joined.pivot_table(index="located", columns="correct", values="score", aggfunc="mean")
    return means[True] - means[False]


def test_every_sample_has_a_probability_that_knows_right_from_wrong(planted: Planted) -> None:
    found = planted.scored()
    assert found.reason is None
    assert sorted(found.scores["answer_id"]) == sorted(planted.sampled["answer_id"])
    assert found.scores["score"].between(0, 1).all()
    assert set(found.scores["method"]) == {"samples:probe"}
    assert right_gaps(planted, found).min() > 0.5  # with an exact answer and without one
    assert {choice["position"] for choice in found.choices if choice["set"] == "all"} == {"-1"}
    assert {choice["position"] for choice in found.choices if choice["set"] == "located"} <= set(KEPT)
    assert {choice["layer"] for choice in found.choices} == {1}


def test_samples_are_opened_some_at_a_time(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    from tacitly.experiments import sample_scoring

    whole = planted.scored().scores
    planted.opened.clear()
    monkeypatch.setattr(sample_scoring, "AT_ONCE", 100)
    some = planted.scored().scores
    assert max(planted.opened) == 100
    assert sum(planted.opened) == N * K
    assert len(some) == len(whole)


def test_a_sample_without_an_exact_answer_needs_the_last_token(planted: Planted) -> None:
    found = planted.scored(positions=["exact_answer_last_token"])
    ids = set(found.scores["answer_id"])
    assert ids == set(planted.sampled["answer_id"][planted.sampled["located"]])
    only_last = planted.scored(positions=["-1"])
    assert len(only_last.scores) == N * K


def test_without_states_of_samples_there_is_a_reason(planted: Planted) -> None:
    assert planted.scored(positions=[]).reason == "no states of samples are kept (capture.sample_positions)"
    assert planted.scored(positions=["-5"]).reason == "no states of samples are kept (capture.sample_positions)"
    same = Planted()
    same.greedy = same.greedy.assign(correct=pd.Series([True] * N, dtype=object))
    found = same.scored()
    assert found.scores.empty
    assert "every answer is right" in str(found.reason)


def test_states_that_are_no_numbers_have_no_score(planted: Planted) -> None:
    broken = Planted()
    bad = set(broken.sampled["answer_id"].iloc[:5])
    plain = broken.open_samples

    def open_broken(ids: Sequence[str]) -> ArrayStateTable:
        table = plain(ids)
        values = {("residual", layer): table.layer_states("residual", layer).copy() for layer in range(3)}
        for states in values.values():
            states[[answer in bad for answer in ids]] = np.nan
        present = np.stack([table.present(position) for position in KEPT], axis=1)
        return ArrayStateTable(values, positions=KEPT, present=present)

    broken.open_samples = open_broken  # type: ignore[method-assign]
    ids = set(broken.scored().scores["answer_id"])
    assert ids == set(broken.sampled["answer_id"]) - bad


def test_a_question_in_no_fold_goes_with_its_entity() -> None:
    some = Planted()
    correct = some.greedy["correct"].copy()
    correct.iloc[:3] = None
    some.greedy = some.greedy.assign(correct=correct)
    found = some.scored().scores
    of_question = found.assign(question=found["answer_id"].str[:6]).groupby("question")["outer_fold"].first()
    for i in range(3):  # entities repeat after 120 questions
        assert of_question[f"q{i:05d}"] == of_question[f"q{i + 120:05d}"]
    assert len(found) == N * K


def test_with_a_test_split_only_its_samples_are_scored() -> None:
    some = Planted(split=True)
    found = some.scored()
    tested = some.sampled["answer_id"][some.sampled["split"] == "test"]
    assert sorted(found.scores["answer_id"]) == sorted(tested)


def studied(planted: Planted, *, number: int = K, **changed: object) -> dict:  # type: ignore[type-arg]
    stage = study_samples(
        planted.greedy, planted.states(planted.greedy["answer_id"].tolist()), planted.sampled.assign(**changed),
        number=number, open_states=planted.open_samples, positions=KEPT, replicates=60, seeds=(0, 1),
    )  # fmt: skip
    return stage.record["figures"]


def test_the_probe_s_choice_beats_the_others_where_it_can_see(planted: Planted) -> None:
    found = studied(planted)
    selection = found["selection"]
    assert selection["probe"]["accuracy"] > selection["random"]["accuracy"] + 0.3
    assert selection["probe"]["minus_majority"]["ci"][0] > 0
    assert found["selection_by_k"]["2"]["probe"]["accuracy"] < selection["probe"]["accuracy"]
    assert found["samples"]["questions_without_scores"] == 0


@pytest.mark.parametrize("number", [1, 2, 5])
def test_fewer_samples_than_a_definition_needs(planted: Planted, number: int) -> None:
    found = studied(planted, number=number)
    assert found["error_types"] is None
    assert f"need 6 samples of each answer, not {number}" in found["error_types_reason"]
    assert (found["selection"] is None) == (number < 2)
    if number < 2:
        assert "choosing needs 2 samples" in found["selection_reason"]
    else:
        assert found["selection_by_type"] is None
        assert found["selection"]["probe"]["accuracy"] is not None


def test_samples_that_are_all_equal_and_samples_that_are_all_unknown(planted: Planted) -> None:
    equal = studied(planted, correct=pd.Series([False] * (N * K), dtype=object), given="same", refused=False)
    assert equal["error_types"]["consistently_incorrect"]["count"] == N
    assert equal["error_types"]["consistently_incorrect"]["probe_auroc"] is None
    assert f"{N} questions are of the type and 0 are not" in equal["error_types"]["consistently_incorrect"]["reason"]
    assert {entry["accuracy"] for name, entry in equal["selection"].items() if name != "greedy"} == {0.0}
    unknown = studied(planted, correct=pd.Series([None] * (N * K), dtype=object))
    assert unknown["error_types_reason"] == "no question has all of its samples judged"
    assert unknown["selection_reason"] == f"no question has its greedy answer and all {K} samples judged"
    assert unknown["samples"]["unknown"] == N * K
