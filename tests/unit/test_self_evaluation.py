"""Asking a model about its own answers: against plain passes over hand-made prompts, and as a stage of a study."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

import tacitly
from tacitly.activations.contrast import ContrastStore
from tacitly.engines.branches import BranchReader
from tacitly.engines.self_evaluation import EMPTY, SAME_LETTERS, OwnAnswer, SelfEvaluator, Verdict
from tacitly.models.load import LanguageModel
from tacitly.models.prompts import PromptFormat
from tacitly.models.true_or_false import TrueOrFalse
from tacitly.progress import RecordedProgress
from tacitly.run_folder import RunFolder
from tacitly.settings import FAMILIES
from tacitly.study import StudyResult, run_study
from tests.tiny import language_model, save_model

pytestmark = pytest.mark.unit

BODY = "Question: {q}\nPossible answer: {a}\nIs the possible answer:\n (A) {x}\n (B) {y}\nThe possible answer is:"
OWN = [
    OwnAnswer(key="one", question="Where is Lyon?", possible={"answer": "It is in France.", "exact_answer": "France"}),
    OwnAnswer(key="two", question="Where?", possible={"answer": "Here"}),
    OwnAnswer(key="same", question="Who is it?", possible={"answer": "Ann", "exact_answer": "Ann"}),
]


@pytest.fixture(scope="module", params=["llama chat", "gpt2 plain", "bloom chat", "gemma2 plain"])
def lm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    architecture, form = request.param.split()
    return language_model(tmp_path_factory.mktemp(architecture), architecture, chat=form == "chat")


def prompt_of(lm: LanguageModel, question: str, answer: str, first: str) -> str:
    second = "False" if first == "True" else "True"
    body = BODY.format(q=question, a=answer, x=first, y=second)
    return f"<|user|>{body}<|end|><|assistant|>" if lm.tokenizer.chat_template else body


def after(lm: LanguageModel, text: str) -> tuple[torch.Tensor, np.ndarray]:
    """The log-probabilities after a text and the state of its last token in every layer, by a pass of its own."""
    ids = lm.tokenizer(text, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        output = lm.model(ids, output_hidden_states=True, use_cache=False)
    return output.logits[0, -1].log_softmax(-1), torch.stack([h[0, -1] for h in output.hidden_states]).numpy()


def evaluated(lm: LanguageModel, own: list[OwnAnswer] = OWN) -> dict[str, dict[str, Verdict]]:
    evaluator = SelfEvaluator(lm, PromptFormat(lm.tokenizer))
    return {key: verdicts for batch in evaluator.evaluate(own, batch_size=2) for key, verdicts in batch}


def test_p_true_is_the_mean_of_both_orders_and_the_states_are_those_of_plain_passes(lm: LanguageModel) -> None:
    found = evaluated(lm)
    lead = "" if lm.tokenizer.chat_template else " "
    letters = lm.tokenizer.convert_tokens_to_ids(["A", "B"])
    for one in OWN:
        assert found[one.key].keys() == one.possible.keys()
        for name, answer in one.possible.items():
            verdict = found[one.key][name]
            first, second = (prompt_of(lm, one.question, answer, option) for option in ("True", "False"))
            chances, logprobs = [], []
            for prompt, true in ((first, 0), (second, 1)):
                after_bracket, _ = after(lm, prompt + lead + "(")
                both = after_bracket[letters]
                chances.append(float(both.softmax(-1)[true]))
                logprobs.append((float(both[true]), float(both[1 - true])))
            assert verdict.p_true == pytest.approx(sum(chances) / 2, abs=1e-4)
            np.testing.assert_allclose(verdict.true, [pair[0] for pair in logprobs], atol=1e-3)
            np.testing.assert_allclose(verdict.false, [pair[1] for pair in logprobs], atol=1e-3)
            for number, word in enumerate(("True", "False")):
                _, states = after(lm, first + lead + word)
                depth = lm.identity.layers  # transformers gives the last layer after the final norm
                assert verdict.states is not None
                assert verdict.states.shape == (depth + 1, 2, lm.identity.width)
                np.testing.assert_allclose(verdict.states[:depth, number], states[:depth], rtol=1e-3, atol=1e-3)


def test_the_single_figure_is_that_of_the_word_true_in_one_order(tmp_path: Path) -> None:
    lm = language_model(tmp_path)
    assert evaluated(lm)["one"]["answer"].single is None  # to a tokenizer of bytes, True is four tokens
    lm.tokenizer.add_tokens(["True"])
    lm.model.resize_token_embeddings(len(lm.tokenizer), mean_resizing=False)
    logprobs, _ = after(lm, prompt_of(lm, OWN[0].question, OWN[0].possible["answer"], "True"))
    word = lm.tokenizer.convert_tokens_to_ids("True")
    assert evaluated(lm)["one"]["answer"].single == pytest.approx(float(logprobs[word]), abs=1e-3)


def test_a_system_prompt_stands_before_the_question_in_either_form(tmp_path: Path) -> None:
    lm = language_model(tmp_path)
    asked = TrueOrFalse(PromptFormat(lm.tokenizer, "Be honest.")).text("Q?", "A", "false_first")
    assert asked.startswith("<|system|>Be honest.<|end|><|user|>Question: Q?\n")
    lm.tokenizer.chat_template = None
    plain = TrueOrFalse(PromptFormat(lm.tokenizer, "Be honest.")).text("Q?", "A", "false_first")
    assert plain.startswith("Be honest.\n\nQuestion: Q?\nPossible answer: A\n")
    assert plain.endswith(" (A) False\n (B) True\nThe possible answer is:")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"(A)": [3, 10, 4], "(B)": [3, 11, 4]}, ((3,), (10, 11))),
        ({"(A)": [10], "(B)": [11]}, ((), (10, 11))),
        ({"(A)": [3, 0, 4], "(B)": [3, 0, 4]}, None),
        ({"(A)": [3], "(B)": [3, 11]}, None),
    ],
)
def test_letters_are_the_tokens_at_which_the_options_part(words: dict[str, list[int]], expected: object) -> None:
    form = SimpleNamespace(has_template=True, render=lambda text: text, answer_ids=lambda _, word: words[word])
    assert TrueOrFalse(form).letters == expected  # type: ignore[arg-type]


def test_letters_with_one_token_leave_p_true_undefined_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lm = language_model(tmp_path)
    monkeypatch.setattr(TrueOrFalse, "letters", None)
    verdict = evaluated(lm)["one"]["answer"]
    assert (verdict.p_true, verdict.true, verdict.reason) == (None, None, SAME_LETTERS)
    assert verdict.states is not None


def test_what_is_empty_or_too_long_is_not_asked_about(tmp_path: Path) -> None:
    lm = language_model(tmp_path)
    own = [
        OwnAnswer(key="empty", question="Q?", possible={"answer": " \n", "exact_answer": "x"}),
        OwnAnswer(key="long", question="Q?", possible={"answer": "long " * 60}),
        OwnAnswer(key="fine", question="Q?", possible={"answer": "fine"}),
    ]
    found = evaluated(lm, own)
    assert found["empty"]["answer"].reason == EMPTY
    assert found["empty"]["exact_answer"].p_true is not None
    reason = found["long"]["answer"].reason or ""
    assert reason.startswith("asking about it takes 4")
    assert reason.endswith("tokens, more than the model's context of 256")
    assert found["long"]["answer"].states is None
    assert found["fine"]["answer"].reason is None


N, WRITTEN = 40, 32


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("model"))


def write_questions(folder: Path, **more: object) -> Path:
    """Most come with an answer that a person has judged; the model answers the rest."""
    path = folder / "questions.jsonl"
    rows = [{"id": f"q{i}", "question": f"What is number {i}?", "answers": ["a"]} for i in range(N)]
    for i, row in enumerate(rows[:WRITTEN]):
        row |= {"answer": f"It is thing {i % 9}." if i % 5 else "no", "correct": i % 2 == 0, **more}
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def study(model: Path, folder: Path, questions: Path | None = None, **more: object) -> StudyResult:
    until, progress = more.pop("until", None), more.pop("progress", None)
    path = questions or write_questions(folder)
    settings = {
        "task.name": "file",
        "task.path": str(path),
        "model.name": str(model),
        "generate.max_new_tokens": 6,
        "generate.batch_size": 16,
        "self_evaluation.of": ["answer", "exact_answer"],
        "capture.positions": ["last_q_token", "exact_answer_last_token", "-1"],
        "probe.families": ["contrast_consistent"],  # the one that reads what was asked
    } | {name.replace("__", "."): value for name, value in more.items()}
    return run_study("demo", overrides=settings, out=folder / "run", until=until, progress=progress)


@pytest.fixture(scope="module")
def finished(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    study(model, folder)
    return folder


def said_in(folder: Path) -> pd.DataFrame:
    return RunFolder.view(folder / "run").table("self_evaluation").sort_values("answer_id", ignore_index=True)


def pairs_in(folder: Path, of: str) -> np.ndarray:
    store = ContrastStore(RunFolder.view(folder / "run"), said_in(folder)["answer_id"].tolist(), of=of)  # type: ignore[arg-type]
    return np.stack([store.layer_states(layer) for layer in store.layers])


def test_a_study_asks_about_every_greedy_answer_and_compares_what_it_hears(finished: Path, model: Path) -> None:
    run, said = RunFolder.view(finished / "run"), said_in(finished)
    rows = run.table("answers").merge(run.table("spans"), on="answer_id").sort_values("answer_id", ignore_index=True)
    assert said["answer_id"].tolist() == rows["answer_id"].tolist()
    located = rows["first_token"].notna()
    assert located.sum() > 0
    assert said["p_true"].between(0, 1).all()
    assert (said["p_true_exact"].notna() == located).all()
    assert set(said.loc[~located, "reason_exact"]) <= {"no exact answer was located"}
    for suffix in ("", "_exact"):
        known = said[said[f"p_true{suffix}"].notna()]
        odds = [
            known[f"logprob_false_{order}{suffix}"] - known[f"logprob_true_{order}{suffix}"]
            for order in ("true_first", "false_first")
        ]
        mean = sum(1 / (1 + np.exp(one.to_numpy(float))) for one in odds) / 2
        np.testing.assert_allclose(known[f"p_true{suffix}"].to_numpy(float), mean, rtol=1e-6)
    assert 0 < rows["text"].str.startswith("It is thing").sum() < N  # written elsewhere, and by the model
    metrics = run.json("metrics.json")
    assert {"p_true", "p_true_exact", "p_true_single"} <= set(metrics["by_entity"]["baselines"])
    assert metrics["by_entity"]["baselines"]["p_true"]["auroc"] is not None
    assert metrics["by_entity"]["baselines"]["p_true_single"]["reason"].endswith("in more than one token")
    assert "p_true_exact" not in metrics["all_answers"]["by_entity"]["baselines"]
    assert metrics["self_evaluation"]["answer"]["answers"] == N
    page = (finished / "run" / "report" / "index.html").read_text()
    assert "Asked whether its own whole answers are true, the model says so of" in page
    assert all(finding.ok for finding in tacitly.check_run(finished / "run"))


def test_the_pairs_are_read_one_layer_at_a_time_and_missing_ones_are_marked(finished: Path, model: Path) -> None:
    from tacitly.models.load import load_model

    run, said = RunFolder.view(finished / "run"), said_in(finished)
    ids = said["answer_id"].tolist()[::-1]
    store = ContrastStore(run, ids, of="exact_answer")
    assert store.layers == (0, 1, 2, 3)
    assert (store.present == said["p_true_exact"].notna().to_numpy()[::-1]).all()
    assert not store.layer_states(2)[~store.present].any()
    whole = ContrastStore(run, ids, of="answer")
    assert whole.present.all()
    lm = load_model(str(model))
    answers = run.table("answers").set_index("answer_id")["text"]
    questions = run.table("questions").set_index("question_id")["question"]
    for place in (0, 7):
        prompt = prompt_of(lm, questions[ids[place].split("#")[0]], answers[ids[place]].strip(), "True")
        for number, word in enumerate(("True", "False")):
            expected = after(lm, prompt + word)[1]
            np.testing.assert_allclose(whole.layer_states(2)[place, number], expected[2], rtol=2e-3, atol=2e-3)


def test_a_stopped_stage_goes_on_where_it_stopped(
    finished: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions, commit, parts = finished / "questions.jsonl", RunFolder.commit, []
    study(model, tmp_path, questions, until="activations")

    def stopped(self: RunFolder) -> None:
        if sum(f.startswith("self_evaluation/part") for f in self.manifest.files) > 1:
            parts.extend(self.files("self_evaluation"))
            raise KeyboardInterrupt  # the second part is written and not committed
        commit(self)

    monkeypatch.setattr(RunFolder, "commit", stopped)
    with pytest.raises(KeyboardInterrupt):
        study(model, tmp_path, questions)
    monkeypatch.undo()
    run = RunFolder.view(tmp_path / "run")
    assert len(run.files("self_evaluation")) == 2 < len(parts)
    kept = {name: (run.path / name).read_bytes() for name in run.files("self_evaluation")}
    result = study(model, tmp_path, questions)
    assert result.stages[0] == "self_evaluation"
    assert all((run.path / name).read_bytes() == content for name, content in kept.items())
    columns = [name for name in said_in(finished) if name not in ("shard", "row")]
    pd.testing.assert_frame_equal(said_in(tmp_path)[columns], said_in(finished)[columns], rtol=1e-3, atol=1e-3)
    for of in ("answer", "exact_answer"):
        np.testing.assert_allclose(pairs_in(tmp_path, of), pairs_in(finished, of), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("kind", ["part", "contrast"])
def test_a_damaged_part_or_shard_is_asked_again_with_what_belongs_to_it(
    finished: Path, model: Path, tmp_path: Path, kind: str
) -> None:
    shutil.copytree(finished / "run", tmp_path / "run", ignore=shutil.ignore_patterns(".lock"))
    run = RunFolder.view(tmp_path / "run")
    [name] = [f for f in run.files("self_evaluation") if f"/{kind}-00001" in f]
    content = bytearray((run.path / name).read_bytes())
    content[len(content) // 2] ^= 0xFF
    (run.path / name).write_bytes(bytes(content))
    others = {f: (run.path / f).stat().st_mtime_ns for f in run.files("self_evaluation") if "-00001" not in f}
    progress = RecordedProgress()
    result = study(model, tmp_path, finished / "questions.jsonl", progress=progress)
    assert result.stages == ["self_evaluation", "baselines", "families", "report"]
    assert any("damaged files were set aside" in note and name in note for note in progress.notes)
    assert all((run.path / f).stat().st_mtime_ns == when for f, when in others.items())
    columns = [name for name in said_in(finished) if name not in ("shard", "row")]
    pd.testing.assert_frame_equal(said_in(tmp_path)[columns], said_in(finished)[columns], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(pairs_in(tmp_path, "answer"), pairs_in(finished, "answer"), rtol=1e-2, atol=1e-2)
    assert all(finding.ok for finding in tacitly.check_run(tmp_path / "run"))


def test_damaged_answers_are_asked_about_again(finished: Path, model: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "run", tmp_path / "run", ignore=shutil.ignore_patterns(".lock"))
    run = RunFolder.view(tmp_path / "run")
    (run.path / run.files("answers")[1]).write_bytes(b"lost")
    study(model, tmp_path, finished / "questions.jsonl")
    assert said_in(tmp_path)["answer_id"].tolist() == said_in(finished)["answer_id"].tolist()
    assert all(finding.ok for finding in tacitly.check_run(tmp_path / "run"))


def test_sampled_answers_are_not_asked_about(finished: Path, model: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "run", tmp_path / "run", ignore=shutil.ignore_patterns(".lock"))
    study(model, tmp_path, finished / "questions.jsonl", generate__samples=1, until="self_evaluation")
    pd.testing.assert_frame_equal(said_in(tmp_path), said_in(finished))


def test_nothing_is_asked_where_it_is_switched_off_and_the_report_says_so(
    finished: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished / "run", tmp_path / "run", ignore=shutil.ignore_patterns(".lock"))
    monkeypatch.setattr(BranchReader, "read", None)
    result = study(model, tmp_path, finished / "questions.jsonl", self_evaluation__of=[])
    assert said_in_is_empty(tmp_path)
    assert result.metrics is not None
    assert not {"p_true", "p_true_exact"} & set(result.metrics["by_entity"]["baselines"])
    assert result.metrics["self_evaluation"] == {
        "of": [],
        "reason": "the model was not asked (self_evaluation.of is empty)",
    }
    assert "p(True) is not among the baselines: the model was not asked" in result.report.read_text()


def said_in_is_empty(folder: Path) -> bool:
    return RunFolder.view(folder / "run").files("self_evaluation") == []


def test_all_families_are_compared_and_contrast_consistent_search_reads_the_pairs(
    finished: Path, model: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished / "run", tmp_path / "run", ignore=shutil.ignore_patterns(".lock"))
    questions = finished / "questions.jsonl"
    result = study(model, tmp_path, questions, probe__families=FAMILIES)
    assert result.stages == ["families", "report"]
    assert result.metrics is not None
    assert set(result.metrics["families"]) == set(FAMILIES)
    run = RunFolder.view(tmp_path / "run")
    choices = run.json("experiments/families.json")["choices"]
    mine = {choice["position"] for choice in choices if choice["family"] == "contrast_consistent"}
    assert mine == {"verdict on exact_answer"}
    assert "family:contrast_consistent" in set(run.table("scores/families")["method"])


def test_only_exact_answers_can_be_asked_about(finished: Path, model: Path, tmp_path: Path) -> None:
    result = study(model, tmp_path, finished / "questions.jsonl", self_evaluation__of="exact_answer")
    said = said_in(tmp_path)
    assert said["p_true"].isna().all()
    assert set(said["reason"]) == {"self_evaluation.of leaves it out"}
    np.testing.assert_allclose(
        said["p_true_exact"].to_numpy(float, na_value=-1),
        said_in(finished)["p_true_exact"].to_numpy(float, na_value=-1),
        atol=1e-3,
    )
    assert result.metrics is not None
    for name in ("p_true", "p_true_single"):
        assert result.metrics["by_entity"]["baselines"][name]["reason"] == "self_evaluation.of leaves it out"


def test_an_answer_that_does_not_fit_the_context_is_undefined_with_a_warning(model: Path, tmp_path: Path) -> None:
    path = write_questions(tmp_path, answer="It is a thing. " * 12)
    result = study(model, tmp_path, path, until="self_evaluation")
    said = said_in(tmp_path)
    long = said["p_true"].isna()
    assert long.sum() == WRITTEN
    assert said.loc[long, "reason"].str.contains("more than the model's context of 256").all()
    present = ContrastStore(RunFolder.view(tmp_path / "run"), said["answer_id"].tolist(), of="answer").present
    assert (present == ~long).all()
    assert any(f"p(True) is not defined for {WRITTEN} whole answers of {N}" in warning for warning in result.warnings)


def test_a_run_of_an_earlier_version_is_asked_about(finished: Path, model: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "run", tmp_path / "run", ignore=shutil.ignore_patterns(".lock"))
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    for stage in ("self_evaluation", "families", "samples"):
        del manifest["stages"][stage]
    for stage in ("baselines", "report"):
        manifest["stages"][stage]["fingerprint"] = "of an earlier version"
    manifest["files"] = {name: sha for name, sha in manifest["files"].items() if not name.startswith("self_eval")}
    (tmp_path / "run" / "manifest.json").write_text(json.dumps(manifest))
    result = study(model, tmp_path, finished / "questions.jsonl")
    assert result.stages == ["self_evaluation", "baselines", "families", "samples", "report"]
    assert len(said_in(tmp_path)) == N
