"""Stage `self_evaluation`: what the model itself says of its greedy answers when it is asked whether they are true."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tacitly.activations.contrast import ASKED, FOLDER, POSITIONS, SITE, SUFFIXES, Asked
from tacitly.activations.store import CapturedAnswer, shard_index, write_tensors
from tacitly.collect.bench import Bench
from tacitly.collect.tables import AT_ONCE, read_answers, read_questions, read_spans
from tacitly.engines.self_evaluation import EMPTY, ORDERS, OwnAnswer, SelfEvaluator, Verdict
from tacitly.records import Answer, Question, Span
from tacitly.tasks.base import Task

NOT_LOCATED = "no exact answer was located"
NOT_ASKED = "self_evaluation.of leaves it out"
_EXPECTED = {NOT_LOCATED, NOT_ASKED, EMPTY}


def write_self_evaluation(bench: Bench) -> None:
    """Ask the model about each greedy answer that it was not asked about yet; each batch is committed whole."""
    wanted = bench.settings.self_evaluation.of
    done = set(bench.run.table(FOLDER).get("answer_id", ()))
    answers = [a for a in read_answers(bench.run) if wanted and a.sample == 0 and a.answer_id not in done]
    if not answers:
        return
    bench.progress.begin("self_evaluation", len(answers))
    questions, spans = {q.question_id: q for q in read_questions(bench.run)[0]}, read_spans(bench.run)
    evaluator = SelfEvaluator(bench.language_model, bench.format)
    for start in range(0, len(answers), AT_ONCE):
        own = [
            _own(bench.task, questions[a.question_id], a, spans[a.answer_id], wanted)
            for a in answers[start : start + AT_ONCE]
        ]
        for batch in evaluator.evaluate(own, batch_size=bench.settings.generate.batch_size):
            _write(bench, batch, wanted)
            bench.run.commit()
            bench.progress.advance(len(batch))
    _warn(bench)


def _own(task: Task, question: Question, answer: Answer, span: Span, wanted: Sequence[Asked]) -> OwnAnswer:
    """What is asked about one answer: the user's last words, with passage and options, and what was answered."""
    prompt = task.prompt(question)
    said = prompt if isinstance(prompt, str) else prompt[-1]["content"]
    located = span.exact_answer if span.first_token is not None else None
    texts: dict[Asked, str | None] = {"answer": answer.text, "exact_answer": located}
    possible: dict[str, str] = {asked: text for asked in wanted if (text := texts[asked]) is not None}
    return OwnAnswer(key=answer.answer_id, question=said, possible=possible)


def _write(bench: Bench, batch: Sequence[tuple[str, Mapping[str, Verdict]]], wanted: Sequence[Asked]) -> None:
    """Write one part, a row for each answer, and the shard with their pairs of states."""
    layers, width = sorted(bench.language_model.sites.of(SITE)), bench.language_model.sites.widths[SITE]
    captured, rows = [], []
    for key, verdicts in batch:
        pairs = {asked: verdict.states for asked, verdict in verdicts.items() if verdict.states is not None}
        named = [f"{asked}_{called}" for asked in pairs for called in ("true", "false")]
        states = list(pairs.values()) or [np.zeros((len(layers), 1, width), np.float32)]
        indices = [named.index(position) if position in named else None for position in POSITIONS]
        captured.append(
            CapturedAnswer(answer_id=key, indices=indices, states={SITE: np.concatenate(states, axis=1)}, n_tokens=0)
        )
        rows.append({"answer_id": key, **_columns(verdicts, wanted)})
    number = bench.run.next_part(FOLDER)
    shard = f"{FOLDER}/contrast-{number:05d}.safetensors"
    half = bench.settings.capture.dtype == "float16"
    wide = write_tensors(bench.run, shard, captured, positions=POSITIONS, layers={SITE: layers}, half=half)
    if wide:
        bench.warn("self_evaluation", f"some states do not fit float16 and are stored as float32 (first {wide[0]})")
    frame = pd.DataFrame(rows).merge(shard_index(shard, captured), on="answer_id", validate="one_to_one")
    for name in frame.columns.difference(["answer_id", "shard", "row"]):
        frame[name] = frame[name].astype("string" if name.startswith("reason") else "Float64")
    bench.run.write_table(f"{FOLDER}/part-{number:05d}.parquet", frame)


def _columns(verdicts: Mapping[str, Verdict], wanted: Sequence[Asked]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for asked in ASKED:
        missing = NOT_LOCATED if asked in wanted else NOT_ASKED
        verdict, suffix = verdicts.get(asked, Verdict(reason=missing)), SUFFIXES[asked]
        row[f"p_true{suffix}"] = verdict.p_true
        if asked == "answer":
            row["p_true_single"] = verdict.single
        for called, values in (("true", verdict.true), ("false", verdict.false)):
            for order, value in zip(ORDERS, values or (None, None), strict=True):
                row[f"logprob_{called}_{order}{suffix}"] = value
        row[f"reason{suffix}"] = verdict.reason
    return row


def _warn(bench: Bench) -> None:
    """Say for how many answers the model could not be asked, and why."""
    table = bench.run.table(FOLDER)
    for suffix, words in zip(SUFFIXES.values(), ("whole answers", "exact answers"), strict=True):
        reasons = Counter(reason for reason in table[f"reason{suffix}"].dropna() if reason not in _EXPECTED)
        if reasons:
            [(commonest, _)] = reasons.most_common(1)
            bench.warn(
                "self_evaluation",
                f"p(True) is not defined for {reasons.total()} {words} of {len(table)}, for instance because "
                f"{commonest}",
            )
