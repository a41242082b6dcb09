"""Stage `labels`: is each answer right."""

from tacitly.collect.bench import Bench
from tacitly.collect.tables import labels_frame, read_answers, read_questions

AT_ONCE = 256  # answers of one part; a judge that asks an endpoint, interrupted, loses no more than these


def write_labels(bench: Bench) -> None:
    """Judge every answer that has no label yet, part by part, and say what the judge's labels are worth."""
    done = set(bench.run.table("labels").get("answer_id", ()))
    answers = [answer for answer in read_answers(bench.run) if answer.answer_id not in done]
    if not answers:
        return
    if bench.judge.caveat:
        bench.warn("labels", bench.judge.caveat)
    questions = {q.question_id: q for q in read_questions(bench.run)[0]}
    bench.progress.begin("labels", len(answers))
    for start in range(0, len(answers), AT_ONCE):
        some = answers[start : start + AT_ONCE]
        judged = bench.judge.judge_all([questions[a.question_id] for a in some], [a.text for a in some])
        labels = dict(zip((a.answer_id for a in some), judged, strict=True))
        bench.run.write_table(f"labels/part-{bench.run.next_part('labels'):05d}.parquet", labels_frame(labels))
        bench.run.commit()
        bench.progress.advance(len(some))
