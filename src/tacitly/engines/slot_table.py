"""What is known of every answer that is being written: its tokens, their numbers, and where it goes on."""

from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tacitly.engines.base import Request
from tacitly.engines.decoding import Ended, Numbers
from tacitly.records import FinishReason


@dataclass(frozen=True, slots=True)
class SlotTable:
    """What is known of every slot's answer.

    Attributes:
        ids, logprobs, logits, entropies: Of each token that is chosen.
        mask: Added to what a row attends to: 0, or the lowest number.
        most, count: How many tokens may be chosen, and how many are.
        looked_at: Whether the text is looked at after every token, since it has stop strings of its own.
        column, position: Where the newest of them goes, in the cache and in its text.
    """

    ids: Int[Tensor, "slot token"]
    logprobs: Float[Tensor, "slot token"]
    logits: Float[Tensor, "slot token"]
    entropies: Float[Tensor, "slot token"]
    mask: Float[Tensor, "slot column"]
    most: Int[Tensor, " slot"]
    count: Int[Tensor, " slot"]
    looked_at: Bool[Tensor, " slot"]
    column: Int[Tensor, " slot"]
    position: Int[Tensor, " slot"]

    @classmethod
    def empty(cls, slots: int, tokens: int, columns: int, device: torch.device, dtype: torch.dtype) -> "SlotTable":
        """Room for so many answers of so many tokens, which attend to so many columns."""
        numbers = torch.zeros(slots, tokens, device=device)
        whole = torch.zeros(slots, dtype=torch.long, device=device)
        mask = torch.zeros(slots, columns, dtype=dtype, device=device)
        return cls(
            ids=torch.zeros_like(numbers, dtype=torch.long),
            logprobs=numbers,
            logits=numbers.clone(),
            entropies=numbers.clone(),
            mask=mask,
            most=whole.clone(),
            count=whole,
            looked_at=torch.zeros_like(whole, dtype=torch.bool),
            column=whole.clone(),
            position=whole.clone(),
        )

    @property
    def last(self) -> Int[Tensor, " slot"]:
        """Each slot's newest token."""
        return self.ids.gather(1, (self.count - 1).clamp(min=0)[:, None])[:, 0]

    def place(self, slots: Int[Tensor, " row"], visible: Bool[Tensor, "row column"]) -> None:
        """Begin answers after prompts of which these columns are text."""
        width = visible.shape[1]
        lowest = torch.finfo(self.mask.dtype).min
        self.mask[slots] = lowest
        self.mask[slots, :width] = torch.where(visible, 0.0, lowest).to(self.mask.dtype)
        self.count[slots] = 0
        self.column[slots] = width
        self.position[slots] = visible.sum(1)

    def add(self, slots: Int[Tensor, " row"], chosen: Numbers) -> None:
        """Add a token to each of these answers."""
        places = (slots, self.count[slots])
        self.ids[places] = chosen.ids
        self.logprobs[places] = chosen.logprobs
        self.logits[places] = chosen.logits
        self.entropies[places] = chosen.entropies
        self.count[slots] += 1

    def ids_of(self, slot: int) -> list[int]:
        """The tokens of an answer."""
        ids: list[int] = self.ids[slot, : self.count[slot]].tolist()
        return ids

    def answer(self, slot: int, request: Request, finish: FinishReason) -> Ended:
        """An answer whose last token is chosen."""
        count = int(self.count[slot])
        numbers = (x[slot, :count].tolist() for x in (self.logprobs, self.logits, self.entropies))
        return Ended(request, finish, self.ids_of(slot), *numbers)

    def move(self, to: Int[Tensor, " row"], come: Int[Tensor, " row"]) -> None:
        """Move answers to other slots."""
        for field in fields(self):
            of_slots = getattr(self, field.name)
            of_slots[to] = of_slots[come]
