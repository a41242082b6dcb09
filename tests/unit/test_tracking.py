"""Trackers: told of a finished study, once, in full; what fails there never costs the run."""

import json
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from tacitly.cli.main import run as command
from tacitly.errors import SettingsError
from tacitly.plan import fingerprints, make_plan
from tacitly.progress import RecordedProgress
from tacitly.recipes import load_recipe
from tacitly.report.palette import LIGHT
from tacitly.report.pictures import Picture
from tacitly.run_folder import RunFolder
from tacitly.settings import TRACKERS, StudySettings
from tacitly.study import run_study
from tacitly.tracking import catalog
from tacitly.tracking.base import RecordedTracker
from tacitly.tracking.mlflow_runs import MlflowTracker
from tacitly.tracking.telling import tell_trackers
from tacitly.tracking.tensorboard_runs import TensorboardTracker, heat_image
from tacitly.tracking.trackio_runs import TrackioTracker
from tacitly.tracking.values import flat_metrics, flat_settings
from tacitly.tracking.wandb_runs import WandbTracker
from tests.tiny import save_model
from tests.unit.comparison_runs import plant, run, write_questions

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A finished tiny study, and what its recipe says."""
    folder = tmp_path_factory.mktemp("tracked")
    model, questions = save_model(folder / "model"), write_questions(folder / "q.jsonl", n=24, training=False)
    run(model, questions, folder / "run", until="activations")
    plant(folder / "run", right=0.5, n_answers=16, seed=1)
    run(model, questions, folder / "run")
    return {
        "out": folder / "run",
        "overrides": {
            "task.name": "file",
            "task.path": str(questions),
            "model.name": str(model),
            "generate.max_new_tokens": 6,
            "capture.positions": ["last_q_token", "exact_answer_last_token", "-6", "-1"],
            "probe.families": [],
        },
    }


@pytest.fixture
def trackers(monkeypatch: pytest.MonkeyPatch) -> dict[str, RecordedTracker]:
    """Every tracker that is made, the last of each name; all libraries seem to be there."""
    made: dict[str, RecordedTracker] = {}
    monkeypatch.setattr(catalog, "find_spec", lambda name: object())
    monkeypatch.setattr("tacitly.tracking.telling.load_tracker", lambda name: made.setdefault(name, RecordedTracker()))
    return made


def again(study: dict[str, Any], *trackers: str, **more: Any) -> Any:
    overrides = {**study["overrides"], "report_to": list(trackers)}
    return run_study("demo", overrides=overrides, out=study["out"], **more)


def test_trackers_are_told_of_settings_metrics_and_figures(
    study: dict[str, Any], trackers: dict[str, RecordedTracker]
) -> None:
    progress = RecordedProgress()
    result = again(study, "wandb", "tensorboard", progress=progress)
    assert result.stages == []
    assert progress.notes == []
    assert set(trackers) == {"wandb", "tensorboard"}
    for tracker in trackers.values():
        assert tracker.finished
        assert tracker.name == "run"
        assert tracker.settings["task.name"] == "file"
        assert tracker.settings["identity.layers"] == "3"
        metrics = json.loads((study["out"] / "metrics.json").read_text(encoding="utf-8"))
        assert tracker.metrics["by_entity/best/auroc"] == metrics["by_entity"]["best"]["auroc"]
        assert tracker.metrics["counts/questions"] == 24
        assert {"comparison-by_entity", "roc", "heatmap-located-0-by_entity"} <= set(tracker.figures)
        page = (study["out"] / "report" / "index.html").read_text(encoding="utf-8")
        assert all(f'id="figure-{key}"' in page for key in tracker.figures)
        assert len(tracker.figures) == page.count('id="figure-')


def test_they_are_told_once_until_the_figures_change(
    study: dict[str, Any], trackers: dict[str, RecordedTracker]
) -> None:
    again(study, "mlflow")
    assert set(trackers) == {"mlflow"}
    trackers.clear()
    again(study, "mlflow")
    assert trackers == {}
    again(study, "mlflow", redo="baselines")  # whose seconds are a figure
    assert set(trackers) == {"mlflow"}
    trackers.clear()
    again(study, until="labels")
    assert trackers == {}


def test_one_that_fails_costs_a_warning_and_is_tried_again(
    study: dict[str, Any],
    trackers: dict[str, RecordedTracker],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Failing(RecordedTracker):
        def log(self, metrics: object) -> None:
            print("noise")
            raise ConnectionError("no\nroute")

    def load(name: str) -> RecordedTracker:
        return Failing() if name == "wandb" else trackers.setdefault(name, RecordedTracker())

    monkeypatch.setattr("tacitly.tracking.telling.load_tracker", load)
    arguments = ["study", "demo", "--out", str(study["out"])]
    for key, value in {**study["overrides"], "report_to": ["wandb", "trackio"]}.items():
        arguments += ["--set", f"{key}={json.dumps(value)}"]
    assert command([*arguments, "--redo", "baselines"]) == 0
    printed = capsys.readouterr()
    assert "warning: wandb was not told of this run (ConnectionError: no route); the run itself is whole" in printed.err
    assert "noise" not in printed.out
    assert trackers["trackio"].finished
    trackers.clear()
    result = again(study, "wandb", "trackio")
    assert sum("was not told of this run" in warning for warning in result.warnings) == 1
    assert trackers == {}
    with RunFolder.open(study["out"], version="0") as folder:
        assert folder.manifest.complete
        monkeypatch.undo()
        monkeypatch.setattr("tacitly.tracking.telling.load_tracker", lambda name: RecordedTracker())
        assert tell_trackers(folder, ["wandb"], progress=RecordedProgress()) == []


def test_a_missing_library_is_said_before_anything_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> Any:
        raise AssertionError("a model was opened")

    monkeypatch.setattr(catalog, "find_spec", lambda name: None)
    with pytest.raises(
        SettingsError, match=r"'report_to' names 'wandb', which is not installed; pip install 'tacitly\[wandb\]'"
    ):
        run_study("demo", overrides={"report_to": "wandb"}, out=tmp_path / "run", open_model=never)
    assert not (tmp_path / "run").exists()


def test_names_are_checked_and_change_nothing(study: dict[str, Any]) -> None:
    assert set(TRACKERS) == set(catalog.TRACKERS)
    assert load_recipe("demo").report_to == ()
    assert load_recipe("demo", overrides=["report_to=mlflow"]).report_to == ("mlflow",)
    assert load_recipe("demo", overrides=["report_to=[wandb, mlflow, wandb]"]).report_to == ("wandb", "mlflow")
    with pytest.raises(SettingsError, match=r"setting 'report_to' is .*neptune.*trackio, wandb, mlflow, tensorboard"):
        load_recipe("demo", overrides=["report_to=neptune"])
    assert fingerprints(StudySettings()) == fingerprints(StudySettings(report_to=("wandb",)))
    settings = load_recipe("demo", overrides={**study["overrides"], "report_to": "wandb", "probe.seeds": 2})
    [note] = make_plan(RunFolder.view(study["out"]), settings).notes
    assert "probe.seeds: 1 -> 2" in note
    assert "report_to" not in note


def test_numbers_are_flat_and_what_is_not_defined_is_left_out() -> None:
    metrics = {
        "schema": 1,
        "model": {"layers": 30},
        "accuracy": 0.5,
        "by_answer": None,
        "by_answer_reason": "few",
        "by_entity": {
            "best": {"auroc": 0.8, "ci": [0.7, 0.9], "cells": [{"layer": 3}], "layer": 12},
            "gain": {"diff": None, "ci": None, "reason": "none"},
            "chosen": ["a", "b"],
            "whole": True,
        },
        "within_answer": {"best_ci": [0.4, float("nan")]},
        "grid": [{"auroc": 0.5}],
    }
    assert flat_metrics(metrics) == {
        "accuracy": 0.5,
        "by_entity/best/auroc": 0.8,
        "by_entity/best/ci/low": 0.7,
        "by_entity/best/ci/high": 0.9,
        "by_entity/best/layer": 12.0,
        "within_answer/best_ci/low": 0.4,
    }
    assert flat_settings({"generate": {"stop": ["a", "b"]}, "report_to": ["wandb"], "probe": {"x": []}}) == {
        "generate.stop": "a, b",
        "probe.x": "none",
    }


def picture(figure: go.Figure, key: str = "heatmap") -> Picture:
    return Picture(key=key, figure=figure, title="Heat | map", caption="c", header=("a", "b"), lines=[["1|2", "x\ny"]])


def test_a_heat_map_becomes_an_image() -> None:
    figure = go.Figure(go.Heatmap(z=[[0.5, None], [0.0, 1.0]], zmin=0.0, zmax=1.0))
    image = heat_image(figure)
    assert image is not None
    side = image.shape[0] // 2
    corners = image[[0, 0, side, side], [0, side, 0, side]].tolist()
    wanted = [LIGHT[part] for part in ("worst", "best", "chance", "ineligible")]
    assert ["#" + bytes(corner).hex() for corner in corners] == wanted
    assert heat_image(go.Figure(go.Scatter(x=[1], y=[2]))) is None


class Calls(SimpleNamespace):
    """Records every call of every name, as many libraries' clients would hear them."""

    def __init__(self, log: list[tuple[Any, ...]], path: str = "") -> None:
        super().__init__(_log=log, _path=path)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Calls(self._log, f"{self._path}.{name}".lstrip("."))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._log.append((self._path, args, kwargs))
        return Calls(self._log, f"{self._path}()")


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a fake library in place, and return what it hears."""

    def install(*names: str) -> list[tuple[Any, ...]]:
        log: list[tuple[Any, ...]] = []
        for name in names:
            module = ModuleType(name)
            module.__getattr__ = lambda part: Calls(log, part)  # type: ignore[method-assign]
            monkeypatch.setitem(sys.modules, name, module)
        return log

    for name in ("WANDB_PROJECT", "WANDB_ERROR_REPORTING", "MLFLOW_DISABLE_TELEMETRY", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    return install


def told(tracker: Any, folder: Path) -> None:
    tracker.start("run", folder, {"task.name": "cities"})
    tracker.log({"by_entity/best/auroc": 0.8, "odd(name)": 1.0})
    tracker.figure(picture(go.Figure(go.Scatter(x=[1], y=[2])), "roc"))
    tracker.finish()


def test_weights_and_biases_hears_of_nothing_but_the_run(library: Any, tmp_path: Path) -> None:
    log = library("wandb")
    told(WandbTracker(), tmp_path)
    calls = {path: (args, kwargs) for path, args, kwargs in log}
    assert calls["init"][1]["project"] == "tacitly"
    assert calls["init"][1]["config"] == {"task.name": "cities"}
    settings = calls["Settings"][1]
    assert settings["console"] == "off"
    assert all(settings[name] for name in ("disable_git", "disable_code", "x_disable_stats", "x_disable_machine_info"))
    assert calls["init().summary.update"][0][0]["by_entity/best/auroc"] == 0.8
    assert list(calls["init().log"][0][0]) == ["figures/roc"]
    assert log[-1][0] == "init().finish"

    assert os.environ["WANDB_ERROR_REPORTING"] == "false"


def test_mlflow_hears_parameters_metrics_and_pages(library: Any, tmp_path: Path) -> None:
    log = library("mlflow", "mlflow.entities")
    told(MlflowTracker(), tmp_path)
    paths = [path for path, *_ in log]
    assert ("Param", ("task.name", "cities"), {}) in log
    assert [args[:2] for path, args, _ in log if path == "Metric"] == [
        ("by_entity/best/auroc", 0.8),
        ("odd_name_", 1.0),
    ]
    assert paths.count("MlflowClient().log_batch") == 2
    [(_, args, _)] = [call for call in log if call[0] == "MlflowClient().log_figure"]
    assert args[2] == "figures/roc.html"
    assert paths[-1] == "MlflowClient().set_terminated"

    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_trackio_hears_of_nothing_but_the_run(library: Any, tmp_path: Path) -> None:
    log = library("trackio")
    told(TrackioTracker(), tmp_path)
    path, args, kwargs = log[0]
    assert (path, args[0]) == ("init", "tacitly")
    assert kwargs["config"] == {"task.name": "cities"}
    assert (kwargs["auto_log_cpu"], kwargs["auto_log_gpu"]) == (False, False)
    assert [path for path, *_ in log[1:]] == ["init().log", "Html", "init().log", "init().finish"]


def test_tensorboard_writes_what_tensorboard_reads(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    figure = go.Figure(go.Heatmap(z=[[0.5, None]], zmin=0.4, zmax=0.6))
    for _ in range(2):  # told again, it holds the later figures alone
        tracker = TensorboardTracker()
        tracker.start("run", tmp_path, {"task.name": "cities"})
        tracker.log({"by_entity/best/auroc": 0.75})
        tracker.figure(picture(figure))
        tracker.finish()
    assert len(list((tmp_path / "tensorboard").iterdir())) == 1
    read = EventAccumulator(str(tmp_path / "tensorboard"))
    read.Reload()
    [scalar] = read.Scalars("by_entity/best/auroc")
    assert (scalar.step, scalar.value) == (0, 0.75)
    [image] = read.Images("figures/heatmap")
    assert (image.height, image.width) == heat_image(figure).shape[:2]  # type: ignore[union-attr]
    [text] = read.Tensors("settings/text_summary")
    assert b"| task.name | cities |" in text.tensor_proto.string_val[0]
    [text] = read.Tensors("figures/heatmap/text_summary")
    assert b"| 1/2 | x y |" in text.tensor_proto.string_val[0]
    assert np.isfinite(scalar.wall_time)
