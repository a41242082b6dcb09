"""What the clients of a server ask, and how two answers to the same are told apart from mixed-up ones."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from benchmarks.made_detector import make_detector
from benchmarks.workload import MODEL
from tacitly.engines.base import Request
from tacitly.engines.decoding import _generator, decode
from tacitly.models.load import load_model, load_tokenizer
from tacitly.models.prompts import PromptFormat
from tacitly.serve.asking import ask_messages
from tacitly.serve.limits import Limits
from tacitly.serve.schemas import Message
from tacitly.serve.service import Service
from tacitly.tasks.catalog import load_task

NEAR_LOGITS, NEAR_DRAW = 1e-3, 1e-4
LENGTHS = (12, 24, 48, 96)
SYSTEM = "Answer in a few sentences."


@dataclass(frozen=True)
class Wish:
    """One request.

    Attributes:
        name: Of the question with all that goes with it.
        messages: The conversation.
        seed: Of a drawn answer; None for the most likely one.
    """

    name: str
    messages: tuple[tuple[str, str], ...]
    max_tokens: int
    seed: int | None = None

    def body(self) -> dict[str, Any]:
        """As the client sends it."""
        drawn = {"temperature": 0.0} if self.seed is None else {"temperature": 1.0, "seed": self.seed}
        messages = [{"role": role, "content": content} for role, content in self.messages]
        return {"model": MODEL, "messages": messages, "max_tokens": self.max_tokens, **drawn}

    def longer(self) -> "Wish":
        """The same question, for an answer that takes a while."""
        story = f"Write a very long story, of many chapters, that begins with this question: {self.messages[-1][1]}"
        return replace(self, messages=(("user", story),), max_tokens=1024)

    def shorter(self) -> "Wish":
        """The same, for a few words."""
        return replace(self, max_tokens=3)


def make_wishes(count: int) -> list[Wish]:
    """Questions of several lengths: half as the detector's own, half as part of a conversation, a quarter drawn."""
    wishes = []
    for i, question in enumerate(load_task("medfacts", limit=count).questions()):
        messages = (("user", question.question),) if i % 2 else (("system", SYSTEM), ("user", question.question))
        seed = i if i % 4 == 2 else None
        wishes.append(Wish(f"{i}", messages, LENGTHS[i // 2 % len(LENGTHS)], seed))
    return wishes


def with_prompt_tokens(count: int) -> Wish:
    """A question whose prompt has so many tokens."""
    form = PromptFormat(load_tokenizer(MODEL), SYSTEM)
    text = "Which organ of the body"
    while (tokens := len(form.token_ids(form.render(f"{text}?")))) < count:
        text += " really"
    if tokens != count:
        raise RuntimeError(f"a prompt of {tokens} tokens, not of {count}")
    return Wish("alone", (("system", SYSTEM), ("user", f"{text}?")), max_tokens=4)


@contextmanager
def detector_at(given: Path | None) -> Iterator[Path]:
    """The detector that is given, or one that has learned nothing."""
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        make_detector(load_model(MODEL)).save(folder)
        yield Path(folder)


@dataclass(frozen=True)
class Reader:
    """Reads answers with the model, to see what it would have gone on with.

    Attributes:
        detector: Of the server.
    """

    detector: Path

    @cached_property
    def _service(self) -> Service:
        return Service(self.detector, limits=Limits())

    @cached_property
    def _by_text(self) -> dict[str, int]:
        """The token of each text; a byte-level vocabulary has one for each."""
        tokenizer = self._service.language_model.tokenizer
        return {decode(tokenizer, [token]): token for token in sorted(tokenizer.get_vocab().values(), reverse=True)}

    def _ids(self, pieces: Sequence[str]) -> tuple[int, ...]:
        """The tokens of an answer, of which some end within a character that a later one completes."""
        ids: list[int] = []
        parts = 0
        for piece in pieces:
            parts += 1
            if piece and parts == 1 and piece in self._by_text:
                ids.append(self._by_text[piece])
            elif piece:
                ids += self._service.language_model.tokenizer(piece, add_special_tokens=False)["input_ids"]
            parts = 0 if piece else parts
        return tuple(ids)

    @torch.inference_mode()
    def part_at_a_tie(self, wish: Wish, mine: Sequence[str], other: Sequence[str]) -> bool:
        """Whether two answers, as the texts of their tokens, part where two tokens were as good as each other."""
        model = self._service.language_model
        first, second = self._ids(mine), self._ids(other)
        parting = next((i for i, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1]), None)
        if parting is None:
            parting = min(len(first), len(second))  # one goes on where the other ends
        messages = [Message.model_validate({"role": role, "content": content}) for role, content in wish.messages]
        prompt = ask_messages(self._service, messages, drawn=wish.seed is not None).token_ids
        ids = torch.tensor([[*prompt, *first[:parting]]], device=model.device)
        logits = model.model(ids).logits[0, -1].double().cpu()
        ends = sorted(model.end_ids)
        tokens = [[one[parting]] if parting < len(one) else ends for one in (first, second)]
        if wish.seed is None:
            best = [float(logits[some].max()) for some in tokens]
            return abs(best[0] - best[1]) <= NEAR_LOGITS
        request = Request(key="", prompt_ids=prompt, sample=1, drawn_as="")
        drawn = float(_generator(wish.seed, request).random(wish.max_tokens)[parting])
        after = logits.softmax(-1).cumsum(-1)
        before = torch.cat([after.new_zeros(1), after[:-1]])
        return all(
            any(before[token] - NEAR_DRAW <= drawn <= after[token] + NEAR_DRAW for token in some) for some in tokens
        )
