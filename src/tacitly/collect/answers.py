"""Stage `answers`: one fused step per batch writes or reads answers, locates exact answers and keeps their states.

Where a locator asks a model, the step only writes answers: the stages `spans` and `activations` do the rest, so that a
model that cannot be asked costs no answer.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain

from tacitly.activations.capture import TokenStates
from tacitly.activations.positions import token_indices
from tacitly.activations.store import CapturedAnswer, write_shard
from tacitly.collect.bench import Bench
from tacitly.collect.later import Later
from tacitly.collect.tables import answer_id, answers_frame, pending_answers, read_questions, spans_frame
from tacitly.engines.base import Generation, Request, Sampling, Written
from tacitly.engines.torch_engine import TorchEngine
from tacitly.locators.align import align_batch
from tacitly.locators.base import Passage, locate_all
from tacitly.records import Answer, Question, Span


def write_answers(bench: Bench) -> None:
    """Answer every question without an answer, or read the one that it came with; each batch is committed whole."""
    bench.check_sites()
    bench.settle_model()
    questions, prompts = read_questions(bench.run)
    by_id = {q.question_id: q for q in questions}
    pending = pending_answers(bench.run, bench.settings.generate.samples)
    exist = [q for q, sample in pending if sample == 0 and by_id[q].written is not None]
    asked = [(q, sample) for q, sample in pending if sample > 0 or by_id[q].written is None]
    bench.progress.begin("answers", len(pending))
    with Later() as later:
        for batch in chain(_read(bench, [by_id[q] for q in exist], prompts), _generate(bench, asked, prompts)):
            answers = [_answer(generation) for generation in batch]
            spans = None if bench.locates_later else locate(bench, answers, by_id)
            later(partial(_write, bench, answers, spans, [g.states or {} for g in batch]))
    empty = sum(1 for text in bench.run.table("answers")["text"] if not text.strip())
    if empty:
        bench.warn("answers", f"{empty} answers are empty; they count as unknown")


def _write(
    bench: Bench, answers: Sequence[Answer], spans: Mapping[str, Span] | None, states: Sequence[TokenStates]
) -> None:
    """Write what belongs to one batch, and commit it."""
    number = bench.run.next_part("answers")
    bench.run.write_table(f"answers/part-{number:05d}.parquet", answers_frame(answers))
    if spans is not None:
        bench.run.write_table(f"spans/part-{bench.run.next_part('spans'):05d}.parquet", spans_frame(spans))
        write_states(bench, "answers", answers, spans, states)
    bench.run.commit()
    bench.progress.advance(len(answers))


def _generate(bench: Bench, asked: Sequence[tuple[str, int]], prompts: Mapping[str, str]) -> Iterator[list[Generation]]:
    """Let the model answer."""
    generate = bench.settings.generate
    ids = {q: tuple(bench.format.token_ids(prompts[q])) for q, _ in asked}
    sampling = Sampling(
        max_new_tokens=bench.max_new_tokens,
        temperature=generate.temperature,
        top_p=generate.top_p,
        stop=tuple(dict.fromkeys((*generate.stop, *bench.task.stop, *bench.format.stop))),
        seed=bench.settings.sampling_seed,
    )
    requests = [Request(key=q, prompt_ids=ids[q], sample=sample) for q, sample in asked]
    return TorchEngine(bench.language_model).generate(
        requests,
        sampling=sampling,
        capture=_captured(bench),
        batch_size=generate.batch_size,
        memory=generate.memory,
    )


def _read(bench: Bench, questions: Sequence[Question], prompts: Mapping[str, str]) -> Iterator[list[Generation]]:
    """Let the model read the answers that the questions came with."""
    form = bench.format
    end = next((i for i in form.closing_ids() if i in bench.language_model.end_ids), None)
    written = [
        Written(
            key=question.question_id,
            prompt_ids=tuple(form.token_ids(prompts[question.question_id])),
            token_ids=tuple(form.answer_ids(prompts[question.question_id], question.written or "")),
            text=question.written or "",
            end_id=end,
        )
        for question in questions
    ]
    return TorchEngine(bench.language_model).read_answers(
        written, capture=_captured(bench), batch_size=bench.settings.generate.batch_size
    )


def _captured(bench: Bench) -> tuple[str, ...]:
    return () if bench.locates_later else bench.settings.capture.sites


def locate(bench: Bench, answers: Sequence[Answer], questions: Mapping[str, Question]) -> dict[str, Span]:
    """Find the exact answer of each answer, in characters and in tokens."""
    asked = [questions[answer.question_id] for answer in answers]
    passages = [Passage(q.question, a.text, q.choices) for q, a in zip(asked, answers, strict=True)]
    spans = locate_all(bench.locator, passages)
    texts = [a.text for a in answers]
    aligned = align_batch(spans, [a.token_ids for a in answers], bench.language_model.tokenizer, texts=texts)
    return {a.answer_id: span for a, span in zip(answers, aligned, strict=True)}


def write_states(
    bench: Bench,
    stage: str,
    answers: Sequence[Answer],
    spans: Mapping[str, Span],
    states: Sequence[TokenStates],
) -> None:
    """Write the shards of one batch: greedy answers with every position, sampled ones with theirs."""
    capture, sites = bench.settings.capture, bench.language_model.sites
    layers = {site: tuple(sorted(sites.of(site))) for site in capture.sites}
    for positions, chosen in _by_positions(bench, answers):
        captured = [
            CapturedAnswer(
                answer_id=answers[i].answer_id,
                indices=token_indices(
                    spans[answers[i].answer_id],
                    n_tokens=len(answers[i].token_ids),
                    has_end=answers[i].end is not None,
                    positions=positions,
                ),
                states=states[i],
                n_tokens=len(answers[i].token_ids),
            )
            for i in chosen
        ]
        greedy = answers[chosen[0]].sample == 0
        wide = write_shard(
            bench.run,
            bench.run.next_part("activations"),
            captured,
            positions=positions,
            layers=layers,
            token_layers=capture.token_layers if greedy else (),
            half=capture.dtype == "float16",
        )
        if wide:
            bench.warn(stage, f"some activations do not fit float16 and are stored as float32 (first {wide[0]})")


def _by_positions(bench: Bench, answers: Sequence[Answer]) -> Iterator[tuple[tuple[str, ...], list[int]]]:
    capture = bench.settings.capture
    greedy = [i for i, answer in enumerate(answers) if answer.sample == 0]
    sampled = [i for i, answer in enumerate(answers) if answer.sample > 0]
    if greedy:
        yield capture.positions, greedy
    if sampled:
        yield capture.sample_positions, sampled


def _answer(generation: Generation) -> Answer:
    return Answer(
        answer_id=answer_id(generation.key, generation.sample),
        question_id=generation.key,
        sample=generation.sample,
        text=generation.text,
        token_ids=generation.token_ids,
        token_logprobs=generation.logprobs,
        token_logits=generation.logits,
        token_entropies=generation.entropies,
        finish_reason=generation.finish_reason,
        end=generation.end,
    )
