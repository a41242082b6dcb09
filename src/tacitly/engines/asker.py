"""The seam of asking a model for an opinion: of a judge whether an answer is right, of a locator where it stands."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

Prompt = Sequence[Mapping[str, str]]
"""The messages of a chat, each with `role` and `content`; the last one is the user's."""

TRIES = 3
SHOWN = 60  # characters of a refused reply that its reason quotes


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model replied, or why it did not.

    Attributes:
        text: The reply; None where there is none.
        reason: Why there is none; None where there is one.
    """

    text: str | None
    reason: str | None = None


class Asker(Protocol):
    """Asks a model, here or elsewhere."""

    @property
    def name(self) -> str:
        """The model's name, for labels and reports."""
        ...

    def ask(self, prompts: Sequence[Prompt], *, choices: Sequence[str] = ()) -> list[Reply]:
        """Ask everything, as much of it at once as suits the model.

        Args:
            prompts: What to ask, each apart from the others.
            choices: What may be replied, where that is a closed set. A model that cannot be held to it may reply
                anything.

        Returns:
            The replies, in the order of the prompts; a prompt that fails has a reason instead.

        Raises:
            ModelError: If the model cannot be asked at all.
        """
        ...


@dataclass
class FakeAsker:
    """Replies what it is told to, and keeps what it was asked.

    Attributes:
        reply: What is replied: a text, or a function of the last message.

    Example:
        >>> FakeAsker("yes").ask([[{"role": "user", "content": "Is water wet?"}]])
        [Reply(text='yes', reason=None)]
    """

    reply: str | Callable[[str], str | Reply]
    name: str = "fake"
    asked: list[list[Mapping[str, str]]] = field(default_factory=list)

    def ask(self, prompts: Sequence[Prompt], *, choices: Sequence[str] = ()) -> list[Reply]:  # noqa: ARG002
        """Reply at once."""
        self.asked += map(list, prompts)
        replies = [self.reply if isinstance(self.reply, str) else self.reply(p[-1]["content"]) for p in prompts]
        return [Reply(reply) if isinstance(reply, str) else reply for reply in replies]


def ask_until_accepted(
    asker: Asker,
    prompts: Sequence[Prompt],
    accept: Callable[[int, str], str | None],
    *,
    complaint: str,
    choices: Sequence[str] = (),
) -> list[Reply]:
    """Ask; where a reply will not do, say so and ask again, at most twice.

    Args:
        asker: Whom to ask.
        prompts: What to ask.
        accept: Of a prompt's place and a reply, what the reply comes to; None refuses it.
        complaint: What a refused reply is answered.
        choices: What may be replied, where that is a closed set.

    Returns:
        What was accepted, in the order of the prompts. There is a reason instead where a request failed, or where the
        last reply was refused.

    Example:
        >>> asker = FakeAsker(lambda said: "42" if said == "In digits, please." else "forty-two")
        >>> prompt = [{"role": "user", "content": "How many?"}]
        >>> digits = lambda i, reply: reply if reply.isdigit() else None
        >>> ask_until_accepted(asker, [prompt], digits, complaint="In digits, please.")
        [Reply(text='42', reason=None)]
    """
    talks = [list(prompt) for prompt in prompts]
    settled: list[Reply] = [Reply(None, "it was not asked")] * len(talks)
    waiting = list(range(len(talks)))
    for _ in range(TRIES):
        refused = []
        replies = asker.ask([talks[i] for i in waiting], choices=choices) if waiting else []
        for i, reply in zip(waiting, replies, strict=True):
            accepted = None if reply.text is None else accept(i, reply.text)
            if reply.text is None or accepted is not None:
                settled[i] = reply if accepted is None else Reply(accepted)
                continue
            settled[i] = Reply(None, f"it replied {_shown(reply.text)}")
            talks[i] += [{"role": "assistant", "content": reply.text}, {"role": "user", "content": complaint}]
            refused.append(i)
        waiting = refused
    return settled


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= SHOWN else f"{line[:SHOWN]} ...")
