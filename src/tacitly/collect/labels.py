"""Stage `labels`: is each answer right."""

from tacitly.collect.bench import Bench
from tacitly.collect.tables import labels_frame, read_answers, read_questions


def write_labels(bench: Bench) -> None:
    """Judge every answer that has no label yet."""
    done = set(bench.run.table("labels").get("answer_id", ()))
    answers = [answer for answer in read_answers(bench.run) if answer.answer_id not in done]
    if not answers:
        return
    questions = {q.question_id: q for q in read_questions(bench.run)[0]}
    bench.progress.begin("labels", len(answers))
    labels = {}
    for answer in answers:
        labels[answer.answer_id] = bench.judge.judge(questions[answer.question_id], answer.text)
        bench.progress.advance()
    bench.run.write_table(f"labels/part-{bench.run.next_part('labels'):05d}.parquet", labels_frame(labels))
