"""Continuous batching: what is computed, and that an answer does not depend on its company."""

from collections import deque
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tacitly.activations.capture import Recorder
from tacitly.engines import prompt_reading
from tacitly.engines.base import Generation, Reading, Request, Sampling
from tacitly.engines.continuous import ContinuousBatch
from tacitly.engines.forward import Forward
from tacitly.engines.room import Room
from tacitly.engines.stops import Stops
from tacitly.engines.torch_engine import TorchEngine
from tacitly.models.load import LanguageModel
from tests.tiny import language_model

pytestmark = pytest.mark.unit

PREFIX = tuple(range(30, 50))


@pytest.fixture(scope="module")
def lm(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return language_model(tmp_path_factory.mktemp("llama"))


def request(key: str, *own: int, sample: int = 0) -> Request:
    return Request(key=key, prompt_ids=(*PREFIX, *own), sample=sample)


def write(lm: LanguageModel, requests: list[Request], **kwargs: object) -> dict[tuple[str, int], Generation]:
    sampling = kwargs.pop("sampling", Sampling(max_new_tokens=6))
    batches = TorchEngine(lm).generate(requests, sampling=sampling, **kwargs)
    return {(g.key, g.sample): g for batch in batches for g in batch}


class Passes:
    """Counts the tokens of each forward pass, and the rows whose next token the output layer is asked for."""

    def __init__(self, lm: LanguageModel) -> None:
        self._model = lm.model
        self.tokens: list[int] = []
        self.logits: list[int] = []

    def __enter__(self) -> "Passes":
        def before(_: object, args: tuple[object, ...], kwargs: dict[str, torch.Tensor]) -> None:
            self.tokens.append(kwargs["input_ids"].numel())

        self._hooks = [
            self._model.register_forward_pre_hook(before, with_kwargs=True),
            self._model.get_output_embeddings().register_forward_hook(
                lambda _, args, out: self.logits.append(out[..., 0].numel())
            ),
        ]
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()


@pytest.fixture
def endless(lm: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> LanguageModel:
    """The same model, of which no token ends an answer."""
    monkeypatch.setattr(type(lm), "end_ids", frozenset())
    return lm


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    prompts=st.lists(st.lists(st.integers(3, 200), min_size=1, max_size=6), min_size=1, max_size=9),
    size=st.integers(1, 5),
    capture=st.booleans(),
)
def test_an_answer_is_the_one_it_would_be_alone(
    lm: LanguageModel, prompts: list[list[int]], size: int, capture: bool
) -> None:
    requests = [request(f"q{i}", *own, sample=i % 3) for i, own in enumerate(prompts)]
    sites = ("residual",) if capture else ()
    together = write(lm, requests, batch_size=size, capture=sites)
    assert len(together) == len(requests)
    for one in requests:
        [(_, alone)] = write(lm, [one], capture=sites).items()
        found = together[one.key, one.sample]
        assert found.token_ids == alone.token_ids
        assert found.finish_reason == alone.finish_reason
        np.testing.assert_allclose(found.logprobs, alone.logprobs, atol=1e-3)
        if capture:
            assert found.states is not None
            assert alone.states is not None
            np.testing.assert_allclose(found.states["residual"], alone.states["residual"], atol=1e-3)


def test_a_finished_answer_s_place_is_taken_at_once(endless: LanguageModel) -> None:
    requests = deque(request(f"q{i}", 60 + i) for i in range(5))
    forward = Forward(endless)
    prefix = forward.prefix([r.prompt_ids for r in requests])
    batch = ContinuousBatch(
        endless, forward, prefix, slots=2, columns=8, sampling=Sampling(max_new_tokens=3, stop=("zz",))
    )
    seen = []
    with torch.inference_mode():
        while requests or batch.busy:
            done = batch.fill(requests)
            seen.append(batch.active)
            done += batch.step()
    assert seen[:4] == [2, 2, 2, 2]  # three tokens of two answers, then the next two begin
    assert seen[-1] == 1


def test_each_prompt_is_read_once_whatever_is_asked_of_it(endless: LanguageModel) -> None:
    own = (60, 61, 62)
    requests = [request("q", *own, sample=k) for k in range(10)]
    with Passes(endless) as passes:
        write(endless, requests, batch_size=4, sampling=Sampling(max_new_tokens=5))
    assert passes.tokens[0] == len(PREFIX) + len(own) - 1  # the longest prefix that leaves each a token of its own
    assert passes.tokens[1] == 1
    assert sum(passes.tokens[2:]) == 10 * 4  # the first token comes from the prompt, the last is not fed
    assert max(passes.tokens[2:]) == 4


def test_the_output_layer_is_asked_only_where_a_token_is_chosen(endless: LanguageModel) -> None:
    requests = [request(f"q{i}", 60 + i) for i in range(3)]
    with Passes(endless) as passes:
        write(endless, requests, sampling=Sampling(max_new_tokens=4), capture=("residual",))
    assert passes.tokens[-1] == 3  # every last token is fed, for its state
    assert passes.logits[-1] == 0
    assert sum(passes.logits[1:]) == 3 * 4


def test_existing_texts_share_what_they_begin_with_and_stop_at_the_last_layer_wanted(lm: LanguageModel) -> None:
    readings = [
        Reading(key=f"q{i}", token_ids=(*PREFIX, 60 + i, 61), indices=(len(PREFIX), len(PREFIX) + 1)) for i in range(3)
    ]
    lengths: list[int] = []
    blocks = [
        m.register_forward_hook(lambda _, args, out: lengths.append(args[0].shape[1]))
        for m in lm.model.base_model.layers
    ]
    engine = TorchEngine(lm)
    [some] = engine.read_states(readings, sites=("residual",), layers=(1,))
    for hook in blocks:
        hook.remove()
    depth = len(blocks)
    assert lengths[:depth] == [len(PREFIX)] * depth
    assert lengths[depth:] == [2]
    [whole] = engine.read_states(readings, sites=("residual",))
    for (key, states), (same, every) in zip(some, whole, strict=True):
        assert key == same
        assert states["residual"].shape == (1, 2, lm.identity.width)
        np.testing.assert_allclose(states["residual"][0], every["residual"][1], atol=1e-5)


def test_a_model_is_left_as_it_was(lm: LanguageModel) -> None:
    before = [dict(m._forward_hooks) | dict(m._forward_pre_hooks) for m in lm.model.modules()]
    write(lm, [request("q", 60)], capture=("residual", "mlp"))
    assert before == [dict(m._forward_hooks) | dict(m._forward_pre_hooks) for m in lm.model.modules()]


def test_more_memory_lets_more_be_written_at_once(lm: LanguageModel) -> None:
    recorder = Recorder(lm.sites, ("residual",))
    ordered = [request(f"q{i}", *[60] * n) for i, n in enumerate((4000, 3000, 300, 30, 3))]

    def sizes(memory: float, most: int = 64) -> list[tuple[int, int]]:
        room = Room(lm, recorder, new_tokens=8, memory=memory)
        return [(len(group), slots) for group, slots in room.groups(ordered, len(PREFIX), most=most)]

    one = Room(lm, recorder, new_tokens=8, memory=1).bytes_of(len(PREFIX) * 2 + 4000 + 8) / 1e9
    assert sizes(64.1 * one) == [(5, 64)]
    tight = sizes(2.1 * one)
    assert tight[0] == (2, 2)
    assert all(2 * a <= b for (_, a), (_, b) in pairwise(tight))
    assert sum(n for n, _ in tight) == 5
    assert sizes(1e-9) == [(5, 1)]  # one at least, and no more where even the shortest does not fit


def test_only_rows_whose_newest_token_may_complete_a_stop_string_are_looked_at(lm: LanguageModel) -> None:
    ids = torch.tensor(lm.tokenizer("a?b\n")["input_ids"])
    texts = [lm.tokenizer.decode([i]) for i in ids.tolist()]
    stops = Stops(["so?", "\n"], lm.tokenizer, size=300, device=torch.device("cpu"))
    for _ in range(2):  # the second time from what is known
        assert stops.may_end(ids).tolist() == [("?" in t or "\n" in t) for t in texts]
    assert not Stops([], lm.tokenizer, size=300, device=torch.device("cpu")).may_end(ids).any()
    assert Stops(["é"], lm.tokenizer, size=300, device=torch.device("cpu")).may_end(ids).all()


def test_every_answer_may_be_written_in_its_own_way_and_watched(endless: LanguageModel) -> None:
    longest = Sampling(max_new_tokens=8)
    own = [Sampling(max_new_tokens=3), Sampling(max_new_tokens=8, temperature=0.5, seed=9), None]
    requests = [replace(request(f"q{i}", 60 + i, sample=i % 2), sampling=s) for i, s in enumerate(own)]
    alone = [write(endless, [r], sampling=longest, capture=("residual",)) for r in requests]
    stop = alone[2]["q2", 0].text[4]
    requests.append(replace(requests[2], key="q3", sampling=Sampling(max_new_tokens=8, stop=(stop,))))
    alone.append(write(endless, [requests[3]], sampling=longest, capture=("residual",)))
    forward = Forward(endless)
    recorder = Recorder(endless.sites, ("residual",), only=(1, 2))
    prefix = forward.prefix([r.prompt_ids for r in requests])
    batch = ContinuousBatch(endless, forward, prefix, slots=3, columns=12, sampling=longest, recorder=recorder)
    waiting, done = deque(requests), []
    tokens: dict[str, list[int]] = {r.key: [] for r in requests}
    states: dict[str, list[np.ndarray]] = {r.key: [] for r in requests}
    with torch.inference_mode(), recorder.attached():
        while waiting or batch.busy:
            done += batch.fill(waiting)
            for one, token, _ in batch.newest():
                tokens[one.key].append(token)
            done += batch.step()
            for one, token, _ in batch.newest():
                tokens[one.key].append(token)
            for one, state in zip(*batch.fed("residual"), strict=True):
                states[one.key].append(state.numpy().copy())
    assert sorted(g.key for g in done) == ["q0", "q1", "q2", "q3"]
    assert alone[3]["q3", 0].finish_reason == "stop_string"
    for one in alone:
        [expected] = one.values()
        end = [expected.end.token_id] if expected.end else []
        assert tokens[expected.key] == [*expected.token_ids, *end]
        np.testing.assert_allclose(
            np.stack(states[expected.key], axis=1), expected.states["residual"][1:3, 1:], atol=1e-3
        )
    assert len(tokens["q0"]) == 3


def test_an_answer_can_be_given_up(endless: LanguageModel) -> None:
    requests = [request("a", 60), request("b", 61), request("a", 60, sample=1), request("c", 62)]
    forward = Forward(endless)
    prefix = forward.prefix([r.prompt_ids for r in requests])
    batch = ContinuousBatch(endless, forward, prefix, slots=2, columns=9, sampling=Sampling(max_new_tokens=5))
    waiting, done = deque(requests), []
    with torch.inference_mode():
        done += batch.fill(waiting)
        batch.cancel("a")
        while waiting or batch.busy:
            done += batch.fill(waiting) + batch.step()
    assert {g.key for g in done} == {"b", "c"}
    expected = write(endless, [requests[1]], sampling=Sampling(max_new_tokens=5))["b", 0]
    assert next(g for g in done if g.key == "b").token_ids == expected.token_ids


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rng=st.integers(0, 10**6).map(np.random.default_rng))
def test_a_batch_that_grows_and_mixes_prompts_writes_what_each_would_be_alone(
    lm: LanguageModel, rng: np.random.Generator
) -> None:
    """Answers join amid others, with and without the shared prefix, are given up, and memory is made anew for them."""
    requests = [
        Request(
            key=f"q{i}",
            prompt_ids=(*(PREFIX if rng.random() < 0.6 else ()), *rng.integers(3, 200, rng.integers(1, 30)).tolist()),
            sampling=Sampling(max_new_tokens=int(rng.integers(1, 13))),
        )
        for i in range(rng.integers(1, 15))
    ]
    gone = {f"q{i}" for i in rng.integers(0, len(requests), 2)} if rng.random() < 0.5 else set[str]()
    forward = Forward(lm)
    with torch.inference_mode(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(prompt_reading, "PART_TOKENS", int(rng.choice([5, 256])))
        prefix = forward.prefix([(*PREFIX, 3), (*PREFIX, 4)])
        recorder = Recorder(lm.sites, ("residual",), only=(1, 3))
        batch = ContinuousBatch(
            lm,
            forward,
            prefix,
            slots=12,
            columns=60,
            sampling=Sampling(max_new_tokens=12),
            recorder=recorder,
            grows=True,
        )
        waiting, later, done = deque[Request](), deque(requests), []
        with recorder.attached():
            while later or waiting or batch.busy:
                waiting.extend(later.popleft() for _ in range(min(len(later), rng.integers(0, 5))))
                done += batch.fill(waiting)
                done += batch.step()
                for key in sorted(gone) if rng.random() < 0.3 else ():
                    batch.cancel(key)
    found = {one.key: one for one in done}
    assert {r.key for r in requests} - gone <= set(found)
    for request in requests:
        if request.key in found:
            alone = write(lm, [replace(request, sampling=None)], sampling=request.sampling, capture=("residual",))
            [one] = alone.values()
            mine = found[request.key]
            assert (mine.token_ids, mine.finish_reason) == (one.token_ids, one.finish_reason)
            np.testing.assert_allclose(mine.states["residual"], one.states["residual"][[1, 3]], atol=1e-3)


def test_draws_are_those_of_the_name_that_is_given_for_them(lm: LanguageModel) -> None:
    plain = Request(key="a", prompt_ids=(*PREFIX, 7), sample=1)
    named = replace(plain, key="b", drawn_as="a")
    other = replace(plain, key="b")
    tokens = {r: next(iter(write(lm, [r]).values())).token_ids for r in (plain, named, other)}
    assert tokens[plain] == tokens[named] != tokens[other]


def test_others_go_on_while_a_long_prompt_is_read(endless: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_reading, "PART_TOKENS", 8)
    forward = Forward(endless)
    with torch.inference_mode():
        batch = ContinuousBatch(
            endless,
            forward,
            forward.prefix([(*PREFIX, 3), (*PREFIX, 4)]),
            slots=4,
            columns=120,
            sampling=Sampling(max_new_tokens=20),
            grows=True,
        )
        batch.fill(deque([request("short", 60)]))
        long = deque([request("long", *range(60, 100)), request("next", 61)])
        written = []
        with Passes(endless) as passes:
            while batch.active < 3:
                batch.fill(long)
                batch.step()
                written.append([r.key for r, _, _ in batch.newest()])
        assert written[:4] == [["short"]] * 4  # 40 tokens in five parts, and a token of the other between them
        assert len(written) == 5
        assert max(passes.tokens) == 8
        batch.fill(deque([request("gone", *range(100, 150))]))
        assert batch.busy
        batch.cancel("gone")
        assert not batch._reader.busy
