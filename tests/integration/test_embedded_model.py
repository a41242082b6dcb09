"""The embedded model: fetched through pip, answered with, and read."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tacitly.engines.base import Generation, Reading, Request, Sampling
from tacitly.engines.decoding import decode
from tacitly.engines.torch_engine import TorchEngine
from tacitly.errors import ModelError
from tacitly.models import embedded
from tacitly.models.load import LanguageModel, load_model
from tacitly.models.prompts import PromptFormat
from tacitly.tasks.catalog import load_task

pytestmark = pytest.mark.integration

SAMPLING = Sampling(max_new_tokens=24)


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    try:
        return load_model("embedded")
    except ModelError as error:
        if not embedded.is_ready() and "could not fetch" in str(error):
            pytest.skip(f"the embedded model cannot be fetched here: {error}")
        raise


@pytest.fixture(scope="module")
def requests(lm: LanguageModel) -> dict[str, Request]:
    task = load_task("medfacts", limit=12)
    form = PromptFormat(lm.tokenizer, task.system_prompt)
    made = {}
    for question in task.questions():
        ids = tuple(form.token_ids(form.render(task.prompt(question))))
        made[question.question_id] = Request(key=question.question_id, prompt_ids=ids)
    return made


@pytest.fixture(scope="module")
def written(lm: LanguageModel, requests: dict[str, Request]) -> dict[str, Generation]:
    batches = TorchEngine(lm).generate(list(requests.values()), sampling=SAMPLING, capture=("residual",), batch_size=10)
    return {g.key: g for batch in batches for g in batch}


def near_tie(lm: LanguageModel, request: Request, mine: list[int], other: list[int]) -> bool:
    """Whether two continuations part where the two best logits are within 1e-3."""
    parting = next(i for i, (a, b) in enumerate(zip(mine, other, strict=False)) if a != b)
    with torch.inference_mode():
        logits = lm.model(torch.tensor([[*request.prompt_ids, *mine[:parting]]])).logits[0, -1]
    first, second = logits.topk(2).values.tolist()
    return first - second < 1e-3


def test_greedy_text_equals_generate_one_by_one(
    lm: LanguageModel, requests: dict[str, Request], written: dict[str, Generation]
) -> None:
    for key, request in requests.items():
        ids = torch.tensor([request.prompt_ids])
        alone = lm.model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=24, do_sample=False)
        tokens = alone[0, len(request.prompt_ids) :].tolist()
        mine = written[key]
        if mine.text != decode(lm.tokenizer, tokens):
            assert near_tie(lm, request, list(mine.token_ids), tokens), key


def test_states_written_along_equal_those_of_a_pass_over_the_text(
    lm: LanguageModel, requests: dict[str, Request], written: dict[str, Generation]
) -> None:
    readings = []
    for key, answer in written.items():
        prompt, end = requests[key].prompt_ids, (answer.end.token_id,) if answer.end else ()
        ids = (*prompt, *answer.token_ids, *end)
        readings.append(Reading(key=key, token_ids=ids, indices=tuple(range(len(prompt) - 1, len(ids)))))
    for batch in TorchEngine(lm).read_states(readings, sites=("residual",), batch_size=8):
        for key, states in batch:
            mine = written[key].states
            assert mine is not None
            np.testing.assert_allclose(states["residual"], mine["residual"], rtol=1e-3, atol=2e-2)


def test_the_converted_model_is_what_it_says(lm: LanguageModel, tmp_path: Path) -> None:
    assert (lm.identity.layers, lm.identity.width, lm.identity.parameters) == (30, 576, 134_515_008)
    assert lm.identity.weights_hash == embedded.WHEEL_SHA256
    assert set(lm.sites.taps) == {"residual", "mlp", "mlp_hidden", "attention"}
    assert lm.sites.widths["mlp_hidden"] == 1536
