"""States of text that exists already: our reader against a plain batched forward pass.

The texts are the questions of the two tasks as a study asks them, each with its first accepted answer, which is taken
whole as the exact answer. Both sides keep the residual stream of all layers at a study's default positions in
float16. The peer reads sorted, right-padded batches of 32 with `output_hidden_states=True` and, to be quick, no more
than one token's logits; ours also measures the answers' log-probabilities and entropies, as it does for a study. The
peer reads half of the batches in each round and is scaled. About 3 minutes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float

from benchmarks.machine import compare_seconds, settle
from benchmarks.rounds import Options, Result, Side, alternate, deal, seconds
from benchmarks.workload import MODEL, Asked, ask, name_tasks, pad
from tacitly.activations.positions import token_indices
from tacitly.engines.base import Written
from tacitly.engines.torch_engine import TorchEngine
from tacitly.models.load import LanguageModel, load_model
from tacitly.records import Span
from tacitly.settings import POSITIONS

QUESTIONS = 256
BATCH = 32
CLOSE = 0.02  # of the largest state: what float16 and other batches leave

Kept = Float[np.ndarray, "layer position width"]


@dataclass
class ReadingSides:
    """What is measured on one set of texts."""

    language_model: LanguageModel
    texts: Sequence[Written]
    options: Options
    ours: dict[str, Kept] = field(default_factory=dict)
    peer: dict[str, Kept] = field(default_factory=dict)

    @classmethod
    def of(cls, asked: Sequence[Asked], options: Options) -> "ReadingSides":
        """Each question with its first accepted answer."""
        texts = [
            Written(key=q.question_id, prompt_ids=prompt, token_ids=ids, text=q.answers[0], end_id=one.end_id)
            for one in asked
            for q, prompt, ids in zip(one.questions, one.prompts, one.answer_ids(), strict=True)
        ]
        return cls(asked[0].language_model, texts, options)

    def read(self, _: int = 0) -> float:
        """Seconds in which our engine reads everything."""
        places = {text.key: _places(text) for text in self.texts}

        def work() -> None:
            for batch in TorchEngine(self.language_model).read_answers(self.texts, capture=("residual",)):
                for answer in batch:
                    states = (answer.states or {})["residual"]
                    self.ours[answer.key] = _keep(torch.as_tensor(states), places[answer.key])

        return seconds(work)

    def read_plainly(self, round_: int) -> float:
        """Seconds in which a plain forward pass would read everything, from half of its batches."""
        ordered = sorted(self.texts, key=lambda text: len(_whole(text)))
        size = min(BATCH, max(1, len(ordered) // 2))
        whole = [ordered[start : start + size] for start in range(0, len(ordered), size)]
        dealt = deal(len(whole), per_round=max(1, len(whole) // 2), rounds=self.options.rounds, round_=round_)

        def work() -> None:
            for i in dealt:
                self._read_batch(whole[i])
            settle()

        return seconds(work) * len(ordered) / sum(len(whole[i]) for i in dealt)

    @torch.inference_mode()
    def _read_batch(self, texts: Sequence[Written]) -> None:
        model = self.language_model.model
        padded = pad(self.language_model, [_whole(text) for text in texts], side="right")
        layers = model(**padded, output_hidden_states=True, use_cache=False, logits_to_keep=1).hidden_states
        for row, text in enumerate(texts):
            start = len(text.prompt_ids) - 1
            states = torch.stack([layer[row, start : len(_whole(text))] for layer in layers])
            self.peer[text.key] = _keep(states, _places(text))

    def check(self) -> None:
        """Compare what both kept, but for the last layer, which transformers gives after the final norm.

        Raises:
            RuntimeError: It is not the same.
        """
        for key, theirs in self.peer.items():
            mine = self.ours[key][:-1].astype(np.float32)
            off = np.abs(mine - theirs[:-1]).max(axis=(1, 2)) / np.abs(mine).max(axis=(1, 2))
            if off.max() > CLOSE and self.language_model.model.dtype == torch.float32:
                raise RuntimeError(f"the states of {key} differ by {off.max():.3f} of the largest")


def _whole(text: Written) -> tuple[int, ...]:
    return (*text.prompt_ids, *text.token_ids, *(() if text.end_id is None else (text.end_id,)))


def _places(text: Written) -> list[int | None]:
    """Where the positions are, counted from the last token of the prompt."""
    n = len(text.token_ids)
    span = Span(
        start=0, end=len(text.text), exact_answer=text.text, given=text.text, locator="whole", first_token=0,
        last_token=n - 1,
    )  # fmt: skip
    return token_indices(span, n_tokens=n, has_end=text.end_id is not None)


def _keep(states: Float[torch.Tensor, "layer token width"], places: Sequence[int | None]) -> Kept:
    kept = states[:, [place or 0 for place in places]].to("cpu", torch.float16)
    kept[:, [i for i, place in enumerate(places) if place is None]] = 0
    return np.asarray(kept)


def measure(options: Options) -> list[Result]:
    """Measure `capture_text`."""
    model = load_model(MODEL)
    asked = ask(options.size(QUESTIONS, 16), model)
    sides, warm = ReadingSides.of(asked, options), ReadingSides.of(ask(4, model), options)
    found = alternate(
        {"ours": Side(sides.read, warm.read), "peer": Side(sides.read_plainly, lambda: warm.read_plainly(0))},
        rounds=options.rounds,
    )
    sides.check()
    note = (
        f"{name_tasks(asked)} at {len(POSITIONS)} positions; the peer read {len(sides.peer)}, at batch {BATCH}, scaled"
    )
    return [compare_seconds("capture_text", found, note=note)]
