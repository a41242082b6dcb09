"""What a server of streams must hold: `python benchmarks/streams.py [--detector DIR] [--small] [--json FILE]`.

64 clients have answers streamed for two minutes, each asking anew as soon as it has its answer. None may be lost, and
each must be the one asked alone; where two differ, both are read with the model, and they must part where two tokens
are as good as each other (ARCHITECTURE.md: logits within 1e-3, or a draw within 1e-4 of a boundary). Memory must stay
as it is, requests past the streams must wait, those past the queue get 429; a lone client gets its first token at once,
and one that goes away frees its place. Prints a table, and exits with 1 where something is not as it must be.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
if __name__ == "__main__":
    sys.path[0] = str(ROOT)  # so that no file here is taken for a library of the same name

import openai  # noqa: E402
import psutil  # noqa: E402

from benchmarks.served import Served, serve  # noqa: E402
from benchmarks.stream_questions import Reader, Wish, detector_at, make_wishes, with_prompt_tokens  # noqa: E402

STREAMS = WAITING = 64
SECONDS, SMALL_SECONDS = 120.0, 12.0
REPEATS = 9  # of what is timed alone
PATIENCE = 600.0


@dataclass(frozen=True)
class Line:
    """A line of the table."""

    what: str
    found: str
    must: str
    met: bool


@dataclass
class Report:
    """What was found."""

    lines: list[Line] = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, value: Any, *, what: str, found: str, must: str, met: bool) -> None:
        """Keep a figure, and print it."""
        self.numbers[name] = value
        self.lines.append(Line(what, found, must, met))
        print(f"{what:<58} {found:>22}   {must:<22} {'met' if met else 'NOT MET'}", flush=True)


@dataclass
class Told:
    """What a client was told."""

    wish: Wish
    pieces: list[str] = field(default_factory=list)
    finish: str | None = None
    first_token: float | None = None
    scored: bool = True


@dataclass(frozen=True)
class Client:
    """The official client of one server."""

    api: openai.AsyncOpenAI
    root: openai.AsyncOpenAI  # for what stands beside the API
    process: psutil.Process

    async def stream(self, wish: Wish) -> Told:
        """Have one answer streamed."""
        told, began = Told(wish), time.perf_counter()
        async for chunk in await self.api.chat.completions.create(**wish.body(), stream=True):
            [choice] = chunk.choices
            tokens = (choice.model_extra or {}).get("tacitly", {}).get("tokens", [])
            if tokens and told.first_token is None:
                told.first_token = time.perf_counter() - began
            told.pieces += [token["text"] for token in tokens]
            told.scored &= all(token["p_correct"] is not None for token in tokens)
            told.finish = choice.finish_reason or told.finish
        return told

    async def counts(self) -> tuple[int, int]:
        """How many answers are being written, and how many wait."""
        text = await self.root.get("/metrics", cast_to=str)
        lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return int(float(lines["tacitly_streams"])), int(float(lines["tacitly_waiting"]))

    async def until(self, streams: int, waiting: int) -> None:
        """Wait until so many answers are being written, and so many wait."""
        while await self.counts() != (streams, waiting):
            await asyncio.sleep(0.005)


async def first_tokens(client: Client, report: Report, *, repeats: int) -> None:
    """How long a lone client waits for its first token."""
    wish = with_prompt_tokens(40)
    await client.stream(wish)
    waits = sorted([(await client.stream(wish)).first_token or PATIENCE for _ in range(repeats)])
    middle = waits[len(waits) // 2]
    what = f"a lone client's first token, prompt of 40 (median of {repeats})"
    report.add("first_token_s", waits, what=what, found=f"{middle:.3f} s", must="<= 0.5 s", met=middle <= 0.5)


async def many_streams(client: Client, report: Report, wishes: Sequence[Wish], *, seconds: float) -> list[Told]:
    """All clients for a while, each asking anew when it has its answer."""
    told: list[Told] = []
    lost: list[str] = []
    memory: list[float] = []
    began = time.perf_counter()
    asked = 0

    async def go_on() -> None:
        nonlocal asked
        while time.perf_counter() - began < seconds:
            wish = wishes[asked % len(wishes)]
            asked += 1
            try:
                told.append(await client.stream(wish))
            except openai.OpenAIError as error:
                lost.append(f"{type(error).__name__}")

    async def watch() -> None:
        while True:
            await asyncio.sleep(1)
            memory.append(client.process.memory_info().rss / 1e6)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(go_on() for _ in range(STREAMS)))
    watching.cancel()
    taken = time.perf_counter() - began
    unfinished = [one for one in told if one.finish is None]
    tokens = sum(len(one.pieces) for one in told)
    what = f"answers of {STREAMS} clients in {taken:.0f} s, of which lost"
    found = f"{len(told)}, {len(lost) + len(unfinished)}"
    report.add("lost", len(lost) + len(unfinished), what=what, found=found, must="0 lost", met=not (lost or unfinished))
    unscored = sum(not one.scored for one in told)
    rate = f"{tokens / taken:,.0f} tokens/s"
    report.add("unscored", unscored, what="answers with a token without a score", found=f"{unscored}", must="0",
               met=not unscored)  # fmt: skip
    report.numbers |= {"answers": len(told), "tokens_per_s": tokens / taken, "memory_mb": memory, "lost_as": lost}
    later = memory[len(memory) // 4 :]  # once all answers' places have been made
    change = max(later) / min(later) - 1
    what = f"memory, from a quarter of the time on ({rate})"
    found = f"{min(later):,.0f} to {max(later):,.0f} MB"
    report.add("memory_change", change, what=what, found=found, must="within 5 %", met=change <= 0.05)
    return told


async def alone(client: Client, report: Report, reader: Reader, told: Sequence[Told]) -> None:
    """Ask again, one after the other, and compare."""
    wishes = {one.wish.name: one.wish for one in told}
    expected = {name: await client.stream(wish) for name, wish in wishes.items()}
    other = [one for one in told if one.pieces != expected[one.wish.name].pieces]
    parted = {(one.wish.name, tuple(one.pieces)): one for one in other}
    ties, mixed = 0, []
    for (name, _), one in parted.items():
        if reader.part_at_a_tie(one.wish, one.pieces, expected[name].pieces):
            ties += 1
        else:
            mixed.append(name)
    found = f"{len(told) - len(other)} of {len(told)}"
    report.add("mixed_up", mixed, what=f"answers as asked alone ({len(wishes)} questions; {ties} part at a near-tie)",
               found=found, must="all, but near-ties", met=not mixed)  # fmt: skip


async def queue(client: Client, report: Report, wishes: Sequence[Wish]) -> None:
    """One client more than there are places waits; one more than may wait is refused."""
    long = [wish.longer() for wish in wishes[:STREAMS]]
    streams = [asyncio.create_task(client.stream(wish)) for wish in long]
    await client.until(STREAMS, 0)
    waiting = [asyncio.create_task(client.stream(wish.shorter())) for wish in wishes[:WAITING]]
    await client.until(STREAMS, WAITING)
    report.add("queued", WAITING, what=f"clients {STREAMS + 1} to {STREAMS + WAITING} wait", found="so they do",
               must="wait", met=True)  # fmt: skip
    try:
        await client.stream(wishes[0])
        status, retry = 200, None
    except openai.APIStatusError as error:
        status, retry = error.status_code, error.response.headers.get("retry-after")
    report.add("refused_with", status, what=f"client {STREAMS + WAITING + 1}", found=f"{status}, Retry-After: {retry}",
               must="429, with seconds", met=status == 429 and retry is not None)  # fmt: skip
    for task in waiting:
        task.cancel()
    await client.until(STREAMS, 0)
    frees = []
    for left, task in enumerate(streams[:REPEATS], start=1):
        began = time.perf_counter()
        task.cancel()
        await client.until(STREAMS - left, 0)
        frees.append(time.perf_counter() - began)
    what = f"a client goes away: until its place is free (longest of {len(frees)})"
    report.add("freed_s", frees, what=what, found=f"{max(frees):.3f} s", must="<= 1 s", met=max(frees) <= 1.0)
    for task in streams:
        task.cancel()
    await asyncio.gather(*streams, *waiting, return_exceptions=True)
    await client.until(0, 0)


async def measure(served: Served, report: Report, reader: Reader, *, small: bool) -> None:
    """Everything, one after the other."""
    address = f"http://127.0.0.1:{served.port}"
    async with (
        openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0, timeout=PATIENCE) as api,
        openai.AsyncOpenAI(base_url=address, api_key="none", max_retries=0, timeout=PATIENCE) as root,
    ):
        client = Client(api, root, psutil.Process(served.process))
        await first_tokens(client, report, repeats=3 if small else REPEATS)
        wishes = make_wishes(16 if small else 96)
        told = await many_streams(client, report, wishes, seconds=SMALL_SECONDS if small else SECONDS)
        await queue(client, report, make_wishes(STREAMS))
        await alone(client, report, reader, told)


def main() -> int:
    """Serve, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", type=Path, help="of the embedded model [default: one that has learned nothing]")
    parser.add_argument("--small", action="store_true", help="for a few seconds, to see that it works")
    parser.add_argument("--json", type=Path, help="a file for the figures [default: none]")
    given = parser.parse_args()
    report = Report()
    with detector_at(given.detector) as detector, serve(detector) as served:
        asyncio.run(measure(served, report, Reader(detector), small=given.small))
    if given.json:
        given.json.write_text(json.dumps(report.numbers, indent=1) + "\n")
    return int(not all(line.met for line in report.lines))


if __name__ == "__main__":
    sys.exit(main())
