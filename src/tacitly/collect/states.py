"""Stages `spans` and `activations`, where the fused step could not do them: from answers that exist already."""

from collections.abc import Mapping, Sequence
from functools import partial

from tacitly.activations.capture import TokenStates
from tacitly.collect.answers import locate, write_states
from tacitly.collect.bench import Bench
from tacitly.collect.later import Later
from tacitly.collect.tables import AT_ONCE, read_answers, read_questions, read_spans, spans_frame
from tacitly.engines.base import Reading
from tacitly.engines.torch_engine import TorchEngine
from tacitly.records import Answer, Span


def write_spans(bench: Bench) -> None:
    """Locate the exact answer of every answer that has no span row yet, part by part."""
    done = set(bench.run.table("spans").get("answer_id", ()))
    answers = [answer for answer in read_answers(bench.run) if answer.answer_id not in done]
    if not answers:
        return
    bench.progress.begin("spans", len(answers))
    questions = {q.question_id: q for q in read_questions(bench.run)[0]}
    for start in range(0, len(answers), AT_ONCE):
        some = answers[start : start + AT_ONCE]
        spans = locate(bench, some, questions)
        bench.run.write_table(f"spans/part-{bench.run.next_part('spans'):05d}.parquet", spans_frame(spans))
        bench.run.commit()
        bench.progress.advance(len(some))


def write_activations(bench: Bench) -> None:
    """Read the states of every answer that has none, by a teacher-forced pass; each batch is committed whole."""
    done = set(bench.run.table("activations").get("answer_id", ()))
    answers = {a.answer_id: a for a in read_answers(bench.run) if a.answer_id not in done}
    if not answers:
        return
    bench.check_sites()
    spans, prompts = read_spans(bench.run), read_questions(bench.run)[1]
    readings = []
    for answer in answers.values():
        prompt = bench.format.token_ids(prompts[answer.question_id])
        end = (answer.end.token_id,) if answer.end else ()
        token_ids = (*prompt, *answer.token_ids, *end)
        captured = tuple(range(len(prompt) - 1, len(token_ids)))
        readings.append(Reading(key=answer.answer_id, token_ids=token_ids, indices=captured))
    bench.progress.begin("activations", len(readings))
    engine = TorchEngine(bench.language_model)
    with Later() as later:
        for batch in engine.read_states(
            readings, sites=bench.settings.capture.sites, batch_size=bench.settings.generate.batch_size
        ):
            chosen = [answers[key] for key, _ in batch]
            later(partial(_write, bench, chosen, spans, [states for _, states in batch]))


def _write(bench: Bench, chosen: Sequence[Answer], spans: Mapping[str, Span], states: Sequence[TokenStates]) -> None:
    """Write the states of one batch, and commit them."""
    write_states(bench, "activations", chosen, spans, states)
    bench.run.commit()
    bench.progress.advance(len(chosen))
