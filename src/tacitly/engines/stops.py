"""Whether the newest token may have completed a string that ends an answer."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from tacitly.engines.decoding import decode


class Stops:
    """Tells cheaply which rows have to be looked at.

    A stop string can only be complete once a token was written that holds its last character, so that a row's text
    is decoded only then. Tokens are looked up once each; a last character that is not plain ASCII may be spread over
    tokens, and a space may belong to the tokenizer, so that every token counts then.

    Args:
        stop: The strings.
        tokenizer: Decodes tokens.
        size: How many token ids there are.
        device: Where ids are.
    """

    def __init__(
        self, stop: Sequence[str], tokenizer: PreTrainedTokenizerBase, *, size: int, device: torch.device
    ) -> None:
        self._lasts = frozenset(s[-1] for s in stop)
        self._tokenizer = tokenizer
        self._always = any(not c.isascii() or c == " " for c in self._lasts)
        self._known = torch.zeros(size, dtype=torch.bool, device=device)
        self._may = torch.full((size,), fill_value=self._always, dtype=torch.bool, device=device)

    def may_end(self, ids: Int[Tensor, " row"]) -> Bool[Tensor, " row"]:
        """Which of the newest tokens may complete a stop string."""
        if self._lasts and not self._always:
            for token in set(ids[~self._known[ids]].tolist()):
                text = decode(self._tokenizer, [token])
                self._may[token] = any(c in text for c in self._lasts)
                self._known[token] = True
        return self._may[ids]
