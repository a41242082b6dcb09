"""The model that a detector reads, and how it is asked."""

from collections.abc import Callable
from pathlib import Path

from tacitly.errors import ModelError
from tacitly.models.load import LanguageModel, load_model
from tacitly.models.prompts import PromptFormat
from tacitly.probes.asking import Asking
from tacitly.probes.detector import Detector

Note = Callable[[str], None]


def open_own_model(
    detector: Detector,
    model: str | Path | LanguageModel | None = None,
    *,
    note: Note | None = None,
) -> LanguageModel:
    """Open the model that a detector was made for.

    Args:
        detector: The detector.
        model: Where that model is now, or the loaded model; by default what the detector names, at its revision.
        note: Hears one line before each slow step.

    Raises:
        ModelError: It is not there.
        DetectorError: It is another one: other weights, another revision, another chat template.
    """
    own = detector.header.model
    if isinstance(model, LanguageModel):
        opened = model
    elif model is not None:
        opened = load_model(str(model), note=note)
    else:
        try:
            opened = load_model(own.name, revision=own.revision, note=note)
        except ModelError as error:
            raise ModelError(f"the detector's model: {error}", remedy="name it where it is now with --model") from error
    found = opened.identity
    detector.require_model(
        weights_hash=found.weights_hash,
        name=found.name,
        revision=found.revision,
        chat_template_sha256=found.chat_template_sha256,
    )
    return opened


def ask_alike(asking: Asking, language_model: LanguageModel) -> PromptFormat:
    """The format in which questions were asked; the model's tokenizer is given its template."""
    if asking.chat_template != "auto":
        template = None if asking.chat_template == "plain" else asking.chat_template
        language_model.tokenizer.chat_template = template
    return PromptFormat(language_model.tokenizer, asking.system_prompt)
