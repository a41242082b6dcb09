"""How many answers fit a memory budget at once."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tacitly.activations.capture import Recorder, bytes_per_row
from tacitly.engines.base import Request
from tacitly.models.load import LanguageModel

SPACE_FOR_LOGITS = 4  # copies of a row's logits in float32, while a token is chosen


@dataclass(frozen=True)
class Room:
    """Memory that answers take while they are written.

    Attributes:
        new_tokens: The most tokens of an answer.
        memory: The budget, in GB (10^9 bytes).
    """

    language_model: LanguageModel
    recorder: Recorder | None
    new_tokens: int
    memory: float

    def bytes_of(self, columns: int) -> int:
        """Of one answer: keys and values of so many tokens, logits, and states.

        States are there three times: of the answer being written, of one that is finished, of one being stored.
        """
        model = self.language_model.model
        config = model.config.get_text_config(decoder=True)
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        cached = 2 * config.num_hidden_layers * heads * width * columns * model.dtype.itemsize
        logits = 4 * SPACE_FOR_LOGITS * config.vocab_size
        states = 3 * bytes_per_row(self.recorder, self.new_tokens + 1) if self.recorder else 0
        return int(cached + logits + states)

    def groups(self, requests: Sequence[Request], prefix: int, *, most: int) -> Iterator[tuple[deque[Request], int]]:
        """Split requests, longest first, where shorter ones let twice as many be written at once.

        Yields:
            Requests, and how many of them to write at once: at least 1, at most `most`.
        """
        group: deque[Request] = deque()
        slots = 0
        for request in requests:
            fits = self._slots(prefix + len(request.prompt_ids) + self.new_tokens, most)
            if group and fits >= 2 * slots:
                yield group, slots
                group = deque()
            if not group:
                slots = fits
            group.append(request)
        if group:
            yield group, slots

    def _slots(self, columns: int, most: int) -> int:
        return max(1, min(most, int(self.memory * 1e9) // self.bytes_of(columns)))
