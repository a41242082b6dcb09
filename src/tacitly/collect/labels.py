"""Stages `labels` and `judgements`: is each answer right, and what do other judges say of it."""

from collections.abc import Iterator, Sequence

from tacitly.collect.bench import Bench
from tacitly.collect.tables import AT_ONCE, labels_frame, read_answers, read_questions
from tacitly.judges.base import Judge
from tacitly.records import Answer, Label


def write_labels(bench: Bench) -> None:
    """Judge every answer that has no label yet, and say what the judge's labels are worth."""
    judge = bench.judges[bench.deciding]
    done = set(bench.run.table("labels").get("answer_id", ()))
    answers = [answer for answer in read_answers(bench.run) if answer.answer_id not in done]
    if answers and judge.caveat:
        bench.warn("labels", judge.caveat)
    for labels in _judge(bench, "labels", judge, answers):
        bench.run.write_table(f"labels/part-{bench.run.next_part('labels'):05d}.parquet", labels_frame(labels))
        bench.run.commit()


def write_judgements(bench: Bench) -> None:
    """Let every judge beside the first say what it thinks of the greedy answers; their labels count for nothing."""
    table = bench.run.table("judgements")
    done = set(zip(table.get("judge", ()), table.get("answer_id", ()), strict=True))
    for name, judge in bench.judges.items():
        if name == bench.deciding:
            continue
        answers = [a for a in read_answers(bench.run) if a.sample == 0 and (name, a.answer_id) not in done]
        if answers and judge.caveat:
            bench.warn("judgements", f"of {name}, a judge whose labels are only compared: {judge.caveat}")
        for labels in _judge(bench, "judgements", judge, answers):
            part = bench.run.next_part("judgements")
            bench.run.write_table(f"judgements/part-{part:05d}.parquet", labels_frame(labels))
            bench.run.commit()


def _judge(bench: Bench, stage: str, judge: Judge, answers: Sequence[Answer]) -> Iterator[dict[str, Label]]:
    """Judge answers, some at once."""
    if not answers:
        return
    questions = {q.question_id: q for q in read_questions(bench.run)[0]}
    bench.progress.begin(stage, len(answers))
    for start in range(0, len(answers), AT_ONCE):
        some = answers[start : start + AT_ONCE]
        labels = judge.judge_all([questions[a.question_id] for a in some], [a.text for a in some])
        yield {a.answer_id: label for a, label in zip(some, labels, strict=True)}
        bench.progress.advance(len(some))
