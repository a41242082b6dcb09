"""Baselines of samples in whole studies on a tiny model: what is there, what is absent and why, what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from tacitly.baselines.catalog import load_sampling
from tacitly.errors import SettingsError
from tacitly.run_folder import RunFolder
from tacitly.study import StudyResult, run_study
from tacitly.verify import check_run
from tests.tiny import save_model
from tests.tiny_nli import save_nli

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sampled")
    save_model(folder / "model")
    rows = [{"id": f"q{i}", "question": f"What is number {i}?", "answers": ["8Z"]} for i in range(40)]
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder


def study(folder: Path, samples: int, **more: object) -> StudyResult:
    overrides = {
        "task.name": "file",
        "task.path": str(folder / "questions.jsonl"),
        "model.name": str(folder / "model"),
        "generate.max_new_tokens": 6,
        "generate.samples": samples,
        "capture.positions": ["last_q_token", "-1"],  # few probes
        "probe.families": [],
        **{name.replace("__", "."): value for name, value in more.items()},
    }
    return run_study("demo", overrides=overrides, out=folder / "run")


def baselines(result: StudyResult) -> dict[str, Any]:
    assert result.metrics is not None
    found: dict[str, Any] = result.metrics["all_answers"]["by_entity"]["baselines"]
    return found


def test_samples_are_scored_by_a_study_and_their_number_and_equivalence_decide_what_is_done_again(folder: Path) -> None:
    none = study(folder, 0)
    reasons = {name: baselines(none)[name]["reason"] for name in load_sampling("match")}
    assert set(reasons.values()) == {"needs generate.samples=2 or more"}
    assert baselines(none)["perplexity_with_eos"]["auroc"] is not None

    three = study(folder, 3)
    assert "activations" in three.stages
    assert "probes" not in three.stages
    found = {name: baselines(three)[name] for name in load_sampling("match")}
    assert {name for name, figure in found.items() if figure["auroc"] is None} <= {"eigenscore", "selfcheck_unigram"}
    scores = RunFolder.view(folder / "run").table("scores")
    assert set(found) - set(scores["method"]) <= {"eigenscore", "selfcheck_unigram"}
    assert all(finding.ok for finding in check_run(folder / "run"))
    assert study(folder, 3).stages == []

    nli = study(folder, 3, baselines__equivalence="nli", judge__nli_model=str(save_nli(folder / "nli")))
    assert nli.stages == ["baselines", "report"]
    assert "semantic_entropy_nli" in baselines(nli)
    assert "semantic_entropy_match" not in baselines(nli)
    assert baselines(nli)["degree_matrix_nli"]["auroc"] is not None

    fewer = study(folder, 1, baselines__equivalence="match")
    assert baselines(fewer)["lexical_similarity"]["reason"] == "needs generate.samples=2 or more"


def test_an_equivalence_without_its_model_is_refused(folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"set judge\.nli_model"):
        study(folder, 3, baselines__equivalence="nli")
    with pytest.raises(SettingsError, match="equivalence"):
        study(folder, 3, baselines__equivalence="soundex")
