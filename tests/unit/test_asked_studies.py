"""Whole studies whose answers are judged or located by asking a model."""

import json
import re
import shlex
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tacitly
from tacitly.activations.store import ActivationStore
from tacitly.collect import labels
from tacitly.collect.bench import Bench
from tacitly.errors import ModelError, SettingsError
from tacitly.models.load import LanguageModel, load_model
from tacitly.plan import fingerprints
from tacitly.progress import RecordedProgress
from tacitly.recipes import load_recipe
from tacitly.run_folder import RunFolder
from tacitly.settings import JudgeSettings
from tacitly.study import StudyResult, run_study
from tests.endpoint import Endpoint, Sent, refused, replied, serve
from tests.tiny import save_model
from tests.tiny_nli import save_nli

pytestmark = pytest.mark.unit

N = 40


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = save_model(tmp_path_factory.mktemp("model"))
    config = json.loads((folder / "config.json").read_text())
    config["max_position_embeddings"] = 4096  # a judge's prompt has more bytes than a question
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def study(model: Path, folder: Path, **more: Any) -> StudyResult:
    path = folder / "questions.jsonl"
    rows = [{"id": f"q{i}", "question": f"What is number {i}?", "answers": ["a"]} for i in range(N)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    values = {
        "task.name": "file",
        "task.path": str(path),
        "model.name": str(model),
        "generate.max_new_tokens": 6,
        "generate.batch_size": 16,
        "judge.retries": 0,
        "capture.positions": ["last_q_token", "exact_answer_last_token", "-1"],
        "probe.families": [],
    }
    arguments = {name: more.pop(name) for name in ("until", "open_model", "progress") if name in more}
    overrides = values | {name.replace("__", "."): value for name, value in more.items()}
    return run_study("demo", overrides=overrides, out=folder / "run", **arguments)


def endpoint_settings(endpoint: Endpoint) -> dict[str, Any]:
    pytest.importorskip("openai", reason="needs the extra `api`")
    return {"judge__model": "tiny", "judge__base_url": endpoint.base_url}


def by_number(body: dict[str, Any]) -> Sent:
    """A verdict that depends on the question alone."""
    said = body["messages"][0]["content"]
    number = int(said.partition("What is number ")[2].partition("?")[0] or 0)
    verdict = "cannot tell" if number == 7 else "nonsense" if number == 8 else "yes" if number % 2 else "no"
    return replied(json.dumps({"reply": verdict}))


def test_a_study_is_judged_by_an_endpoint_and_says_so(model: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    with serve(by_number) as endpoint:
        result = study(model, tmp_path, task__judge="llm", **endpoint_settings(endpoint))
        again = study(model, tmp_path, task__judge="llm", **endpoint_settings(endpoint))
    assert again.stages == []
    assert result.metrics is not None
    table = RunFolder.view(tmp_path / "run").table("labels").set_index("answer_id")
    assert table.loc["q8#0", "evidence"].startswith("tiny gives no verdict: it replied 'nonsense'")
    assert table.loc["q7#0", "evidence"] == "tiny says cannot tell"
    judged = table["correct"].drop(["q7#0", "q8#0"]).dropna()
    assert all(correct == bool(int(key[1:-2]) % 2) for key, correct in judged.items())
    assert table["correct"].loc[["q7#0", "q8#0"]].isna().all()
    assert result.metrics["counts"]["unknown"] == int(table["correct"].isna().sum())
    assert any("opinion of the model 'tiny'" in warning for warning in result.warnings)
    assert endpoint.keys[-1] == "Bearer sk-very-secret"
    files = [file for file in (tmp_path / "run").rglob("*") if file.is_file()]
    assert all(b"sk-very-secret" not in file.read_bytes() for file in files)
    assert [finding.what for finding in tacitly.check_run(tmp_path / "run") if not finding.ok] == []


def test_a_study_that_loses_its_endpoint_keeps_its_labels_and_goes_on(model: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(labels, "AT_ONCE", 10)
    works = [True]

    def reply(body: dict[str, Any]) -> Sent:
        works[0] = works[0] and len(endpoint.asked) <= 25
        return by_number(body) if works[0] else refused(401)

    with serve(reply) as endpoint:
        told = endpoint_settings(endpoint)
        with pytest.raises(ModelError, match=r"the environment variable OPENAI_API_KEY .* run the same command again"):
            study(model, tmp_path, task__judge="llm", until="labels", **told)
        kept = RunFolder.view(tmp_path / "run").table("labels").set_index("answer_id")
        assert 0 < len(kept) < N
        assert len(kept) % 10 == 0
        endpoint.bodies.clear()
        monkeypatch.setattr("tests.unit.test_asked_studies.refused", lambda _: replied('{"reply": "yes"}'))
        assert study(model, tmp_path, task__judge="llm", until="labels", **told).stages == ["labels"]
    after = RunFolder.view(tmp_path / "run").table("labels").set_index("answer_id")
    assert len(after) == N
    assert after.loc[kept.index].equals(kept)
    asked_again = {f"q{text.partition('number ')[2].partition('?')[0]}#0" for text in endpoint.asked}
    assert not asked_again & set(kept.index)


def test_an_endpoint_that_is_not_there_costs_no_answer(model: Path, tmp_path: Path) -> None:
    with serve(by_number) as endpoint:
        pass
    with pytest.raises(ModelError, match="cannot be asked"):
        study(model, tmp_path, task__judge="llm", **endpoint_settings(endpoint))
    run = RunFolder.view(tmp_path / "run")
    assert len(run.table("answers")) == N
    assert run.table("labels").empty


def counting(opened: Counter[str]) -> Callable[..., LanguageModel]:
    def open_model(name: str, **kwargs: Any) -> LanguageModel:
        opened[name] += 1
        return load_model(name, **kwargs)

    return open_model


@pytest.mark.parametrize("named", ["same", None], ids=["same", "by its name"])
def test_a_model_that_judges_itself_is_loaded_once_and_warned_of(model: Path, tmp_path: Path, named) -> None:
    opened: Counter[str] = Counter()
    result = study(
        model, tmp_path, task__judge="llm", judge__model=named or str(model), until="labels",
        open_model=counting(opened),
    )  # fmt: skip
    assert opened == {str(model): 1}
    assert any("judges its own answers: models are biased" in warning for warning in result.warnings)
    table = RunFolder.view(tmp_path / "run").table("labels")
    assert table["evidence"].str.contains(" says yes$| says no$| says cannot tell$|^empty").all()


def test_another_local_model_judges_and_is_opened_beside_the_first(model: Path, tmp_path: Path) -> None:
    other, opened = save_model(tmp_path / "other", "qwen2", seed=3), Counter[str]()
    result = study(
        model, tmp_path, task__judge="llm", judge__model=str(other), until="labels", open_model=counting(opened)
    )
    assert opened == {str(model): 1, str(other): 1}
    assert not any("biased" in warning for warning in result.warnings)
    evidence = RunFolder.view(tmp_path / "run").table("labels")["evidence"]
    assert evidence[~evidence.str.startswith("empty")].str.contains("tokens do not fit its context of 256").all()


def test_a_study_is_judged_by_inference(model: Path, tmp_path: Path) -> None:
    nli = save_nli(tmp_path / "nli", logits=(0.0, 0.0, 5.0))
    result = study(model, tmp_path, task__judge="nli", judge__nli_model=str(nli), until="labels")
    table = RunFolder.view(tmp_path / "run").table("labels")
    assert set(table["judge"]) == {"nli"}
    assert (table["correct"].dropna() == False).all()  # noqa: E712
    assert any("opinion of the model" in warning for warning in result.warnings)


def quotes_first_letter(body: dict[str, Any]) -> Sent:
    """Quotes the first letter of an answer, and of each third question something else."""
    said = body["messages"][0]["content"]
    number = int(said.partition("What is number ")[2].partition("?")[0] or 0)
    answer = said.partition("Answer:\n<<<\n")[2].partition("\n>>>")[0]
    return replied("not in it" if number % 3 == 0 else next((c for c in answer if c.isalnum()), "NONE"))


def test_a_locator_that_asks_comes_after_the_answers_and_the_chain_goes_on(model: Path, tmp_path: Path) -> None:
    with serve(quotes_first_letter) as endpoint:
        told = endpoint_settings(endpoint)
        chain = {"task__locator": ["llm", "first_line"]}
        first = study(model, tmp_path, until="answers", **chain, **told)
        run = RunFolder.view(tmp_path / "run")
        assert (len(run.table("answers")), len(run.table("spans")), run.files("activations")) == (N, 0, [])
        assert endpoint.bodies == []
        rest = study(model, tmp_path, **chain, **told)
    assert (first.stages, rest.stages[2:4]) == (["questions", "answers"], ["spans", "activations"])
    run = RunFolder.view(tmp_path / "run")
    spans = run.table("spans").set_index("answer_id")
    assert set(spans["locator"][spans["start"].notna()]) == {"llm", "first_line"}
    assert all(int(key[1:-2]) % 3 for key in spans.index[spans["locator"] == "llm"])
    texts = run.table("answers").set_index("answer_id")["text"]
    found = spans[spans["start"].notna()]
    assert all(texts[key][row["start"] : row["end"]] == row["exact_answer"] for key, row in found.iterrows())
    index = run.files("activations")
    assert index
    assert [finding.what for finding in tacitly.check_run(tmp_path / "run") if not finding.ok] == []


def test_states_read_later_are_those_of_writing(model: Path, tmp_path: Path) -> None:
    (tmp_path / "now").mkdir()
    (tmp_path / "later").mkdir()
    with serve(lambda _: replied("NONE")) as endpoint:
        study(model, tmp_path / "now", task__locator="first_line", until="activations")
        told = endpoint_settings(endpoint)
        study(model, tmp_path / "later", task__locator=["first_line", "llm"], until="activations", **told)
    runs = [RunFolder.view(tmp_path / name / "run") for name in ("now", "later")]
    ids = sorted(runs[0].table("answers")["answer_id"])
    now, later = (ActivationStore(run, ids) for run in runs)
    for position in ("last_q_token", "exact_answer_last_token", "-1"):
        assert now.present(position).any()
        assert (now.present(position) == later.present(position)).all()
        there = now.present(position)
        mine, theirs = (store.states("residual", 2, position)[there] for store in (now, later))
        np.testing.assert_allclose(mine, theirs, atol=2e-3)


def test_changed_settings_of_the_judge_count_only_where_it_is_asked() -> None:
    def changed(*overrides: str, base: tuple[str, ...] = ()) -> list[str]:
        before, after = (fingerprints(load_recipe("demo", overrides=[*base, *some])) for some in ((), overrides))
        return [stage for stage in before if before[stage] != after[stage]][:2]

    assert changed("judge.timeout=5", "judge.retries=9", "judge.concurrency=1", base=("task.judge=llm",)) == []
    assert changed("judge.model=same", base=("task.judge=llm",)) == ["labels", "judgements"]
    assert changed("judge.nli_model=x", base=("task.judge=nli",)) == ["labels", "judgements"]
    assert changed("judge.model=same", base=("task.judge=alias",)) == []
    assert changed("judge.model=same", base=("task.judge=[alias, llm]",)) == ["judgements", "report"]
    assert changed("judge.model=same", base=("task.judge=alias", "task.locator=llm")) == ["spans", "activations"]


@pytest.mark.parametrize(
    ("overrides", "judge"),
    [
        ([], "SimilarityJudge"),
        (["judge.model=same"], "LlmJudge"),
        (["judge.model=same", "task.judge=rouge_l"], "SimilarityJudge"),
        (["judge.model=same", "task.name=medfacts"], "ChoiceJudge"),
        (["judge.nli_model=x"], "SimilarityJudge"),
    ],
)
def test_a_model_that_is_configured_judges_long_answers_unless_told_otherwise(
    tmp_path: Path, overrides: list[str], judge: str
) -> None:
    pytest.importorskip("rouge_score", reason="needs the extra `similarity`")
    settings = load_recipe("demo", overrides=["task.name=medquad", *overrides])
    with RunFolder.open(tmp_path / "run", version="0", create=True) as run:
        bench = Bench(settings, run, RecordedProgress(), open_model=load_model)
        assert [type(one).__name__ for one in bench.judges.values()] == [judge]


def test_the_commands_of_the_page_have_settings_that_are_there() -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "judge-with-a-model.md").read_text(encoding="utf-8")
    commands = [shlex.split(line, comments=True) for line in re.findall(r"^    (tacitly study .*)", page, re.MULTILINE)]
    assert len(commands) == 5
    for command in commands:
        given = [command[i + 1] for i, word in enumerate(command) if word == "--set"]
        assert given
        assert command[:3] == ["tacitly", "study", "demo"]
        settings = load_recipe("demo", overrides=given)
        assert settings.judge != JudgeSettings()
    documented = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| `\w.*?\|", page, re.MULTILINE))))
    assert documented == set(JudgeSettings.model_fields)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("judge.base_url=localhost:8000", "allowed: http:// or https:// with a host"),
        ("judge.base_url=https://me:pw@host/v1", "without a password"),
        ("judge.base_url=https://host/v1?key=1", "or a query"),
        ("judge.api_key_env=sk-123", "the name of an environment variable, not the key itself"),
        ("judge.timeout=0", "greater than 0"),
        ("judge.models=x", r"unknown setting 'judge\.models'; allowed: judge\.model, .*did you mean 'judge\.model'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(override: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load_recipe("demo", overrides=[override])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"task__judge": "llm"}, r"judge 'llm' has no model to ask; set judge\.model"),
        ({"task__judge": "nli"}, r"judge 'nli' has no model to ask; set judge\.nli_model"),
        ({"task__locator": "llm"}, r"locator 'llm' has no model to ask; set judge\.model"),
        ({"judge__base_url": "http://localhost/v1"}, r"judge\.model names no model"),
    ],
)
def test_what_is_not_configured_is_said_before_anything_is_asked(model: Path, tmp_path: Path, change, words) -> None:
    with pytest.raises(SettingsError, match=words):
        study(model, tmp_path, progress=RecordedProgress(), **change)
    assert not (tmp_path / "run" / "answers").exists()
