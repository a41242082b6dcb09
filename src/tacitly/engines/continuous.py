"""Continuous batching: many answers are written side by side, and a finished one's place is taken by the next."""

from collections import deque
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tacitly.activations.capture import Recorder, StepBuffer
from tacitly.engines.base import Generation, Request, Sampling
from tacitly.engines.decoding import Draws, Numbers, decode, first_stop
from tacitly.engines.forward import Forward, PrefixCache
from tacitly.engines.prompt_reading import PromptReader, ReadPrompts, reading
from tacitly.engines.slot_table import SlotTable
from tacitly.engines.slots import SlotCache
from tacitly.engines.stops import Stops
from tacitly.models.load import LanguageModel
from tacitly.records import FinishReason

ROOM_UNITS = (8, 128, 64)  # rows, columns and tokens by which memory grows


class ContinuousBatch:
    """The answers that a model is writing at the moment.

    Prompts are read together, each once however many answers it gets. Then all answers grow by one token a pass;
    one that is finished makes room at once, and is left out of the next pass where nothing waits.

    Args:
        language_model: The model.
        forward: Runs it.
        prefix: What prompts begin with, or most of them.
        slots: The most answers at once.
        columns: The most tokens that a prompt adds to the prefix, with its answer's.
        sampling: How tokens are chosen and where answers end, unless a request says so itself; none may be longer.
        recorder: What is read on the way, if anything.
        grows: Take the memory that the answers of the moment need, in place of all of it from the start; and read long
            prompts in parts, so that other answers go on meanwhile.
    """

    def __init__(
        self,
        language_model: LanguageModel,
        forward: Forward,
        prefix: PrefixCache,
        *,
        slots: int,
        columns: int,
        sampling: Sampling,
        recorder: Recorder | None = None,
        grows: bool = False,
    ) -> None:
        self._lm, self._forward, self._prefix, self._grows = language_model, forward, prefix, grows
        self._sampling, self._recorder = sampling, recorder
        self._slots, self._columns = slots, prefix.length + columns
        # Where a model cannot be told what to attend to, all answers of a batch begin together and are equally long.
        self._in_step = forward.needs_equal_lengths(self._columns)
        self._reader = PromptReader(
            forward, prefix, recorder=recorder, most=slots, equal=self._in_step, in_parts=grows and not self._in_step
        )
        device, steps = language_model.device, sampling.max_new_tokens
        config = language_model.model.config.get_text_config(decoder=True)
        self._end_ids = torch.tensor(sorted(language_model.end_ids), dtype=torch.long, device=device)
        self._stops = Stops(sampling.stop, language_model.tokenizer, size=config.vocab_size, device=device)
        self._draws = Draws(slots, steps, device)
        self._table = SlotTable.empty(slots, steps, self._columns, device, language_model.model.dtype)
        self._room = (0, 0, 0) if grows else (slots, self._columns, steps)  # rows, columns, tokens of an answer
        self._states = StepBuffer(recorder, rows=self._room[0], columns=self._room[2] + 1) if recorder else None
        self._cache: SlotCache | None = None
        self._prompts: ReadPrompts | None = None
        self._requests: list[Request] = []  # by slot
        self._gaps: set[int] = set()  # slots that answers have left
        self._finish: dict[int, FinishReason] = {}  # of finished answers whose last token is still to be read
        self._newest: list[tuple[list[Request], Tensor, Numbers]] = []
        nowhere = torch.zeros(0, dtype=torch.long, device=device)
        self._fed: tuple[list[Request], Tensor, Tensor] = ([], nowhere, nowhere)

    @property
    def active(self) -> int:
        """How many answers are being written."""
        return len(self._requests) - len(self._gaps)

    @property
    def busy(self) -> bool:
        """Whether answers are being written, or prompts that are read wait for room."""
        return bool(self.active or self._prompts or self._reader.busy)

    def fill(self, waiting: deque[Request]) -> list[Generation]:
        """Begin answers, from the left of a queue, while there is room; those that are finished at once."""
        finished: list[Generation] = []
        self._newest.clear()
        if self._in_step and self.active:
            return finished
        while self.active < self._slots and (waiting or self._prompts or self._reader.busy):
            if self._prompts is None:
                self._prompts = self._reader.read(waiting)
            if self._prompts is None:  # a part of a long one is read; before the next part others go on
                break
            finished += self._begin(self._prompts)
            if not self._prompts.waiting:
                self._prompts = None
            if self._in_step:
                break
        return finished

    def step(self) -> list[Generation]:
        """Write one more token of every answer; the answers that are finished."""
        self._close_gaps()
        self._newest.clear()
        rows, table, cache = len(self._requests), self._table, self._cache
        if not rows or cache is None:
            return []
        active = torch.arange(rows, device=self._lm.device)
        columns = table.column[:rows]
        table.mask[active, columns] = 0
        cache.places.set(columns)
        growing = None
        if self._finish:
            growing = torch.tensor([row for row in range(rows) if row not in self._finish], device=self._lm.device)
            growing = growing.long()
        with reading(self._recorder, self._states, active, table.count[:rows]):
            logits = self._forward.step(
                table.last[:rows],
                positions=table.position[:rows],
                mask=None if self._in_step else table.mask[:rows, : cache.places.width],
                cache=cache,
                wanted=growing,
            )
        self._fed = (self._requests.copy(), active, table.count[:rows].clone())
        table.column[:rows] += 1
        table.position[:rows] += 1
        read = [self._leave(slot, finish) for slot, finish in self._finish.items()]
        self._finish.clear()
        return read + self._choose(logits, active if growing is None else growing)

    def newest(self) -> list[tuple[Request, int, float]]:
        """The tokens that the last `fill` or `step` chose, with their log-probabilities."""
        return [
            (requests[slot], token, logprob)
            for requests, slots, numbers in self._newest
            for slot, token, logprob in zip(
                slots.tolist(), numbers.ids.tolist(), numbers.logprobs.tolist(), strict=True
            )
        ]

    def fed(self, site: str) -> tuple[list[Request], Float[Tensor, "row layer width"]]:
        """The answers of which the last `step` read a token, and that token's states; until the next call of either."""
        requests, slots, columns = self._fed
        if self._states is None:
            raise RuntimeError("nothing is read on the way")
        return requests, self._states.at(site, slots, columns)

    def cancel(self, key: str) -> None:
        """Give up the answers with this key."""
        for slot, request in enumerate(self._requests):
            if request.key == key:
                self._gaps.add(slot)
                self._finish.pop(slot, None)
        self._reader.cancel(key)
        if self._prompts is not None:
            kept = [pair for pair in self._prompts.waiting if pair[0].key != key]
            self._prompts = replace(self._prompts, waiting=deque(kept)) if kept else None

    def _begin(self, prompts: ReadPrompts) -> list[Generation]:
        """Begin answers to prompts that are read, as many as there is room for."""
        table, device = self._table, self._lm.device
        taken = [prompts.waiting.popleft() for _ in range(min(self._slots - self.active, len(prompts.waiting)))]
        self._make_room([request for request, _ in taken], width=prompts.read.visible.shape[1])
        if self._cache is None:
            room, columns, _ = self._room
            self._cache = SlotCache(prompts.read.cache, prefix=self._prefix.cache, slots=room, capacity=columns)
        places = [*sorted(self._gaps), *range(len(self._requests), self._slots)][: len(taken)]
        for slot, (request, _) in zip(places, taken, strict=True):
            sampling = self._of(request)
            self._requests[slot : slot + 1] = [request]
            self._draws.set(slot, request, sampling)
            table.looked_at[slot] = bool(sampling.stop) and sampling.stop != self._sampling.stop
            table.most[slot] = sampling.max_new_tokens
        self._gaps.difference_update(places)
        slots = torch.tensor(places, device=device)
        rows = torch.tensor([row for _, row in taken], device=device)
        self._cache.place(slots, prompts.read.cache, rows, first=prompts.first)
        table.place(slots, prompts.read.visible[rows])
        if self._states and prompts.states:
            self._states.copy(prompts.states, rows, slots)
        return self._choose(prompts.read.logits[rows], slots)

    def _choose(self, logits: Float[Tensor, "row vocabulary"], slots: Int[Tensor, " row"]) -> list[Generation]:
        """Choose the next token of these rows; the answers that are finished, and have nothing left to be read."""
        if not len(slots):
            return []
        chosen = self._draws.choose(logits, slots, self._table.count[slots])
        self._table.add(slots, chosen)
        self._newest.append((self._requests.copy(), slots, chosen))
        ended = torch.isin(chosen.ids, self._end_ids)
        full = self._table.count[slots] >= self._table.most[slots]
        done = ended | full | self._table.looked_at[slots] | self._stops.may_end(chosen.ids)
        finished = []
        for row in done.nonzero()[:, 0].tolist():
            slot = int(slots[row])
            reason = self._reason(slot, ended=bool(ended[row]), full=bool(full[row]))
            if reason is None:
                continue
            if self._states:  # a token's state exists once the token is read, one pass later
                self._finish[slot] = reason
            else:
                finished.append(self._leave(slot, reason))
        return finished

    def _reason(self, slot: int, *, ended: bool, full: bool) -> FinishReason | None:
        if ended:
            return "end_of_turn"
        stop = self._of(self._requests[slot]).stop
        if stop and first_stop(decode(self._lm.tokenizer, self._table.ids_of(slot)), stop) is not None:
            return "stop_string"
        return "length" if full else None

    def _leave(self, slot: int, finish: FinishReason) -> Generation:
        """Take a finished answer out."""
        request = self._requests[slot]
        self._gaps.add(slot)
        generation = self._table.answer(slot, request, finish).generation(self._of(request), self._lm.tokenizer)
        if self._states is None:
            return generation
        tokens = 1 + len(generation.token_ids) + (generation.end is not None)
        return replace(generation, states=self._states.take(slot, tokens))

    def _of(self, request: Request) -> Sampling:
        return request.sampling or self._sampling

    def _make_room(self, requests: list[Request], *, width: int) -> None:
        """Have memory for these answers too, to prompts of so many columns."""
        if not self._grows:
            return
        table, old = self._table, [slot for slot in range(len(self._requests)) if slot not in self._gaps]
        longest = max(self._of(request).max_new_tokens for request in requests)
        most, left = table.most[old], table.most[old] - table.count[old]
        columns_needed = max(width + longest, *(table.column[old] + left + 1).tolist(), 0)
        needed = (len(old) + len(requests), columns_needed, max(longest, *most.tolist(), 0))
        if all(need <= there for need, there in zip(needed, self._room, strict=True)):
            return
        self._close_gaps()
        rows, columns, steps = (-(-need // unit) * unit for need, unit in zip(needed, ROOM_UNITS, strict=True))
        self._room = min(rows, self._slots), min(columns, self._columns), steps
        if self._cache is not None:
            end = int(table.column[: len(old)].max()) if old else self._prefix.length
            self._cache.resize(self._room[0], self._room[1], rows=len(old), end=end)
        if self._states is not None:
            self._states.resize(self._room[0], self._room[2] + 1, kept=len(old))

    def _close_gaps(self) -> None:
        """Move the last rows into the gaps that finished ones left."""
        if not self._gaps:
            return
        rows = self.active
        gaps = [slot for slot in sorted(self._gaps) if slot < rows]
        movers = [slot for slot in range(rows, len(self._requests)) if slot not in self._gaps]
        if gaps:
            to, come = (torch.tensor(some, device=self._lm.device) for some in (gaps, movers))
            if self._cache is not None:
                self._cache.move(to, come, first=self._prefix.length, end=int(self._table.column[come].max()))
            for part in (self._table, self._draws, self._states):
                if part is not None:
                    part.move(to, come)
            for gap, mover in zip(gaps, movers, strict=True):
                self._requests[gap] = self._requests[mover]
                if mover in self._finish:
                    self._finish[gap] = self._finish.pop(mover)
        del self._requests[rows:]
        self._gaps.clear()
