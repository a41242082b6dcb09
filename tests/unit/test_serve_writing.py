"""The thread that writes: each answer is the one asked alone; places are freed; failures stay with their own."""

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from tacitly.engines.continuous import ContinuousBatch
from tacitly.models.load import LanguageModel
from tacitly.serve.answering import Answer, Answers, Prompt, Whole
from tacitly.serve.errors import ApiError
from tacitly.serve.service import NO_TOKEN_SCORES, Service
from tacitly.serve.turns import Turns
from tests.unit.detect_samples import asked, made_detector
from tests.unit.gate_samples import PATIENCE
from tests.unit.serve_samples import LIMITS, LONG, answers, lone, made_model, made_service, started, wanted

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return made_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def service(model: LanguageModel) -> Iterator[Service]:
    with started(made_service(model, limits=replace(LIMITS, streams=64, waiting=64))) as service:
        yield service


def foreign(model: LanguageModel, text: str) -> Prompt:
    return Prompt(tuple(model.tokenizer(text)["input_ids"]), text)


def told(answer: Answer) -> list[object]:
    written = answer.whole.written
    return [answer.text, written.token_ids, written.finish_reason, [piece.text for piece in answer.pieces]]


def test_answers_beside_63_others_are_those_asked_alone(service: Service, model: LanguageModel) -> None:
    prompts = [lone(service, asked(i)) if i % 3 else foreign(model, f"{i} {asked(i)}") for i in range(64)]
    wants = [
        wanted(
            prompt,
            max_tokens=3 + i % 16,
            temperature=float(i % 4 == 1),
            seed=i,
            stop=("e", "12") if i % 5 == 2 else (),
        )
        for i, prompt in enumerate(prompts)
    ]
    together = [one for [one] in answers(service, *wants)]
    for mine, want in zip(together, wants, strict=True):
        [[alone]] = answers(service, want)
        assert told(mine) == told(alone)
        np.testing.assert_allclose(scores(mine), scores(alone), atol=1e-3)
        assert mine.whole.said.verdict == alone.whole.said.verdict
        assert mine.whole.said.p_correct == pytest.approx(alone.whole.said.p_correct, abs=1e-3)
    assert len({told(one)[0] for one in together}) > 32
    assert {one.whole.written.finish_reason for one in together} >= {"length", "stop_string"}


def scores(answer: Answer) -> list[float]:
    return [piece.token.p_correct for piece in answer.pieces]


def test_token_scores_are_those_of_the_states_that_were_read(service: Service) -> None:
    [[one]] = answers(service, wanted(lone(service, "Which lake?")))
    states, layers = one.whole.written.states["residual"], service.recorder.layers("residual")
    tokens = service.detector.tokens
    read = states[layers.index(tokens.layer), 1 : 1 + len(one.pieces)]
    np.testing.assert_allclose(scores(one), tokens.score(read), atol=1e-5)


def test_models_whose_answers_must_begin_together_are_served_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    model = made_model(tmp_path_factory.mktemp("mistral"), architecture="mistral")
    with started(made_service(model)) as service:
        wants = [wanted(lone(service, asked(i)), max_tokens=4 + i) for i in range(7)]
        together = answers(service, *wants)
        for mine, want in zip(together, wants, strict=True):
            [alone] = answers(service, want)
            assert told(mine[0]) == told(alone[0])


def test_with_little_memory_answers_wait_for_each_other(model: LanguageModel) -> None:
    service = made_service(model)
    most: list[int] = []
    service.writer._fits = lambda rows, columns: most.append(rows) or rows <= 2
    with started(service):
        found = answers(service, *(wanted(lone(service, asked(i))) for i in range(6)))
    assert len(found) == 6
    assert max(most) == 3


@pytest.fixture
def held(model: LanguageModel) -> Iterator[Service]:
    """A service with two places and two to wait in, whose model waits while a test holds `model_lock`."""
    with started(made_service(model, limits=replace(LIMITS, streams=2, waiting=2))) as service:
        yield service


async def until(condition: object) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)


async def four(service: Service) -> list[Answers]:
    """Answers of which one has its place and three wait, while a test holds the model's lock."""
    taken = [Answers(service, wanted(lone(service, asked(0)), max_tokens=64))]
    await until(lambda: service.writer.active == 1)
    taken += [Answers(service, wanted(lone(service, asked(i)), max_tokens=64)) for i in range(1, 4)]
    assert service.writer.waiting == 3
    return taken


def test_what_is_too_much_is_refused_with_the_time_to_wait(held: Service) -> None:
    async def ask() -> list[list[Answer]]:
        with held.model_lock:
            taken = await four(held)
            with pytest.raises(ApiError) as refused:
                Answers(held, wanted(lone(held, "One more?")))
            assert refused.value.status == 429
            assert 1 <= int(refused.value.headers["Retry-After"]) <= 60
        return [await one.all() for one in taken]

    assert len(asyncio.run(ask())) == 4
    with pytest.raises(ApiError):  # more at once than there ever is room for
        answers(held, wanted(lone(held, "?"), n=5))
    assert (held.writer.active, held.writer.waiting) == (0, 0)


def test_who_goes_away_frees_a_place_whether_waiting_or_not(held: Service) -> None:
    async def ask() -> list[Answer]:
        with held.model_lock:
            taken = await four(held)
            taken[0].give_up()
            taken[2].give_up()
            assert (held.writer.active, held.writer.waiting) == (0, 2)
        await until(lambda: held.writer.waiting == 0)
        found = [await taken[1].all(), await taken[3].all()]
        taken[1].give_up()  # finished: nothing is left to give up
        return [one for some in found for one in some]

    found = asyncio.run(ask())
    for i, one in zip((1, 3), found, strict=True):
        [[alone]] = answers(held, wanted(lone(held, asked(i)), max_tokens=64))
        assert told(one) == told(alone)


def test_an_answer_given_up_amid_its_writing_leaves_the_others_as_they_are(
    held: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[str] = []
    cancel = ContinuousBatch.cancel

    def watched(batch: ContinuousBatch, key: str) -> None:
        left.append(key)
        cancel(batch, key)

    monkeypatch.setattr(ContinuousBatch, "cancel", watched)

    async def ask() -> Answer:
        first = Answers(held, wanted(lone(held, asked(1)), max_tokens=64))
        second = asyncio.ensure_future(Answers(held, wanted(lone(held, asked(2)), max_tokens=64)).all())
        async for _ in first.parts():
            break
        first.give_up()
        [found] = await second
        return found

    mine = asyncio.run(ask())
    [[alone]] = answers(held, wanted(lone(held, asked(2)), max_tokens=64))
    assert told(mine) == told(alone)
    assert held.writer.active == 0
    assert len(left) == 1  # the engine writes no more of it


def test_where_the_model_fails_those_are_told_and_the_next_are_answered(
    held: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError("a secret prompt")

    with monkeypatch.context() as patch:
        patch.setattr(ContinuousBatch, "step", fail)
        with pytest.raises(ApiError) as told_of:
            answers(held, wanted(lone(held, "A secret prompt?")))
    assert told_of.value.status == 500
    assert "secret" not in str(told_of.value) + caplog.text
    assert "MemoryError" in caplog.text
    assert len(answers(held, wanted(lone(held, "And now?")))) == 1


def test_where_scores_fail_the_answer_goes_on(held: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    prompt = wanted(lone(held, "Which lake?"))
    [[before]] = answers(held, prompt)
    monkeypatch.setattr(type(held.detector.tokens), "score", lambda *_: 1 / 0)
    monkeypatch.setattr(type(held.appraiser), "appraise", lambda *_, **__: 1 / 0)
    [[one]] = answers(held, prompt)
    assert told(one) == told(before)
    assert {(piece.token.p_correct, piece.token.error) for piece in one.pieces} == {
        (None, "the token scores failed (ZeroDivisionError)")
    }
    assert (one.whole.said.verdict, one.whole.said.p_correct) == ("abstain", None)
    assert one.whole.said.reason == "scoring failed (ZeroDivisionError)"


def test_a_state_that_is_not_finite_has_no_score(held: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(held.detector.tokens), "score", lambda *_: np.array([np.nan]))
    [[one]] = answers(held, wanted(lone(held, "Which lake?"), max_tokens=2))
    assert {piece.token.error for piece in one.pieces} == {"the model's state there is not finite"}


def test_a_detector_without_token_scores_says_so(model: LanguageModel) -> None:
    with started(made_service(model, made_detector(model, asking=LONG))) as service:
        [[one]] = answers(service, wanted(lone(service, "Which lake?")))
    assert {(piece.token.p_correct, piece.token.error) for piece in one.pieces} == {(None, NO_TOKEN_SCORES)}
    assert one.whole.said.p_correct is not None


def test_the_end_is_told_and_nothing_is_let_in_after_it(model: LanguageModel) -> None:
    service = made_service(model, limits=replace(LIMITS, streams=2, waiting=2))

    async def ask() -> list[ApiError]:
        with service.model_lock:
            taken = await four(service)
            service.stop()
            service.stop()
        errors = []
        for one in taken:
            with pytest.raises(ApiError) as told_of:
                await one.all()
            errors.append(told_of.value)
        with pytest.raises(ApiError) as refused:
            Answers(service, wanted(lone(service, "?")))
        return [*errors, refused.value]

    with started(service):
        assert [error.status for error in asyncio.run(ask())] == [503] * 5


def test_parts_come_while_the_answer_is_written(held: Service) -> None:
    async def ask() -> list[object]:
        return [part async for part in Answers(held, wanted(lone(held, asked(3)), max_tokens=24)).parts()]

    *parts, whole = asyncio.run(ask())
    assert isinstance(whole, Whole)
    assert len(parts) > 3
    assert "".join(p.text for part in [*parts, whole] for p in part.pieces) == whole.written.text
    assert sum(len(part.pieces) for part in [*parts, whole]) == len(whole.written.token_ids)


def test_turns_are_taken_in_the_order_of_coming() -> None:
    turns, taken, threads = Turns(), [], []

    def take(number: int) -> None:
        with turns:
            taken.append(number)

    with turns:
        for number in range(5):
            threads.append(threading.Thread(target=take, args=(number,)))
            threads[-1].start()
            while len(turns._waiting) <= number:
                time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert taken == list(range(5))
    with pytest.raises(KeyError), turns:
        raise KeyError
    with turns:
        taken.append(5)
    assert taken[-1] == 5
