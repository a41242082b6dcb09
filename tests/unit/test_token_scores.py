"""Scores of every token: what is planted is found at the right moment, and noise is worth nothing."""

import numpy as np
import pandas as pd
import pytest

from tacitly.activations.base import ArrayStateTable
from tacitly.errors import DetectorError
from tacitly.experiments.answer_table import read_answers
from tacitly.experiments.detector_training import DetectorSource
from tacitly.experiments.probe_stage import ProbeStage, train_probes
from tacitly.experiments.token_rows import TokenRows
from tacitly.experiments.token_summary import summarise_tokens
from tacitly.probes.detector import Detector, DetectorModel
from tests.unit.planted import planted_rows

pytestmark = pytest.mark.unit

SOURCE = DetectorSource(model=DetectorModel(name="tiny"), task="made up", version="0")
POSITIONS = ("last_q_token", "first_answer_token", "exact_answer_last_token", "-2", "-1")
WIDTH, LAYERS = 8, 2


def states_of(rows: pd.DataFrame, rng: np.random.Generator, *, known_from: int | None) -> ArrayStateTable:
    """Every token's states, of which those from the exact answer's last token on hold the label along one direction."""
    right = rows["correct"].to_numpy(dtype=bool)
    tokens = {("residual", layer): [rng.normal(size=(n + 1, WIDTH)) for n in rows["n_tokens"]] for layer in (0, 1)}
    for answer, states in enumerate(tokens["residual", 1]):
        if known_from is not None:
            states[1 + known_from :, 0] += 4 if right[answer] else -4
    columns = [[0, 1, 3, n - 1, n] for n in rows["n_tokens"]]
    values = {
        cell: np.stack([states[column] for states, column in zip(found, columns, strict=True)]).astype(np.float32)
        for cell, found in tokens.items()
    }
    return ArrayStateTable(values, positions=POSITIONS)


def trained(rows: pd.DataFrame, *, known_from: int | None) -> tuple[ProbeStage, ArrayStateTable]:
    states = states_of(rows, np.random.default_rng(1), known_from=known_from)
    return train_probes(rows, states, source=SOURCE), states


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return planted_rows(160, np.random.default_rng(0), n_entities=80)


@pytest.fixture(scope="module")
def stage(rows: pd.DataFrame) -> ProbeStage:
    return trained(rows, known_from=2)[0]


@pytest.mark.parametrize("grouping", ["by_entity", "by_answer"])
def test_a_score_tells_right_from_wrong_once_the_states_do(
    rows: pd.DataFrame, stage: ProbeStage, grouping: str
) -> None:
    figures = summarise_tokens(rows, stage.scores, probes=stage.record, replicates=200)[grouping]
    low, high = figures["first"]["ci"]
    assert low < 0.5 < high
    assert figures["end"]["auroc"] > 0.95
    assert abs(figures["end"]["minus_probe"]["diff"]) < 0.05
    assert figures["first"]["minus_probe"]["ci"][1] < -0.2
    assert figures["first"]["answers"] == figures["end"]["answers"] == len(rows)
    assert 0 < figures["middle"]["answers"] < len(rows)  # of some answers the middle token was not kept


def test_noise_is_worth_nothing(rows: pd.DataFrame) -> None:
    stage, _ = trained(rows, known_from=None)
    figures = summarise_tokens(rows, stage.scores, probes=stage.record, replicates=200)
    for moment in ("first", "end"):
        low, high = figures["by_entity"][moment]["ci"]
        assert low < 0.5 < high


def test_tokens_count_as_far_as_they_are_right(stage: ProbeStage) -> None:
    for told in stage.record["tokens"]:
        assert told["before"] < 0.5 < told["after"]  # noise stands before the exact answer, what is known after it
    assert stage.detector is not None
    assert stage.detector.tokens is not None
    assert stage.detector.tokens.header.before < 0.3
    assert stage.detector.tokens.header.after > 0.7


def test_a_saved_detector_scores_tokens_as_before_at_every_layer(
    rows: pd.DataFrame, stage: ProbeStage, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert stage.detector is not None
    folder = tmp_path_factory.mktemp("detector")
    stage.detector.save(folder)
    loaded = Detector.load(folder).tokens
    assert loaded is not None
    assert loaded.header == stage.detector.header.tokens
    assert (loaded.layer, loaded.layers) == (1, (0, 1))
    fresh = states_of(rows, np.random.default_rng(7), known_from=2)
    right = rows["correct"].to_numpy(dtype=bool)
    scores = loaded.score(fresh.states("residual", 1, "-1"))
    assert scores[right].min() > scores[~right].max()
    assert abs(scores.mean() - right.mean()) < 0.1
    blind = loaded.score(fresh.states("residual", 0, "-1"), layer=0)
    assert abs(blind[right].mean() - blind[~right].mean()) < 0.1
    np.testing.assert_array_equal(scores, stage.detector.tokens.score(fresh.states("residual", 1, "-1")))


def test_each_layer_has_a_probe_of_its_own(stage: ProbeStage) -> None:
    assert stage.detector is not None
    probes = stage.detector.tokens
    assert probes is not None
    states = np.random.default_rng(3).normal(size=(5, WIDTH))
    for row, layer in enumerate(probes.layers):
        margins = states @ probes.coefficients[row] + probes.biases[row]
        expected = 1 / (1 + np.exp(-(probes.header.slopes[row] * margins + probes.header.intercepts[row])))
        np.testing.assert_allclose(probes.score(states, layer=layer), expected)
    assert not np.allclose(probes.score(states, layer=0), probes.score(states, layer=1))
    with pytest.raises(DetectorError, match="layer 7 has no probe of tokens; allowed: 0 to 1"):
        probes.score(states, layer=7)
    with pytest.raises(DetectorError, match=r"states of shape \(5, 3\) do not fit"):
        probes.score(states[:, :3])


def test_every_token_is_read_where_every_token_was_kept(rows: pd.DataFrame) -> None:
    rng = np.random.default_rng(2)
    kept = {("residual", 1): [rng.normal(size=(n, WIDTH)).astype(np.float32) for n in rows["n_tokens"]]}
    values = {("residual", 1): np.zeros((len(rows), 1, WIDTH), np.float32)}
    states = ArrayStateTable(values, positions=("-1",), tokens=kept)
    tokens = TokenRows.of(read_answers(rows, states), states, whole=True, rng=rng)
    assert len(tokens.answer) == rows["n_tokens"].sum()
    np.testing.assert_array_equal(tokens.states(states, "residual", 1), np.concatenate(kept["residual", 1]))
    assert tokens.exact.sum() == 2 * len(rows)


def test_thinning_keeps_what_scores_are_tested_at(rows: pd.DataFrame) -> None:
    states = states_of(rows, np.random.default_rng(1), known_from=2)
    table = read_answers(rows, states)
    tokens = TokenRows.of(table, states, rng=np.random.default_rng(0))
    fewer = TokenRows.of(table, states, most=1, rng=np.random.default_rng(0))
    lengths = rows["n_tokens"].to_numpy(dtype=np.int64)
    assert len(fewer.answer) < len(tokens.answer)
    for moment in ("first", "middle", "end"):
        assert fewer.at(moment, lengths).sum() == tokens.at(moment, lengths).sum()
    assert fewer.exact.sum() == tokens.exact.sum()


def test_without_an_exact_answer_there_is_a_reason(rows: pd.DataFrame) -> None:
    states = states_of(rows, np.random.default_rng(1), known_from=2)
    nowhere = rows.assign(located=False, first_token=pd.NA, last_token=pd.NA, given=None, exact_answer=None)
    stage = train_probes(nowhere, states, source=SOURCE)
    assert stage.detector is not None
    assert stage.detector.tokens is None
    assert stage.record["tokens_reason"] == "the detector has no probe for exact answers"
    figures = summarise_tokens(nowhere, stage.scores, probes=stage.record)
    assert figures["by_entity"]["end"]["auroc"] is None
    assert figures["by_entity"]["end"]["reason"] == "no located answer has a known label"
