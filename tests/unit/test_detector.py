"""The detector: the same scores after saving, nothing damaged or foreign is let in, and a card that says what it is."""

import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from tacitly.errors import DetectorError, StorageError
from tacitly.evaluation.calibration import Platt
from tacitly.evaluation.calibrators import Isotonic
from tacitly.probes.detector import Abstention, Detector, DetectorModel, LinearProbe, ProbeHeader
from tacitly.probes.detector_card import write_card

pytestmark = pytest.mark.unit

WIDTH = 5
PROMISE = {
    "alpha": 0.2,
    "delta": 0.05,
    "threshold": 0.8,
    "reason": None,
    "groups": 150,
    "answers": 148,
    "accepted": 60,
    "errors": 3,
    "trials": [
        {"threshold": 0.0, "accepted": 148, "errors": 60, "bound": 0.51},
        {"threshold": 0.8, "accepted": 60, "errors": 3, "bound": 0.16},
    ],
}


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


def test_an_isotonic_calibration_survives_saving(tmp_path):
    steps = Isotonic(Platt(1.5, -0.25), said=np.array([0.2, 0.5, 0.7]), right=np.array([0.1, 0.1, 0.95]))
    plain = made_probe(calibrator="isotonic")
    probe = LinearProbe(plain.header, plain.coefficients, plain.bias, steps)
    made = Detector.of((probe,), model=DetectorModel(name="m"), task="t", seed=0, version="0")
    made.save(tmp_path)
    states = np.random.default_rng(0).normal(size=(50, WIDTH)).astype(np.float32) * 4
    found = Detector.load(tmp_path).probes["exact_answer"].score(states)
    np.testing.assert_array_equal(found, probe.score(states))
    np.testing.assert_allclose(found, np.interp(made_probe().score(states), steps.said, steps.right))
    assert found.min() == 0.1
    assert found.max() == 0.95


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ([0.2, 0.5], [0.9, 0.1]),
        ([0.5, 0.5], [0.1, 0.9]),
        ([0.2, 0.5], [0.1, 1.5]),
        ([0.2, np.nan], [0.1, 0.5]),
        ([0.2, 0.5], [0.1]),
        ([], []),
    ],
)
def test_a_calibration_that_is_no_rising_line_is_refused(said, right, tmp_path):
    plain = made_probe(calibrator="isotonic")
    steps = object.__new__(Isotonic)
    for name, value in (("platt", Platt(1.5, -0.25)), ("said", np.array(said)), ("right", np.array(right))):
        object.__setattr__(steps, name, value)
    probe = LinearProbe(plain.header, plain.coefficients, plain.bias, steps)
    Detector.of((probe,), model=DetectorModel(name="m"), task="t", seed=0, version="0").save(tmp_path)
    with pytest.raises(DetectorError, match="is no rising line of probabilities"):
        Detector.load(tmp_path)


def test_a_temperature_is_a_line_through_one_half():
    probe = made_probe(calibrator="temperature", slope=0.5, intercept=0.0)
    np.testing.assert_allclose(probe.score(np.zeros((1, WIDTH), np.float32)), 1 / (1 + np.exp(-0.0625)))


def test_a_promise_survives_saving_and_is_exposed(detector, tmp_path):
    assert detector.abstention is None
    promising = detector.promising(Abstention(**PROMISE))
    promising.save(tmp_path)
    loaded = Detector.load(tmp_path)
    assert loaded.abstention == promising.abstention
    assert (loaded.abstention.threshold, loaded.abstention.errors) == (0.8, 3)
    none = {**PROMISE, "threshold": None, "accepted": None, "errors": None, "reason": "too few"}
    detector.promising(Abstention(**none)).save(tmp_path)
    assert Detector.load(tmp_path).abstention.reason == "too few"


def test_a_detector_of_the_first_schema_is_still_read(detector, saved):
    def older(content):
        content["schema_version"] = 1
        del content["abstention"]
        for probe in content["probes"]:
            del probe["calibrator"]

    edit(saved, older)
    loaded = Detector.load(saved)
    states = np.random.default_rng(0).normal(size=(3, WIDTH)).astype(np.float32)
    for role, probe in detector.probes.items():
        np.testing.assert_array_equal(loaded.probes[role].score(states), probe.score(states))
    edit(saved, lambda c: c.update(abstention=PROMISE))
    with pytest.raises(DetectorError, match="schema version 1 has neither"):
        Detector.load(saved)


def test_a_detector_of_the_second_schema_is_still_read(detector, saved):
    def older(content):
        content["schema_version"] = 2
        del content["layers"]
        del content["model"]["chat_template_sha256"]

    edit(saved, older)
    loaded = Detector.load(saved)
    assert loaded.header == detector.header.model_copy(update={"schema_version": 2})
    edit(saved, lambda c: c["model"].update(chat_template_sha256="ab" * 32))
    with pytest.raises(DetectorError, match=r"schema version 2 .* tells neither template nor wording"):
        Detector.load(saved)


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
        (
            lambda d: edit(d, lambda c: c.update(schema_version=5)),
            "has schema version 5; allowed: 1, 2, 3, 4; use the version",
        ),
        (lambda d: edit(d, lambda c: c.update(schema_version="x")), "schema_version: Input should be 1, 2, 3 or 4"),
        (
            lambda d: edit(d, lambda c: c.update(layers="1 is the first block")),
            "counts layers in another way: '1 is the first block'; allowed: '0 is the embedding output, i the output",
        ),
        (
            lambda d: edit(d, lambda c: c.update(schema_version=2, layers="1 is the first block")),
            "schema version 2 counts layers in one way",
        ),
        (lambda d: edit(d, lambda c: c["probes"][0].update(calibrator="guess")), "calibrator: Input should be"),
        (
            lambda d: edit(d, lambda c: c["probes"][0].update(calibrator="isotonic")),
            "'exact_answer.isotonic_said' cannot be read",
        ),
        (lambda d: edit(d, lambda c: c.update(abstention={"alpha": 0.1})), "abstention.delta: Field required"),
        (lambda d: edit(d, lambda c: c.update(abstention={**PROMISE, "errors": None})), "either a threshold"),
        (lambda d: edit(d, lambda c: c.update(abstention={**PROMISE, "alpha": 1.5})), "abstention.alpha: Input should"),
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
    with pytest.raises(
        DetectorError, match=r"trained on revision main, not on other of 'x'; allowed: .* at revision main"
    ):
        detector.require_model(weights_hash="ab" * 32, revision="other", name="x")
    detector.require_model(weights_hash="ab" * 32, revision=None)
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
        "calibration": {"brier": 0.183, "ece": None},
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
        "Calibrated by Platt scaling",
        "Brier score 0.18\n",
    ):
        assert part in card
    assert "Abstaining" not in card


def test_the_card_says_what_is_promised(detector):
    card = write_card(detector.promising(Abstention(**PROMISE)).header, metrics={})
    assert (
        "Accept an answer from a probability of 0.800 on: of the accepted ones at most a share of 0.2 is wrong" in card
    )
    assert "148 answers, each about another entity, that nothing else has seen: 60 are accepted, 3 of those" in card
    none = {**PROMISE, "threshold": None, "accepted": None, "errors": None, "reason": "too few answers"}
    card = write_card(detector.promising(Abstention(**none)).header, metrics={})
    assert "No threshold keeps the wrong ones among accepted answers to 0.2: too few answers." in card
