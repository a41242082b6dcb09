"""Answers and states from tiny random models of many architectures, against transformers itself."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tacitly.engines.base import Generation, Reading, Request, Sampling, Written
from tacitly.engines.decoding import decode, draw
from tacitly.engines.torch_engine import TorchEngine
from tacitly.errors import CaptureError
from tacitly.models.load import LanguageModel
from tests.tiny import ARCHITECTURES, MIXTURES, language_model

pytestmark = pytest.mark.unit

PROMPTS = ["What is it?", "Where?", "What is the name of the thing that was asked for?", "What is it?"]
SITES = ("residual", "mlp", "mlp_hidden", "attention")


@pytest.fixture(scope="module", params=list(ARCHITECTURES))
def lm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return language_model(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return language_model(tmp_path_factory.mktemp("llama"))


def requests_for(lm: LanguageModel, prompts: list[str] = PROMPTS) -> list[Request]:
    prefix = "<|system|>Answer briefly.<|end|><|user|>"
    return [
        Request(key=f"q{i}", prompt_ids=tuple(lm.tokenizer(prefix + p + "<|assistant|>")["input_ids"]))
        for i, p in enumerate(prompts)
    ]


def answers(lm: LanguageModel, requests: list[Request], **kwargs: object) -> dict[str, Generation]:
    batches = TorchEngine(lm).generate(requests, **kwargs)
    return {f"{g.key}#{g.sample}": g for batch in batches for g in batch}


def sites_of(lm: LanguageModel) -> tuple[str, ...]:
    mixture = lm.model.config.model_type in MIXTURES
    return tuple(site for site in SITES if not (mixture and site == "mlp_hidden"))


def test_greedy_text_equals_generate_one_by_one(lm: LanguageModel) -> None:
    requests = requests_for(lm)
    written = answers(lm, requests, sampling=Sampling(max_new_tokens=12), batch_size=3)
    for request in requests:
        ids = torch.tensor([request.prompt_ids])
        alone = lm.model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False)
        expected = decode(lm.tokenizer, alone[0, len(request.prompt_ids) :].tolist())
        assert written[f"{request.key}#0"].text == expected


def test_states_captured_while_writing_equal_an_independent_forward_pass(lm: LanguageModel) -> None:
    requests = requests_for(lm)
    depth = lm.identity.layers
    written = answers(lm, requests, sampling=Sampling(max_new_tokens=10), capture=sites_of(lm), batch_size=3)
    for request in requests:
        answer = written[f"{request.key}#0"]
        assert answer.states is not None
        end = (answer.end.token_id,) if answer.end else ()
        sequence = (*request.prompt_ids, *answer.token_ids, *end)
        captured = slice(len(request.prompt_ids) - 1, len(sequence))
        with torch.inference_mode():
            output = lm.model(torch.tensor([sequence]), output_hidden_states=True)
        residual = answer.states["residual"]
        assert residual.shape == (depth + 1, len(sequence) - len(request.prompt_ids) + 1, lm.identity.width)
        for layer in range(depth):  # the last entry of hidden_states is after the final norm
            expected = output.hidden_states[layer][0, captured].numpy()
            np.testing.assert_allclose(residual[layer], expected, rtol=1e-3, atol=1e-3)
        for site in sites_of(lm)[1:]:
            assert answer.states[site].shape[0] == depth
            assert np.isfinite(answer.states[site]).all()


def test_the_last_layer_is_before_the_final_norm(lm: LanguageModel) -> None:
    request = requests_for(lm)[0]
    answer = answers(lm, [request], sampling=Sampling(max_new_tokens=4), capture=("residual",))["q0#0"]
    assert answer.states is not None
    last = torch.from_numpy(answer.states["residual"][-1, 0].copy())
    norm = next(
        m for name, m in lm.model.base_model.named_modules() if "." not in name and name.split("_")[-1] in ("norm", "f")
    )
    with torch.inference_mode():
        hidden = lm.model(torch.tensor([request.prompt_ids]), output_hidden_states=True).hidden_states[-1][0, -1]
        torch.testing.assert_close(norm(last), hidden, rtol=1e-3, atol=1e-3)
    assert not torch.allclose(last, hidden, atol=1e-2)


def test_reading_existing_text_agrees_with_capture_while_writing(lm: LanguageModel) -> None:
    requests = {f"{r.key}#0": r for r in requests_for(lm)}
    written = answers(
        lm, list(requests.values()), sampling=Sampling(max_new_tokens=10), capture=sites_of(lm), batch_size=2
    )
    readings = []
    for key, answer in written.items():
        prompt, end = requests[key].prompt_ids, (answer.end.token_id,) if answer.end else ()
        ids = (*prompt, *answer.token_ids, *end)
        readings.append(Reading(key=key, token_ids=ids, indices=tuple(range(len(prompt) - 1, len(ids)))))
    read = dict(pair for batch in TorchEngine(lm).read_states(readings, sites=sites_of(lm)) for pair in batch)
    for key, answer in written.items():
        for site in sites_of(lm):
            np.testing.assert_allclose(read[key][site], answer.states[site], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("budget", [10**9, 1])
def test_reading_an_existing_answer_gives_the_numbers_and_states_of_writing_it(
    lm: LanguageModel, monkeypatch: pytest.MonkeyPatch, budget: int
) -> None:
    monkeypatch.setattr("tacitly.engines.torch_engine.LOGIT_BUDGET_BYTES", budget)  # 1: each answer in its own pass
    requests = {f"{r.key}#0": r for r in requests_for(lm)}
    written = answers(
        lm, list(requests.values()), sampling=Sampling(max_new_tokens=10), capture=sites_of(lm), batch_size=3
    )
    exist = [
        Written(
            key=answer.key,
            prompt_ids=requests[key].prompt_ids,
            token_ids=answer.token_ids,
            text=answer.text,
            end_id=answer.end.token_id if answer.end else None,
        )
        for key, answer in written.items()
    ]
    batches = list(TorchEngine(lm).read_answers(exist, capture=sites_of(lm)))
    assert len(batches) == (1 if budget > 1 else len(exist))
    read = {f"{g.key}#0": g for batch in batches for g in batch}
    for key, answer in written.items():
        again = read[key]
        assert (again.text, again.token_ids) == (answer.text, answer.token_ids)
        for name in ("logprobs", "logits", "entropies"):
            np.testing.assert_allclose(getattr(again, name), getattr(answer, name), rtol=1e-3, atol=1e-3)
        assert (again.end is None) == (answer.end is None)
        if answer.end and again.end:
            assert again.end.token_id == answer.end.token_id
            assert again.end.logprob == pytest.approx(answer.end.logprob, abs=1e-3)
        for site in sites_of(lm):
            np.testing.assert_allclose(again.states[site], answer.states[site], rtol=1e-3, atol=1e-3)


def test_an_existing_answer_can_be_read_without_states(llama: LanguageModel) -> None:
    prompt = requests_for(llama)[0].prompt_ids
    one = Written(key="a", prompt_ids=prompt, token_ids=(40, 41), text="xy", end_id=1)
    [[read]] = TorchEngine(llama).read_answers([one])
    assert read.states is None
    assert len(read.logprobs) == 2
    assert read.end is not None


def test_the_mlp_and_attention_add_up_to_the_residual_stream(llama: LanguageModel) -> None:
    states = answers(llama, requests_for(llama), sampling=Sampling(max_new_tokens=6), capture=SITES)["q2#0"].states
    added = states["residual"][:-1] + states["attention"] + states["mlp"]
    np.testing.assert_allclose(added, states["residual"][1:], rtol=1e-3, atol=1e-3)
    down = [block.mlp.down_proj.weight.numpy() for block in llama.model.model.layers]
    projected = np.stack([hidden @ w.T for hidden, w in zip(states["mlp_hidden"], down, strict=True)])
    np.testing.assert_allclose(projected, states["mlp"], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("architecture", MIXTURES)
def test_a_site_that_does_not_exist_is_refused_by_name(architecture: str, tmp_path: Path) -> None:
    lm = language_model(tmp_path, architecture)
    with pytest.raises(CaptureError, match=r"'mlp_hidden'.*allowed: .*residual"):
        answers(lm, requests_for(lm), sampling=Sampling(max_new_tokens=2), capture=("mlp_hidden",))


def test_numbers_per_token_are_those_of_the_distribution(llama: LanguageModel) -> None:
    request = requests_for(llama)[0]
    answer = answers(llama, [request], sampling=Sampling(max_new_tokens=8))["q0#0"]
    sequence = (*request.prompt_ids, *answer.token_ids)
    with torch.inference_mode():
        logits = llama.model(torch.tensor([sequence])).logits[0, len(request.prompt_ids) - 1 : -1]
    distribution = torch.distributions.Categorical(logits=logits)
    ids = torch.tensor(answer.token_ids)
    np.testing.assert_allclose(answer.logprobs, distribution.log_prob(ids).numpy(), atol=1e-3)
    np.testing.assert_allclose(answer.entropies, distribution.entropy().numpy(), atol=1e-3)
    np.testing.assert_allclose(answer.logits, logits.gather(-1, ids[:, None])[:, 0].numpy(), atol=1e-3)


def test_a_stop_string_ends_the_answer_and_is_cut_off(llama: LanguageModel) -> None:
    request = requests_for(llama)[0]
    free = answers(llama, [request], sampling=Sampling(max_new_tokens=12))["q0#0"]
    stop = free.text[5:7]
    cut = answers(llama, [request], sampling=Sampling(max_new_tokens=12, stop=(stop,)), capture=("residual",))["q0#0"]
    assert cut.text == free.text[: free.text.index(stop)]
    assert cut.finish_reason == "stop_string"
    assert cut.end is not None
    assert (*cut.token_ids, cut.end.token_id) == free.token_ids[: len(cut.token_ids) + 1]
    assert cut.states["residual"].shape[1] == len(cut.token_ids) + 2


def test_an_end_token_ends_the_turn_and_is_kept_apart(llama: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    request = requests_for(llama)[0]
    free = answers(llama, [request], sampling=Sampling(max_new_tokens=12), capture=("residual",))["q0#0"]
    third = free.token_ids[3]
    first = free.token_ids.index(third)
    ending = replace(llama, tokenizer=llama.tokenizer)
    monkeypatch.setitem(ending.__dict__, "end_ids", frozenset({third}))
    ended = answers(ending, [request], sampling=Sampling(max_new_tokens=12), capture=("residual",))["q0#0"]
    assert ended.finish_reason == "end_of_turn"
    assert ended.token_ids == free.token_ids[:first]
    assert ended.end is not None
    assert ended.end.token_id == third
    np.testing.assert_allclose(ended.states["residual"], free.states["residual"][:, : first + 2], rtol=1e-3, atol=1e-4)


def test_samples_are_seeded_and_do_not_depend_on_their_batch(llama: LanguageModel) -> None:
    requests = [replace(r, sample=s) for r in requests_for(llama) for s in range(4)]
    sampling = Sampling(max_new_tokens=8, seed=7)
    together = answers(llama, requests, sampling=sampling, batch_size=16)
    apart = answers(llama, requests, sampling=sampling, batch_size=3)
    assert {k: g.text for k, g in together.items()} == {k: g.text for k, g in apart.items()}
    other = answers(llama, requests, sampling=Sampling(max_new_tokens=8, seed=8))
    assert sum(other[k].text != together[k].text for k in together if not k.endswith("#0")) > 8
    assert all(other[k].text == together[k].text for k in together if k.endswith("#0"))
    assert len({together[f"q0#{s}"].text for s in range(1, 4)}) == 3


def test_draws_follow_the_distribution() -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0, -5.0]]).repeat(4000, 1)
    uniforms = torch.from_numpy((np.arange(4000) + 0.5) / 4000)
    shares = torch.bincount(draw(logits, uniforms), minlength=4) / 4000
    torch.testing.assert_close(shares, logits[0].softmax(-1), atol=1e-3, rtol=0)
    kept = torch.bincount(draw(logits, uniforms, top_p=0.8), minlength=4) / 4000
    torch.testing.assert_close(kept, torch.tensor([0.7311, 0.2689, 0, 0]), atol=1e-3, rtol=0)
    cold = draw(logits, uniforms, temperature=0.01)
    assert cold.unique().tolist() == [0]


def test_nothing_is_computed_before_it_is_asked_for(llama: LanguageModel) -> None:
    calls = []
    hook = llama.model.register_forward_hook(lambda *_: calls.append(1))
    batches = TorchEngine(llama).generate(requests_for(llama), sampling=Sampling(max_new_tokens=2), batch_size=1)
    assert not calls
    next(batches)
    after_one = len(calls)
    next(batches)
    hook.remove()
    assert 0 < after_one < len(calls)
