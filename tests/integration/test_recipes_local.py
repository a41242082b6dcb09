"""The bundled studies that need nothing but ../shared/data, each with a tiny model and a few questions."""

import json
from pathlib import Path

import pytest

from tacitly.recipes import load_recipe
from tacitly.recipes.files import studies_of
from tacitly.study import run_study
from tests.tiny import save_model

pytestmark = pytest.mark.integration

CHECKOUT = Path(__file__).parents[2]
LOCAL = [study for recipe in ("paper-embedded", "medical-embedded") for study in studies_of(recipe)]


@pytest.mark.parametrize("study", LOCAL)
def test_a_study_of_local_data_comes_to_its_report(study: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CHECKOUT)
    path = load_recipe(study).task.path
    if path is not None and not path.exists():
        pytest.skip(f"needs {path} beside the repository")
    model = save_model(tmp_path / "model")
    config = json.loads((model / "config.json").read_text())  # a token is a byte, so real questions are long
    (model / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 4096}))
    few = {
        "model.name": str(model), "task.limit": 8, "generate.samples": 2, "generate.max_new_tokens": 6,
        "capture.positions": ["exact_answer_last_token", "-1"],
    }  # fmt: skip
    result = run_study(study, overrides=few, out=tmp_path / "run")
    assert result.metrics is not None
    assert result.metrics["task"] == load_recipe(study).task.name
    assert result.metrics["counts"]["answers"] == 8
    assert result.report.exists()
