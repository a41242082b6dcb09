"""What every benchmark shares: sides measured in turn, medians, their ratio, and what it must reach."""

import json
import os
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

KEYS = ("ours", "peer", "ratio", "unit", "spread", "machine")


@dataclass(frozen=True, slots=True)
class Options:
    """How the benchmarks are run.

    Attributes:
        rounds: How often each side is measured.
        small: On a small part of everything, to see that it works; the figures mean nothing then.
        names: Whose results are wanted; a benchmark that measures several leaves the others out.
    """

    rounds: int = 3
    small: bool = False
    names: frozenset[str] = frozenset()

    def size(self, whole: int, part: int) -> int:
        """The whole size, or the part of it that is for trying.

        Example:
            >>> Options().size(512, 16), Options(small=True).size(512, 16)
            (512, 16)
        """
        return part if self.small else whole


@dataclass(frozen=True, slots=True)
class Side:
    """One of the things that are measured.

    Attributes:
        measure: Does the work of a round (0, 1, ...) and says what was measured.
        warm_up: Done once before any round.
    """

    measure: Callable[[int], float]
    warm_up: Callable[[], object] | None = None


def alternate(sides: Mapping[str, Side], *, rounds: int) -> dict[str, list[float]]:
    """Warm every side up, then measure all of them in turn, round by round.

    Every other round goes the other way, so that a machine that grows slower or faster favours nobody.

    Args:
        sides: What is measured, by name.
        rounds: How often.

    Returns:
        What each side measured in each round.

    Example:
        >>> alternate({"a": Side(float), "b": Side(lambda round_: 2.0)}, rounds=2)
        {'a': [0.0, 1.0], 'b': [2.0, 2.0]}
    """
    for side in sides.values():
        if side.warm_up is not None:
            side.warm_up()
    found: dict[str, list[float]] = {name: [] for name in sides}
    for round_ in range(rounds):
        for name in list(sides)[:: -1 if round_ % 2 else 1]:
            found[name].append(sides[name].measure(round_))
    return found


def seconds(work: Callable[[], object]) -> float:
    """How long some work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def deal(items: int, *, per_round: int, rounds: int, round_: int) -> list[int]:
    """Which items of an ordered list a slow peer gets in one round: spread evenly, others in every round.

    Args:
        items: How many there are.
        per_round: How many it gets in each round.
        rounds: How many rounds there are.
        round_: Which one this is.

    Example:
        >>> [deal(10, per_round=2, rounds=3, round_=r) for r in range(3)]
        [[0, 5], [2, 7], [4, 9]]
    """
    total = per_round * rounds
    return [(2 * j + 1) * items // (2 * total) for j in range(round_, total, rounds)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a benchmark found.

    Attributes:
        ours: The median of ours.
        peer: The median of the peer.
        ratio: Of the medians.
        spread: The smallest and the largest ratio of a round.
        note: What was counted, for the reader of the table.
    """

    name: str
    ours: float
    peer: float
    ratio: float
    unit: str
    spread: tuple[float, float]
    machine: str
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """What the results' file holds of it."""
        return {key: list(self.spread) if key == "spread" else getattr(self, key) for key in KEYS}


def compare(
    name: str,
    *,
    ours: Sequence[float],
    peer: Sequence[float],
    unit: str,
    of: Literal["peer/ours", "ours/peer"],
    machine: str,
    note: str = "",
) -> Result:
    """Put the rounds of both sides together.

    Args:
        name: Of the benchmark.
        ours: What ours measured in each round.
        peer: What the peer measured in the same rounds.
        unit: Of both.
        of: Which ratio: `peer/ours` says how many times faster ours is where both are times.
        machine: Where it was measured.
        note: What was counted.

    Example:
        >>> compare("a", ours=[1, 2, 9], peer=[4, 6, 9], unit="s", of="peer/ours", machine="").ratio
        3.0
    """
    above, below = (peer, ours) if of == "peer/ours" else (ours, peer)
    rounds = [a / b for a, b in zip(above, below, strict=True)]
    return Result(
        name=name,
        ours=float(statistics.median(ours)),
        peer=float(statistics.median(peer)),
        ratio=statistics.median(above) / statistics.median(below),
        unit=unit,
        spread=(min(rounds), max(rounds)),
        machine=machine,
        note=note,
    )


@dataclass(frozen=True, slots=True)
class Target:
    """The ratio that a benchmark must reach, or must not pass.

    Example:
        >>> Target(2.0).met(2.1), Target(1.1, at_most=True).met(1.2)
        (True, False)
    """

    value: float
    at_most: bool = False

    def met(self, ratio: float) -> bool:
        """Whether a ratio does."""
        return ratio <= self.value if self.at_most else ratio >= self.value

    def __str__(self) -> str:
        return f"{'<=' if self.at_most else '>='} {self.value:g}"


def table(results: Iterable[Mapping[str, Any]], targets: Mapping[str, Target]) -> str:
    """The results as lines of text: both sides, their ratio, its spread, and whether it is what it must be.

    Args:
        results: What the results' file holds of each, and its name.
        targets: What each must reach; the others have no mark.
    """
    heads = ("", "ours", "peer", "unit", "ratio", "spread", "must reach", "")
    rows = [heads]
    for result in results:
        target = targets.get(result["name"])
        has_peer = result["ratio"] is not None
        rows.append(
            (
                result["name"],
                f"{result['ours']:.4g}",
                f"{result['peer']:.4g}" if has_peer else "",
                result["unit"],
                f"{result['ratio']:.3g}" if has_peer else "",
                "{:.3g} to {:.3g}".format(*result["spread"]),
                str(target) if target else "",
                "" if target is None else "met" if target.met(result["ratio"]) else "NOT MET",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def read_results(path: Path) -> dict[str, dict[str, Any]]:
    """The results measured so far, by name; none where there is no file yet."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def merge_results(path: Path, results: Iterable[Result]) -> None:
    """Write results into the results' file: each takes the place of its predecessor, the others stay."""
    merged = read_results(path) | {result.name: result.as_dict() for result in results}
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(merged, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)
