"""A detector that has learned nothing: directions drawn at random, as long to score with as any others."""

import numpy as np

from tacitly.models.load import LanguageModel
from tacitly.probes.asking import Asking
from tacitly.probes.detector import Detector, DetectorModel, LinearProbe, ProbeHeader
from tacitly.probes.detector_header import TokenHeader
from tacitly.probes.token_probes import TokenProbes

ASKING = Asking(
    system_prompt="Answer in one short sentence.", locator=("novel_phrase", "first_line"), max_new_tokens=32
)
PLACES = {"exact_answer": "exact_answer_last_token", "any_answer": "-1"}


def make_detector(model: LanguageModel, *, asking: Asking = ASKING) -> Detector:
    """Make one for a model, with token scores at every layer.

    Args:
        model: Whose states it reads, at two thirds of its depth.
        asking: How its questions are asked.
    """
    rng, identity = np.random.default_rng(0), model.identity
    width, layer, layers = identity.width, 2 * identity.layers // 3, tuple(range(identity.layers + 1))
    shared = {"site": "residual", "width": width, "C": 0.01, "grouping": "by_answer", "layer": layer}
    fitted = {"slope": 0.2, "intercept": 0.1, "threshold": 0.5, "rows": 9, "rows_correct": 4, "cv_auroc": 0.5}
    probes = [
        LinearProbe(
            ProbeHeader.model_validate({**shared, **fitted, "role": role, "position": position}),
            rng.normal(size=width) / 100,
            0.0,
        )
        for role, position in PLACES.items()
    ]
    ones, zeros = (1.0,) * len(layers), (0.0,) * len(layers)
    trained = {"before": 0.2, "after": 0.5, "answers": 9, "tokens": 40}
    tokens = TokenHeader.model_validate({**shared, **trained, "layers": layers, "slopes": ones, "intercepts": zeros})
    made = Detector.of(
        tuple(probes),
        model=DetectorModel(
            name=identity.name,
            revision=identity.revision,
            weights_hash=identity.weights_hash,
            chat_template_sha256=identity.chat_template_sha256,
        ),
        task="none",
        seed=0,
        version="0",
        asking=asking,
    )
    return made.reading_tokens(TokenProbes(tokens, rng.normal(size=(len(layers), width)) / 100, np.zeros(len(layers))))
