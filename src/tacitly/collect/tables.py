"""The run's tables: values to Parquet rows and back, and the joined rows that probes and baselines read."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from tacitly.records import Answer, EndToken, Label, Question, Span
from tacitly.run_folder import RunFolder

QUESTIONS = "questions.parquet"
KEPT = "kept"
AT_ONCE = 256  # answers of one part; where a model is asked and fails, no more than these are lost
_END = ("end_token_id", "end_logprob", "end_logit", "end_entropy")


def answer_id(question_id: str, sample: int) -> str:
    """The id of an answer.

    Example:
        >>> answer_id("medfacts/organ/asthma", 0)
        'medfacts/organ/asthma#0'
    """
    return f"{question_id}#{sample}"


def questions_frame(questions: Sequence[Question], prompts: Sequence[str]) -> pd.DataFrame:
    """One row a question, with the whole prompt as the model reads it."""
    return pd.DataFrame(
        {
            "question_id": [q.question_id for q in questions],
            "entity": [q.entity for q in questions],
            "split": pd.array([q.split for q in questions], dtype="string"),
            "question": [q.question for q in questions],
            "prompt": list(prompts),
            "answers": [list(q.answers) for q in questions],
            "choices": [list(q.choices) for q in questions],
            "context": pd.array([q.context for q in questions], dtype="string"),
            "written": pd.array([q.written for q in questions], dtype="string"),
            "graded": pd.array([q.graded for q in questions], dtype="boolean"),
            "meta": [json.dumps(dict(q.meta), ensure_ascii=False) for q in questions],
        }
    )


def read_questions(run: RunFolder) -> tuple[list[Question], dict[str, str]]:
    """The run's questions, and their prompts by id."""
    frame = run.table("questions")
    choices: dict[tuple[str, ...], tuple[str, ...]] = {}  # one object per closed set, so that caches on it are hit
    questions = []
    for row in frame.to_dict("records"):
        closed = tuple(row["choices"])
        questions.append(
            Question(
                question_id=row["question_id"],
                question=row["question"],
                answers=tuple(row["answers"]),
                entity=row["entity"],
                choices=choices.setdefault(closed, closed),
                split=_or_none(row["split"]),
                context=_or_none(row["context"]),
                written=_or_none(row.get("written")),
                graded=_or_none(row.get("graded")),
                meta=json.loads(row["meta"]),
            )
        )
    return questions, dict(zip(frame.get("question_id", ()), frame.get("prompt", ()), strict=True))


def answers_frame(answers: Iterable[Answer]) -> pd.DataFrame:
    """One row an answer; the end token's numbers stand in columns of their own, null where there is none."""
    rows = []
    for answer in answers:
        row = {name: getattr(answer, name) for name in Answer.__dataclass_fields__ if name != "end"}
        end = asdict(answer.end) if answer.end else dict.fromkeys(("token_id", "logprob", "logit", "entropy"))
        rows.append(row | {f"end_{name}": value for name, value in end.items()})
    frame = pd.DataFrame(rows)
    frame["end_token_id"] = frame["end_token_id"].astype("Int64")
    for name in _END[1:]:
        frame[name] = frame[name].astype("Float64")
    return frame


def read_answers(run: RunFolder) -> list[Answer]:
    """The run's answers."""
    answers = []
    for row in run.table("answers").to_dict("records"):
        end_values = [row.pop(name) for name in _END]
        end = None
        if not pd.isna(end_values[0]):
            token_id, logprob, logit, entropy = end_values
            end = EndToken(token_id=int(token_id), logprob=logprob, logit=logit, entropy=entropy)
        for name in ("token_ids", "token_logprobs", "token_logits", "token_entropies"):
            row[name] = tuple(row[name].tolist())
        answers.append(Answer(**{str(key): value for key, value in row.items()}, end=end))
    return answers


def pending_answers(run: RunFolder, samples: int) -> list[tuple[str, int]]:
    """The answers that are asked for and not there yet: question id and sample number (0 is greedy)."""
    answers = run.table("answers")
    done = set(zip(answers["question_id"], answers["sample"], strict=True)) if len(answers) else set()
    wanted = [(q, sample) for q in run.table("questions")["question_id"] for sample in range(samples + 1)]
    return [pair for pair in wanted if pair not in done]


def labels_frame(labels: Mapping[str, Label]) -> pd.DataFrame:
    """One row an answer that was judged; `correct` is null where the judge cannot tell."""
    frame = pd.DataFrame([{"answer_id": key, **asdict(label)} for key, label in labels.items()])
    if len(frame):
        frame["correct"] = frame["correct"].astype("boolean")
    return frame


def spans_frame(spans: Mapping[str, Span]) -> pd.DataFrame:
    """One row an answer, with the reason where no exact answer was found."""
    frame = pd.DataFrame([{"answer_id": key, **asdict(span)} for key, span in spans.items()])
    for name in ("start", "end", "first_token", "last_token"):
        if len(frame):
            frame[name] = frame[name].astype("Int64")
    for name in ("exact_answer", "given", "reason"):
        if len(frame):
            frame[name] = frame[name].astype("string")
    return frame


def read_spans(run: RunFolder) -> dict[str, Span]:
    """The run's spans by answer id."""
    spans = {}
    for row in run.table("spans").to_dict("records"):
        key = row.pop("answer_id")
        spans[key] = Span(**{str(name): _or_none(value) for name, value in row.items()})
    return spans


def greedy_rows(run: RunFolder) -> pd.DataFrame:
    """What probes, baselines and the report read: one row per greedy answer, everything joined on its id.

    Answers that are kept for the promise of abstention are not among them: nothing else may see them.

    Returns:
        Columns answer_id, question_id, sample, entity, split, question, answers, text, correct (True, False or None),
        refused, evidence, located, given, exact_answer, start, end, first_token, last_token, n_tokens, finish_reason,
        token_logprobs, token_logits, token_entropies, end_logprob, end_logit, end_entropy, sorted by answer_id.
    """
    rows = every_greedy_row(run)
    return rows[~rows["question_id"].isin(kept_questions(run))].reset_index(drop=True)


def every_greedy_row(run: RunFolder) -> pd.DataFrame:
    """The rows of `greedy_rows` together with those that are kept, for whoever keeps or tests the promise."""
    answers = run.table("answers")
    return _joined(run, answers[answers["sample"] == 0]).sort_values("answer_id", ignore_index=True)


def sampled_rows(run: RunFolder) -> pd.DataFrame:
    """One row per sampled answer, with the columns of `greedy_rows`, sorted by question and sample; perhaps none."""
    answers = run.table("answers")
    sampled = (answers["sample"] > 0) & ~answers["question_id"].isin(kept_questions(run))
    return _joined(run, answers[sampled]).sort_values(["question_id", "sample"], ignore_index=True)


def kept_questions(run: RunFolder) -> set[str]:
    """The questions whose answers are kept for the promise of abstention; none where no promise was asked for."""
    return set(run.table(KEPT).get("question_id", ()))


def _joined(run: RunFolder, answers: pd.DataFrame) -> pd.DataFrame:
    questions = run.table("questions")[["question_id", "entity", "split", "question", "answers"]]
    rows = answers.merge(questions, on="question_id", validate="many_to_one")
    rows = rows.merge(run.table("labels").drop(columns="judge"), on="answer_id", how="left", validate="one_to_one")
    rows = rows.merge(run.table("spans"), on="answer_id", how="left", validate="one_to_one")
    rows["located"] = rows["first_token"].notna()
    rows["n_tokens"] = rows["token_ids"].map(len)
    for name in ("correct", "split", "given", "exact_answer", "end_logprob", "end_logit", "end_entropy"):
        rows[name] = pd.Series([_or_none(value) for value in rows[name]], index=rows.index, dtype=object)
    return rows


def _or_none(value: Any) -> Any:
    """Pandas' many missing values as None, and its scalars as Python's."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    return value.item() if isinstance(value, np.generic) else value
