"""Texts that begin alike, read once, against transformers reading each of them whole."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tacitly.engines import branches
from tacitly.engines.branches import Branches, BranchesRead, BranchReader, Ending
from tacitly.models.load import LanguageModel
from tests.tiny import ARCHITECTURES, language_model

pytestmark = pytest.mark.unit

NEXT = (30, 70)


@pytest.fixture(scope="module", params=list(ARCHITECTURES))
def lm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return language_model(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return language_model(tmp_path_factory.mktemp("llama"))


def branching(n: int = 7, *, longest: int = 5) -> list[Branches]:
    """Texts with a common prefix, then one per key, then one per ending; some endings lie inside others."""
    rng = np.random.default_rng(0)
    texts = []
    for key in range(n):
        shared = (7, 8, 9, 10, *rng.integers(5, 260, size=rng.integers(1, 8)).tolist())
        endings = []
        for number in range(rng.integers(1, 5)):
            ids = (*shared, *rng.integers(5, 7, size=rng.integers(1, longest)).tolist())
            endings.append(Ending(token_ids=ids, next_ids=NEXT[: number % 3], keeps_state=number % 2 == 0))
        texts.append(Branches(key=f"k{key}", endings=tuple(endings)))
    return texts


def read(reader: BranchReader, texts: list[Branches], **kwargs: object) -> dict[str, BranchesRead]:
    return {one.key: one for batch in reader.read(texts, **kwargs) for one in batch}


def check(lm: LanguageModel, texts: list[Branches], found: dict[str, BranchesRead]) -> None:
    assert set(found) == {text.key for text in texts}
    depth = lm.identity.layers
    for text in texts:
        states = []
        for ending, logprobs in zip(text.endings, found[text.key].logprobs, strict=True):
            with torch.inference_mode():
                output = lm.model(torch.tensor([ending.token_ids]), output_hidden_states=True)
            expected = output.logits[0, -1].log_softmax(-1)[list(ending.next_ids)]
            np.testing.assert_allclose(logprobs, expected.numpy(), atol=1e-4)
            if ending.keeps_state:
                states.append(torch.stack([h[0, -1] for h in output.hidden_states[:depth]]).numpy())
        kept = found[text.key].states["residual"]
        assert kept.shape == (depth + 1, len(states), lm.identity.width)
        np.testing.assert_allclose(kept[:depth], np.stack(states, axis=1), rtol=1e-3, atol=1e-4)


def test_every_ending_is_read_as_if_it_were_read_alone(lm: LanguageModel) -> None:
    texts = branching()
    check(lm, texts, read(BranchReader(lm), texts, batch_size=3))


def test_texts_longer_than_a_sliding_window_are_read_one_by_one(tmp_path: Path) -> None:
    lm = language_model(tmp_path, "mistral")
    texts = branching(3, longest=24)
    assert max(len(e.token_ids) for text in texts for e in text.endings) > lm.model.config.sliding_window
    check(lm, texts, read(BranchReader(lm), texts, batch_size=4))


def test_a_model_that_does_not_attend_as_it_is_told_is_read_one_by_one(
    llama: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, texts = BranchReader(llama), branching()
    run = reader._forward._run

    def careless(tokens, *, mask, positions, cache, keep=1):  # type: ignore[no-untyped-def]
        if mask is not None and mask.ndim == 4:
            mask = torch.triu(torch.full(mask.shape, torch.finfo(mask.dtype).min), diagonal=1 + cache.get_seq_length())
        return run(tokens, mask=mask, positions=positions, cache=cache, keep=keep)

    monkeypatch.setattr(reader._forward, "_run", careless)
    check(llama, texts, read(reader, texts, batch_size=3))
    assert reader._agrees is False


@pytest.mark.parametrize(
    ("limit", "most", "fits"),
    [
        ("PASS_TOKENS", lambda _: 40, lambda rows, width: rows * width <= 40),
        ("MASK_BUDGET_BYTES", lambda size: 2 * 4 * 4 * size, lambda rows, _: rows <= 2),
    ],
)
def test_a_batch_is_read_in_passes_that_fit(
    llama: LanguageModel,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    most: Callable[[int], int],
    fits: Callable[[int, int], bool],
) -> None:
    texts = branching()
    reader = BranchReader(llama)
    shapes: list[torch.Size] = []
    tree = reader._forward.tree

    def watched(prefix, tokens, **kwargs):  # type: ignore[no-untyped-def]
        shapes.append(tokens.shape)
        return tree(prefix, tokens, **kwargs)

    monkeypatch.setattr(branches, limit, most(llama.model.config.vocab_size))
    monkeypatch.setattr(reader._forward, "tree", watched)
    [batch] = reader.read(texts, batch_size=64)
    check(llama, texts, {one.key: one for one in batch})
    assert len(shapes) > 2  # one of them to see whether the model does as told
    assert all(rows == 1 or fits(rows, width) for rows, width in shapes)


def test_what_texts_share_is_read_once(llama: LanguageModel) -> None:
    shared = tuple(range(20, 60))
    endings = tuple(Ending(token_ids=(*shared, 5 + i)) for i in range(4))
    texts = [Branches(key=key, endings=endings) for key in ("a", "b")]
    columns = []
    reader = BranchReader(llama)
    list(reader.read(texts))
    hook = llama.model.model.register_forward_pre_hook(
        lambda _, args, kwargs: columns.append(kwargs["input_ids"].shape), with_kwargs=True
    )
    list(reader.read(texts))
    hook.remove()
    assert columns == [(1, len(shared)), (2, len(endings))]


def test_nothing_to_read_is_nothing(llama: LanguageModel) -> None:
    assert list(BranchReader(llama).read([])) == []
