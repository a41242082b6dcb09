"""The two states of each answer that contrast-consistent search reads: called true, and called false."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from tacitly.activations.store import ActivationStore
from tacitly.run_folder import RunFolder

Asked = Literal["answer", "exact_answer"]
ASKED: tuple[Asked, ...] = ("answer", "exact_answer")
SUFFIXES: Mapping[Asked, str] = {"answer": "", "exact_answer": "_exact"}
"""What the names of columns of the table `self_evaluation/` end in."""
FOLDER = "self_evaluation"
SITE = "residual"
POSITIONS = tuple(f"{asked}_{verdict}" for asked in ASKED for verdict in ("true", "false"))
"""The positions of a shard: whole answer called true, called false, exact answer called true, called false."""


class ContrastStore:
    """The contrast pairs of some answers, read one layer at a time.

    Args:
        run: The run they are in.
        answer_ids: Which answers, in which order; the model must have been asked about each.
        of: Pairs about the whole answer or about the exact answer.

    Raises:
        CaptureError: If the model was not asked about an answer.
    """

    def __init__(self, run: RunFolder, answer_ids: Sequence[str], *, of: Asked) -> None:
        self._store = ActivationStore(run, answer_ids, folder=FOLDER)
        self._of = of

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers, from the embedding output 0 on; none where there is no answer."""
        return self._store.layers(SITE) if self._store.sites else ()

    @property
    def present(self) -> Bool[np.ndarray, " answer"]:
        """Which answers have a pair: the model was asked about them, and they fitted its context."""
        return self._store.present(f"{self._of}_true")

    def layer_states(self, layer: int) -> Float[np.ndarray, "answer 2 width"]:
        """The states of one layer as float32, called true first; zeros where an answer has no pair."""
        first = POSITIONS.index(f"{self._of}_true")
        states: Float[np.ndarray, "answer 2 width"] = self._store.layer_states(SITE, layer)[:, first : first + 2]
        return states
