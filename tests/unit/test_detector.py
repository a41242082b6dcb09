"""The detector: the same scores after saving, nothing damaged or foreign is let in, and a card that says what it is."""

import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from tacitly.errors import DetectorError, StorageError
from tacitly.probes.detector import Detector, DetectorModel, LinearProbe, ProbeHeader
from tacitly.probes.detector_card import write_card

pytestmark = pytest.mark.unit

WIDTH = 5


def made_probe(role="exact_answer", **changes):
    header = {
        "role": role,
        "site": "residual",
        "layer": 12,
        "position": "exact_answer_last_token",
        "width": WIDTH,
        "C": 0.01,
        "slope": 1.5,
        "intercept": -0.25,
        "threshold": 0.4,
        "rows": 700,
        "rows_correct": 300,
        "grouping": "by_answer",
        "cv_auroc": 0.8,
    }
    return LinearProbe(ProbeHeader(**{**header, **changes}), np.linspace(-1, 1, WIDTH) / 3, 0.125)


@pytest.fixture
def detector():
    return Detector.of(
        (made_probe(), made_probe("any_answer", position="-1")),
        model=DetectorModel(name="tiny/model", revision="main", weights_hash="ab" * 32),
        task="medfacts",
        seed=7,
        version="0.1.0",
    )


@pytest.fixture
def saved(detector, tmp_path):
    detector.save(tmp_path / "detector", card="# A card\n")
    return tmp_path / "detector"


def test_another_process_gives_the_same_scores(detector, saved, tmp_path):
    states = np.random.default_rng(0).normal(size=(9, WIDTH)).astype(np.float32)
    np.save(tmp_path / "states.npy", states)
    code = (
        "import sys, numpy as np\n"
        "from tacitly.probes.detector import Detector\n"
        "found = Detector.load(sys.argv[1]).probes['exact_answer'].score(np.load(sys.argv[2]))\n"
        "print(found.tobytes().hex())\n"
    )
    command = [sys.executable, "-c", code, str(saved), str(tmp_path / "states.npy")]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    expected = detector.probes["exact_answer"].score(states)
    np.testing.assert_array_equal(np.frombuffer(bytes.fromhex(output.strip())), expected)
    assert ((expected > 0) & (expected < 1)).all()


def test_everything_survives_saving(detector, saved):
    loaded = Detector.load(saved)
    assert loaded.header == detector.header
    assert set(loaded.probes) == {"exact_answer", "any_answer"}
    assert (saved / "CARD.md").read_text() == "# A card\n"
    assert sorted(path.name for path in saved.iterdir()) == ["CARD.md", "detector.json", "weights.safetensors"]


def edit(saved, change):
    path = saved / "detector.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda d: (d / "detector.json").unlink(), "no detector in"),
        (lambda d: (d / "weights.safetensors").unlink(), "no detector in"),
        (lambda d: (d / "detector.json").write_text("{"), "detector.json is damaged"),
        (lambda d: (d / "detector.json").write_bytes(b"\xff\xfe"), "detector.json is damaged"),
        (lambda d: (d / "weights.safetensors").write_bytes(b"junk"), "sha256 differs"),
        (lambda d: edit(d, lambda c: c.update(extra=1)), "extra: Extra inputs are not permitted"),
        (lambda d: edit(d, lambda c: c.update(kind="something")), "kind: Input should be 'tacitly-detector'"),
        (lambda d: edit(d, lambda c: c.update(schema_version=2)), "schema_version: Input should be 1"),
        (lambda d: edit(d, lambda c: c["probes"][0].update(width=6)), "do not fit their description"),
        (lambda d: edit(d, lambda c: c["probes"][0].update(slope=-1.0)), "slope: Input should be greater than 0"),
        (lambda d: edit(d, lambda c: c.update(probes=[])), "probes: Tuple should have at least 1 item"),
    ],
)
def test_damaged_or_foreign_files_are_refused(saved, damage, message):
    damage(saved)
    with pytest.raises(DetectorError, match=message) as refused:
        Detector.load(saved)
    assert "\n" not in str(refused.value)


def test_weights_that_are_not_numbers_are_refused(saved):
    import hashlib

    names = ("exact_answer", "any_answer")
    tensors = {f"{name}.coefficients": np.full(WIDTH, np.nan) for name in names}
    save_file({**tensors, **{f"{name}.bias": np.zeros(1) for name in names}}, saved / "weights.safetensors")
    digest = hashlib.sha256((saved / "weights.safetensors").read_bytes()).hexdigest()
    edit(saved, lambda c: c.update(weights_sha256=digest))
    with pytest.raises(DetectorError, match="do not fit their description"):
        Detector.load(saved)


def test_states_and_weights_of_another_model_are_refused(detector):
    with pytest.raises(DetectorError, match=r"states of shape \(2, 4\)"):
        detector.probes["exact_answer"].score(np.zeros((2, 4), dtype=np.float32))
    with pytest.raises(DetectorError, match="trained on weights abababababab, not on cdcd"):
        detector.require_model(weights_hash="cd" * 32)
    detector.require_model(weights_hash="ab" * 32)
    detector.require_model(weights_hash=None)


def test_a_folder_that_cannot_be_written_is_said(detector, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write the detector"):
        detector.save(tmp_path / "file" / "detector")


def test_the_card_says_what_it_is_worth_and_for_what(detector):
    cells = [{"site": "residual", "layer": layer, "position": "-1"} for layer in (12, 12, 13)]
    entry = {
        "best": {"auroc": 0.812, "ci": [0.75, 0.86], "cells": cells},
        "best_baseline": {"auroc": 0.67, "ci": None},
        "families": {"last_token": {"auroc": 0.71, "ci": [0.6, 0.8]}},
    }
    metrics = {
        "by_entity": entry,
        "by_answer": None,
        "by_answer_reason": "3 distinct given answers, fewer than 15",
        "all_answers": {"by_entity": entry, "by_answer": None, "by_answer_reason": "none"},
    }
    card = write_card(detector.header, metrics=metrics)
    for part in (
        "tiny/model",
        "abababab",
        "`medfacts`, seed 7",
        "700 answers, 300 of them right",
        "0.81 [0.75, 0.86]",
        "residual 12 `-1` (2x), residual 13 `-1` (1x)",
        "not defined (3 distinct given answers, fewer than 15)",
        "0.71 [0.60, 0.80]",
        "Meant for",
        "Not meant for",
        "Limits",
    ):
        assert part in card
