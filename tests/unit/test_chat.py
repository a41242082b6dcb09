"""Asking a model: what is marked, what is refused, and the same scores as in the detector's study."""

import io
import json
import os
import re
import select
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from string import ascii_lowercase
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tacitly.activations.store import ActivationStore
from tacitly.chat import Chat, Reply
from tacitly.cli import chat as command
from tacitly.cli import main
from tacitly.collect.tables import greedy_rows
from tacitly.detect.scorer import Scorer
from tacitly.errors import DetectorError, ModelError, SettingsError, TaskError
from tacitly.probes.asking import Asking
from tacitly.probes.detector import Detector
from tacitly.records import Question, Span
from tacitly.run_folder import RunFolder
from tacitly.study import run_study
from tests.tiny import save_model

pytestmark = pytest.mark.unit

N = 60


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("model"), seed=1)


def asked(i: int) -> str:
    return f"Number {i} is {i * 7919 % 10007}"


@pytest.fixture(scope="module")
def run(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study whose answers are right where a single letter stands in them; their first line is the exact answer."""
    folder = tmp_path_factory.mktemp("study")
    rows = [{"id": f"q{i}", "question": asked(i), "answers": list(ascii_lowercase)} for i in range(N)]
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    settings = {
        "task.name": "file",
        "task.path": str(folder / "questions.jsonl"),
        "task.prompt": "Say: {question}",
        "task.locator": "first_line",
        "model.name": str(model),
        "model.system_prompt": "Be brief.",
        "generate.max_new_tokens": 6,
        "probe.families": [],
    }
    run_study("demo", overrides=settings, out=folder / "run")
    assert (folder / "run" / "detector" / "detector.json").exists()
    return folder / "run"


def edited(run: Path, folder: Path, change: Callable[[dict[str, object]], object]) -> Path:
    import shutil

    shutil.copytree(run / "detector", folder)
    content = json.loads((folder / "detector.json").read_text())
    change(content)
    (folder / "detector.json").write_text(json.dumps(content))
    return folder


def converse(monkeypatch: pytest.MonkeyPatch, lines: str, *arguments: object) -> int:
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
    return main.run(["chat", *map(str, arguments)])


def test_scores_are_those_of_the_study(run: Path, model: Path) -> None:
    view = RunFolder.view(run)
    rows = greedy_rows(view)
    store = ActivationStore(view, rows["answer_id"].tolist())
    chat = Chat(str(model), run)
    assert chat.detector is not None
    assert chat.cautions == ()
    stored = {
        role: probe.score(store.states(probe.header.site, probe.header.layer, probe.header.position))
        for role, probe in chat.detector.probes.items()
    }
    scored, roles = 0, set()
    for i, row in enumerate(rows.itertuples()):
        reply = chat.ask(str(row.question))
        assert reply.answer == row.text
        assert (reply.span is not None) == row.located
        if reply.scored is None:
            continue
        scored += 1
        roles.add(reply.scored)
        np.testing.assert_allclose(reply.p_correct, stored[reply.scored][i], atol=1e-3)
        threshold = chat.detector.probes[reply.scored].header.threshold
        assert reply.doubtful == (stored[reply.scored][i] < threshold)
    assert scored > N / 2
    assert "exact_answer" in roles


def test_the_same_answers_given_back_have_the_scores_of_the_study(run: Path) -> None:
    view = RunFolder.view(run)
    rows = greedy_rows(view)
    store = ActivationStore(view, rows["answer_id"].tolist())
    detector = Detector.load(run / "detector")
    assert detector.header.model.chat_template_sha256
    stored = {
        role: probe.score(store.states(probe.header.site, probe.header.layer, probe.header.position))
        for role, probe in detector.probes.items()
    }
    given = [
        {"id": row.answer_id, "question": row.question, "token_ids": [*row.token_ids, *whole_number(row.end_token_id)]}
        for row in rows.itertuples()
    ]
    compared = 0
    for i, scored in enumerate(Scorer(run).score(given)):
        assert scored.id == rows["answer_id"][i]
        if scored.scored is not None:
            np.testing.assert_allclose(scored.p_correct, stored[scored.scored][i], atol=1e-3)
            assert (scored.exact_answer is not None) == rows["located"][i]
            compared += 1
    assert compared > N / 2


def whole_number(value: object) -> list[int]:
    return [] if pd.isna(value) else [int(value)]


def test_between_both_thresholds_an_answer_is_neither_trusted_nor_doubted(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def promise(threshold: float | None) -> dict[str, object]:
        found = None if threshold is None else 1
        told = {"threshold": threshold, "accepted": found, "errors": found, "reason": None if found else "too few"}
        return {"alpha": 0.1, "delta": 0.05, "groups": 9, "answers": 9, "trials": [], **told}

    for threshold, words in ((0.999, "not accepted, under 1.00"), (None, "not accepted: the detector accepts none")):
        folder = edited(
            run,
            tmp_path / str(threshold),
            lambda c, t=threshold: (c.update(abstention=promise(t)), [p.update(threshold=0.0) for p in c["probes"]]),
        )
        assert converse(monkeypatch, f"{asked(1)}\n", "--detector", folder) == 0
        assert f"estimated right - {words}: " in capsys.readouterr().out
        assert Chat(detector=folder).ask(asked(1)).verdict == "abstain"


def test_an_answer_without_an_exact_answer_is_scored_by_the_second_probe(run: Path, model: Path) -> None:
    detector = Detector.load(run / "detector")
    asking = detector.header.asking
    assert asking is not None
    header = detector.header.model_copy(update={"asking": asking.model_copy(update={"locator": ("choices",)})})
    chat = Chat(str(model), Detector(header, detector.probes))
    reply = chat.ask(asked(3))
    assert reply.span is None
    assert reply.scored == "any_answer"
    assert reply.scored_part is not None
    start, end = reply.scored_part
    assert reply.answer[start:end] == reply.answer.strip()


def test_an_answer_that_cannot_be_scored_is_printed_with_the_reason(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = edited(run, tmp_path / "d", lambda c: [p.update(layer=99) for p in c["probes"]])
    assert converse(monkeypatch, f"{asked(3)}\n", "--detector", folder) == 0
    printed = capsys.readouterr().out
    assert "not scored: the model has no layer 99" in printed
    assert printed.splitlines()[1]


def test_the_system_prompt_the_wording_and_the_length_are_the_detector_s(run: Path) -> None:
    asking = Detector.load(run / "detector").header.asking
    assert asking is not None
    assert (asking.system_prompt, asking.max_new_tokens, asking.locator) == ("Be brief.", 6, ("first_line",))
    assert asking.messages("Who?") == [{"role": "user", "content": "Say: Who?"}]
    assert "`first_line`" in (run / "detector" / "CARD.md").read_text()


def test_detectors_saved_before_still_load_with_a_caution(run: Path, tmp_path: Path) -> None:
    chat = Chat(detector=edited(run, tmp_path / "d", lambda c: c.pop("asking")), max_new_tokens=4)
    assert "does not say how" in chat.cautions[0]
    assert chat.ask(asked(3)).p_correct is not None
    with pytest.raises(DetectorError, match=r"asking\.colour: Extra inputs"):
        Chat(detector=edited(run, tmp_path / "e", lambda c: c["asking"].update(colour=1)))


def test_a_locator_that_asks_another_model_is_left_out_with_a_caution(run: Path, tmp_path: Path) -> None:
    folder = edited(run, tmp_path / "d", lambda c: c["asking"].update(locator=["llm", "first_line"]))
    chat = Chat(detector=folder)
    assert any("another model located" in caution for caution in chat.cautions)
    assert chat.ask(asked(3)).scored == "exact_answer"


def test_piped_questions_are_answered_one_by_one(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = f"{asked(1)}\n\n  \n{asked(2)}\r\nexit\n{asked(3)}\n"
    assert converse(monkeypatch, lines, "--detector", run) == 0
    printed = capsys.readouterr()
    assert re.findall(r"^> (.*)$", printed.out, flags=re.MULTILINE) == [asked(1), asked(2)]
    assert len(re.findall(r"^  \d\.\d\d estimated right", printed.out, flags=re.MULTILINE)) == 2
    assert "\x1b" not in printed.out
    assert converse(monkeypatch, "", "--detector", run) == 0
    assert capsys.readouterr().out == ""


def test_json_has_one_object_per_question_and_says_what_could_not_be_asked(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert converse(monkeypatch, f"{asked(1)}\n{'why ' * 100}\nWhat?", "--detector", run, "--json") == 2
    captured = capsys.readouterr()
    first, second, third = map(json.loads, captured.out.splitlines())
    assert list(first) == ["question", "answer", "exact_answer", "p_correct", "verdict", "reason"]
    assert first["verdict"] in ("trust", "doubt")
    assert first["exact_answer"] in first["answer"]
    assert second["answer"] is None
    assert "no room for an answer" in second["reason"]
    assert third["answer"] is not None
    assert len(captured.err.splitlines()) == 1


def test_without_a_detector_answers_have_no_marks(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert converse(monkeypatch, "What?\n", "--model", model, "--max-new-tokens", 5) == 0
    assert "estimated right" not in capsys.readouterr().out
    reply = Chat(str(model), max_new_tokens=5).ask("What?")
    assert (reply.p_correct, reply.verdict, reply.span, reply.reason) == (None, None, None, None)


def test_a_fine_tuned_model_is_asked_with_the_system_prompt_that_it_was_trained_with(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "tuned")
    (folder / "finetune.json").write_text(json.dumps({"data": {"system_prompt": "Be a nurse."}}))
    assert Chat(str(folder)).asking.system_prompt == "Be a nurse."
    assert Chat(str(folder), system_prompt="").asking.system_prompt is None
    (folder / "finetune.json").write_text("[")
    assert Chat(str(folder)).asking.system_prompt is None


def test_the_detector_s_template_is_used(run: Path, model: Path, tmp_path: Path) -> None:
    plain = Chat(str(model), edited(run, tmp_path / "d", lambda c: c["asking"].update(chat_template="plain")))
    assert plain.language_model.tokenizer.chat_template is None
    other = Chat(str(model), edited(run, tmp_path / "e", lambda c: c["asking"].update(chat_template="{{ messages }}")))
    assert other.language_model.tokenizer.chat_template == "{{ messages }}"
    assert other.ask("Who?").answer != plain.ask("Who?").answer


def test_another_model_is_refused_in_one_line_with_both_names(
    run: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = save_model(tmp_path / "other", seed=5)
    capsys.readouterr()
    assert converse(monkeypatch, "What?\n", "--model", other, "--detector", run) == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1
    assert str(model) in error
    assert str(other) in error


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "./nowhere"], "no model at './nowhere'"),
        (["--model", "nobody/nothing"], "cannot open the model"),
        (["--detector", "nowhere"], "no detector in nowhere"),
        (["--temperature", "-1"], "temperature is -1.0"),
        (["--max-new-tokens", "0"], "max_new_tokens is 0"),
    ],
)
def test_a_user_s_error_is_one_line(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert converse(monkeypatch, "What?\n", *arguments) == 2
    error = capsys.readouterr().err.strip()
    assert words in error
    assert len(error.splitlines()) == 1


def test_a_model_that_has_moved_is_asked_for(run: Path, tmp_path: Path) -> None:
    folder = edited(run, tmp_path / "d", lambda c: c["model"].update(name="./moved"))
    with pytest.raises(ModelError, match="name it where it is now with --model"):
        Chat(detector=folder)


def test_drawn_answers_and_other_prompts_are_cautioned(run: Path, model: Path) -> None:
    chat = Chat(str(model), run, temperature=1.5, system_prompt="")
    assert chat.asking.system_prompt is None
    assert len(chat.cautions) == 2
    assert len({chat.ask(asked(1)).answer for _ in range(4)}) > 1
    with pytest.raises(TaskError, match="empty"):
        chat.ask("  ")
    with pytest.raises(SettingsError, match="temperature"):
        Chat(str(model), temperature=float("nan"))


def test_a_number_under_one_half_is_never_called_likely(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    low = edited(run, tmp_path / "d", lambda c: [p.update(threshold=0.0, intercept=-40.0) for p in c["probes"]])
    assert converse(monkeypatch, f"{asked(1)}\n", "--detector", low) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^  0\.00 estimated right: ", printed, flags=re.MULTILINE)
    assert "likely" not in printed
    assert converse(monkeypatch, f"{asked(1)}\n", "--detector", low, "--json") == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "trust"


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])  # the latter is Python's own in the C locale
def test_input_that_is_not_utf_8_is_said(
    errors: str, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = io.TextIOWrapper(io.BytesIO("café?\n".encode("latin-1")), encoding="utf-8", errors=errors)
    monkeypatch.setattr(sys, "stdin", given)
    assert main.run(["chat", "--model", str(model)]) == 2
    assert "not UTF-8 (byte 0xe9)" in capsys.readouterr().err


def test_ctrl_c_ends_a_piped_chat_with_130(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Chat, "ask", interrupted)
    assert converse(monkeypatch, "What?\n", "--detector", run) == 130


def test_a_terminal_shows_doubt_by_underlining_and_no_escape_of_the_model_s() -> None:
    span = Span(start=6, end=11, exact_answer="li\x1b[m", given="liver", locator="choices")
    reply = Reply(
        question="?", answer="It is li\x1b[m.\n", span=span, p_correct=0.2, verdict="doubt", scored="exact_answer"
    )
    text = command._text(reply)
    assert text.plain == "It is li\ufffd[m."
    assert [(s.start, s.end, str(s.style)) for s in text.spans] == [(6, 11, "bold underline red")]
    sure = Reply(question="?", answer=reply.answer, span=span, p_correct=0.9, verdict="trust", scored="any_answer")
    assert [(s.start, s.end, str(s.style)) for s in command._text(sure).spans] == [(0, 12, "bold")]
    assert sure.marked() == sure.answer


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Standard input and output at a terminal: give it what is typed, and it runs a chat and returns what is shown."""
    ours, theirs = os.openpty()
    reading, writing = (os.fdopen(os.dup(theirs), mode, encoding="utf-8") for mode in ("r", "w"))
    monkeypatch.setattr(sys, "stdin", reading)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def chatting(typed: str, *arguments: object, code: int = 0) -> str:
        os.write(ours, typed.encode())
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", writing)
            assert main.run(["chat", *map(str, arguments)]) == code
        writing.flush()
        shown = b""
        while select.select([ours], [], [], 0.3)[0]:  # the terminal hands it over in pieces
            shown += os.read(ours, 65536)
        return shown.decode().replace("\r\n", "\n")

    yield chatting
    reading.close()
    writing.close()
    for descriptor in (ours, theirs):
        os.close(descriptor)


@pytest.mark.parametrize("end", ["\x04", "exit\n"])
@pytest.mark.parametrize("plain", [False, True])
def test_a_chat_at_a_terminal(
    end: str,
    plain: bool,
    terminal: Callable[..., str],
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if plain:
        monkeypatch.setenv("NO_COLOR", "1")
    doubting = edited(run, tmp_path / "d", lambda c: [p.update(threshold=2.0) for p in c["probes"]])
    shown = terminal(f"\n{asked(3)}\n{end}", "--detector", doubting)
    assert "estimated right - doubtful, under 2.00" in shown
    assert ("\x1b[1;4;31m" in shown) == (not plain)
    assert bool(re.search(r"\[[^\n]*\?\]", shown)) == plain
    assert capsys.readouterr().err.count("Each question is asked alone") == 1


def test_ctrl_c_at_a_terminal_stops_an_answer_then_the_program(
    terminal: Callable[..., str], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, calls = Chat.ask, []

    def interrupted(chat: Chat, question: str) -> Reply:
        calls.append(question)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return whole(chat, question)

    monkeypatch.setattr(Chat, "ask", interrupted)
    shown = terminal(f"{asked(1)}\n{asked(2)}\nexit\n", "--detector", run)
    assert calls == [asked(1), asked(2)]
    assert "(stopped)" in shown
    assert "estimated right" in shown

    def at_the_prompt(**_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "_line", at_the_prompt)
    terminal("", "--detector", run, code=130)


def test_closed_sets_are_known_by_the_wording_of_their_questions() -> None:
    alike = [
        Question(question_id=w, question=f"Which organ does {w} affect?", answers=("x",), entity=w, choices=("liver",))
        for w in ("asthma", "a cold")
    ]
    other = Question(question_id="o", question="Which vitamin is it?", answers=("x",), entity="o", choices=("A", "B"))
    asking = Asking.of([*alike, other], prompt=lambda q: q.question, locator=["choices"], max_new_tokens=4)
    assert asking.choices("which organ does hepatitis affect") == ("liver",)
    assert asking.choices("Which vitamin is it") == ("A", "B")
    assert asking.choices("Which vitamin is it not?") == ()
    assert asking.choices("Who?") == ()
    assert [one.opening for one in asking.closed_sets] == ["Which organ does ", "Which vitamin is it?"]
    alone = Asking.of(alike, prompt=lambda q: q.question, locator=["choices"], max_new_tokens=4)
    assert alone.choices("Who?") == ("liver",)


def test_questions_with_a_text_of_their_own_are_asked_without_it() -> None:
    with_text = [Question(question_id=w, question=f"{w}?", answers=("x",), entity=w, context=w * 3) for w in "ab"]
    asking = Asking.of(with_text, prompt=lambda q: f"{q.context} {q.question}", locator=["choices"], max_new_tokens=4)
    assert not asking.whole
    assert asking.messages("c?") == [{"role": "user", "content": "c?"}]
    chat = Chat.__new__(Chat)
    chat.detector = SimpleNamespace(header=SimpleNamespace(asking=asking))  # type: ignore[assignment]
    chat.asking, chat.temperature = asking, 0.0
    assert "came with more" in chat.cautions[0]


def test_the_example_of_the_how_to_runs(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "chat.md"
    [example] = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "demo").symlink_to(run)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "chat.md", "exec"), {})
    assert re.match(r"0\.\d+ (trust|doubt) ", capsys.readouterr().out)
