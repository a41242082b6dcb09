"""A tiny model with a detector made by hand, and answers that the model wrote."""

from pathlib import Path

import numpy as np

from tacitly.engines.base import Generation, Request, Sampling
from tacitly.engines.torch_engine import TorchEngine
from tacitly.models.load import LanguageModel
from tacitly.probes.asking import Asking, ClosedSet
from tacitly.probes.detector import Detector, DetectorModel, LinearProbe, ProbeHeader, Role
from tacitly.probes.own_model import ask_alike
from tests.tiny import language_model

WIDTH = 16
ASKING = Asking(
    system_prompt="Be brief.",
    before="Say: ",
    locator=("first_line",),
    closed_sets=(ClosedSet(choices=("red", "blue")),),
    max_new_tokens=6,
)


def made_probe(role: Role, **changes: object) -> LinearProbe:
    header = {
        "role": role,
        "site": "residual",
        "layer": 2,
        "position": "exact_answer_last_token" if role == "exact_answer" else "-1",
        "width": WIDTH,
        "C": 0.01,
        "slope": 0.2,
        "intercept": 0.1,
        "threshold": 0.5,
        "rows": 100,
        "rows_correct": 40,
        "grouping": "by_answer",
        "cv_auroc": 0.8,
    }
    rng = np.random.default_rng(len(role))
    return LinearProbe(ProbeHeader(**{**header, **changes}), rng.normal(size=WIDTH) / 4, 0.1)


def made_detector(model: LanguageModel, *probes: LinearProbe, asking: Asking | None = ASKING) -> Detector:
    identity = model.identity
    return Detector.of(
        probes or (made_probe("exact_answer"), made_probe("any_answer", layer=3)),
        model=DetectorModel(
            name=identity.name,
            revision=None,
            weights_hash=identity.weights_hash,
            chat_template_sha256=identity.chat_template_sha256,
        ),
        task="file",
        seed=0,
        version="0",
        asking=asking,
    )


def tiny(folder: Path, **kwargs: object) -> LanguageModel:
    return language_model(folder, **{"seed": 1, **kwargs})


def asked(i: int) -> str:
    return f"Number {i} is {i * 7919 % 10007}"


def written(
    model: LanguageModel, asking: Asking, questions: list[str], *, capture: tuple[str, ...] = ("residual",)
) -> list[Generation]:
    """What the model answers, with its states, in the questions' order."""
    form = ask_alike(asking, model)
    requests = [
        Request(key=q, prompt_ids=tuple(form.token_ids(form.render(asking.messages(q)))), sample=0) for q in questions
    ]
    sampling = Sampling(max_new_tokens=asking.max_new_tokens, stop=(*asking.stop, *form.stop))
    batches = TorchEngine(model).generate(requests, sampling=sampling, capture=tuple(dict.fromkeys(capture)))
    found = {one.key: one for batch in batches for one in batch}
    return [found[q] for q in questions]
