"""A model of natural language inference: how likely one text entails another."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from tacitly.errors import ModelError
from tacitly.hub import is_reachable
from tacitly.models.load import explained, find_device
from tacitly.models.quiet import quiet

BATCH = 32
LABELS = ("entailment", "neutral", "contradiction")
ALLOWED = "a hub id (owner/name) or a folder of a model whose labels are entailment, neutral and contradiction"
_SPARE = 2  # positions that some architectures keep for themselves
_USUAL_LENGTH = 512


class EntailmentModel:
    """A sequence classifier with the labels entailment, neutral and contradiction, opened at first use.

    It runs in float32, on an accelerator where there is one. A pair of texts that is too long is cut at its longer end.

    Args:
        name: A hub id or a folder; its weights are read from safetensors alone.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def entailments(self, premises: Sequence[str], hypotheses: Sequence[str]) -> Float[np.ndarray, " pair"]:
        """How likely each premise entails its hypothesis.

        Args:
            premises: Texts.
            hypotheses: As many others.

        Returns:
            Probabilities, by the softmax over the model's labels.

        Raises:
            ModelError: If the model is not there, or does not have these labels.
            ValueError: If the lists are not of one length.
        """
        found: Float[np.ndarray, " pair"] = self.verdicts(premises, hypotheses)[:, LABELS.index("entailment")]
        return found

    def verdicts(self, premises: Sequence[str], hypotheses: Sequence[str]) -> Float[np.ndarray, "pair verdict"]:
        """How likely each premise entails its hypothesis, says nothing of it, and contradicts it.

        Args:
            premises: Texts.
            hypotheses: As many others.

        Returns:
            Probabilities in the order of `LABELS`.

        Raises:
            ModelError: If the model is not there, or does not have these labels.
            ValueError: If the lists are not of one length.
        """
        pairs = list(zip(premises, hypotheses, strict=True))
        places = self._places
        likely = np.zeros((len(pairs), len(LABELS)))
        order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]) + len(pairs[i][1]))
        for start in range(0, len(order), BATCH):
            some = order[start : start + BATCH]
            likely[some] = self._probabilities([pairs[i] for i in some])[:, places]
        return likely

    @torch.inference_mode()
    def _probabilities(self, pairs: list[tuple[str, str]]) -> Float[np.ndarray, "pair verdict"]:
        longest = min(self._tokenizer.model_max_length, self._room)
        inputs = self._tokenizer(
            [premise for premise, _ in pairs],
            [hypothesis for _, hypothesis in pairs],
            padding=True,
            truncation=True,
            max_length=longest,
            return_tensors="pt",
        ).to(self._model.device)
        logits = self._model(**inputs).logits
        probabilities: Float[np.ndarray, "pair verdict"] = logits.double().softmax(-1).cpu().numpy()
        return probabilities

    @property
    def _room(self) -> int:
        positions = getattr(self._config, "max_position_embeddings", None)
        return int(positions) - _SPARE if positions else _USUAL_LENGTH

    @cached_property
    def _places(self) -> list[int]:
        """Where the model has each of `LABELS`."""
        places = {str(label).casefold(): int(i) for i, label in self._config.id2label.items()}
        if sorted(places) != sorted(LABELS):
            raise ModelError(f"the model {self.name!r} has the labels {', '.join(places)}", allowed=ALLOWED)
        return [places[label] for label in LABELS]

    @cached_property
    def _config(self) -> Any:
        with quiet(), explained(self.name, allowed=ALLOWED):
            return AutoConfig.from_pretrained(self.name, **self._where)

    @cached_property
    def _tokenizer(self) -> Any:
        with quiet(), explained(self.name, allowed=ALLOWED):
            return AutoTokenizer.from_pretrained(self.name, **self._where)

    @cached_property
    def _model(self) -> Any:
        with quiet(), explained(self.name, allowed=ALLOWED):
            model = AutoModelForSequenceClassification.from_pretrained(
                self.name, dtype=torch.float32, use_safetensors=True, **self._where
            )
        return model.to(find_device()).eval()

    @cached_property
    def _where(self) -> dict[str, bool]:
        return {"local_files_only": Path(self.name).is_dir() or not is_reachable()}
