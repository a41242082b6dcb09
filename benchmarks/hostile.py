"""5,000 hostile requests: `python benchmarks/hostile.py [--detector DIR] [--schemathesis COMMAND] [--requests N]`.

Starts `tacitly serve` with a key, sends it deep JSON, huge bodies, prompts of ten million characters, wrong keys, NaN
and infinite parameters, control characters, fields of any kind, lists of errors, bytes that are no HTTP, and clients
that are slow, deaf, or gone; with `--schemathesis` (`pip install schemathesis`, best in an environment of its own) also
requests made from the API's own description. A process of its own asks `/health` all along.

Prints what came back, and fails if there was a reply of 5xx, if `/health` took over 250 ms, or if the server did not
live through it. Clients run at a lower priority, as if they were on other machines.
"""

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from itertools import cycle, islice
from pathlib import Path

ROOT = Path(__file__).parents[1]
if __name__ == "__main__":
    sys.path[0] = str(ROOT)

from benchmarks.hostile_requests import KEY, Attacker  # noqa: E402
from benchmarks.served import Served, detector_of, serve  # noqa: E402

AT_ONCE, SLOW_AT_ONCE = 32, 100
MOST_SECONDS = 0.250  # of /health
_COUNT = re.compile(r'^tacitly_requests_total\{route="([^"]+)",status="(\d+)"\} (\S+)$', re.MULTILINE)

Replies = Counter[tuple[str, str]]


def main() -> int:
    """Attack, count, judge."""
    given = _arguments()
    with (
        detector_of(given.detector, small=given.small) as detector,
        serve(detector, environment={"TACITLY_API_KEY": KEY}) as served,
    ):
        model = json.loads(_get(served, "/v1/models"))["data"][0]["id"]
        began = time.monotonic()
        watch = [sys.executable, str(ROOT / "benchmarks" / "health_watch.py"), str(served.port)]
        watcher = subprocess.Popen(watch, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        os.nice(10)
        fuzz = _fuzz(given.schemathesis, served, given.requests // 4) if given.schemathesis else None
        ours = given.requests - (given.requests // 4 if fuzz else 0)
        replies = asyncio.run(_attack(Attacker(served.port, model), ours, given.only))
        fuzzed = fuzz.communicate()[0] if fuzz else ""
        waits = json.loads(watcher.communicate("")[0])
        counted = _counted(served)
        taken = time.monotonic() - began
        log = served.log.read_text()
    return _judge(replies, counted, waits, fuzzed=fuzzed, taken=taken, log=log)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", type=Path, help="a detector, or a run that has one [default: one is made]")
    parser.add_argument("--schemathesis", metavar="COMMAND", help="its command, which makes a quarter of the requests")
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--small", action="store_true", help="with a detector of few questions, to see that it works")
    parser.add_argument("--only", nargs="+", metavar="KIND", help="kinds of requests, by the names that are printed")
    return parser.parse_args()


async def _attack(attacker: Attacker, requests: int, only: Sequence[str] | None) -> Replies:
    """Send so many requests: an eighth of them slow ones, beside all others."""
    quick, slow = (
        {name: make for name, make in kinds.items() if only is None or name in only}
        for kinds in (attacker.kinds(), attacker.slow_kinds())
    )
    slowly = requests // 8 if quick and slow else requests if slow else 0
    found: Replies = Counter()
    await asyncio.gather(_go(slow, slowly, SLOW_AT_ONCE, found), _go(quick, requests - slowly, AT_ONCE, found))
    return found


async def _go(kinds: dict[str, Callable[[], Awaitable[str]]], requests: int, at_once: int, found: Replies) -> None:
    left = islice(cycle(kinds.items()), requests)

    async def client() -> None:
        for name, make in left:
            try:
                found[name, await make()] += 1
            except OSError:
                found[name, "no connection"] += 1

    await asyncio.gather(*(client() for _ in range(at_once)))


def _fuzz(command: str, served: Served, requests: int) -> subprocess.Popen[str]:
    """Requests from the API's own description, as many for each address."""
    each = max(1, requests // 8)
    arguments = [command, "run", f"http://127.0.0.1:{served.port}/openapi.json", "-H", f"Authorization: Bearer {KEY}"]
    arguments += ["--checks", "not_a_server_error", "--max-examples", str(each), "--workers", "4", "--no-shrink"]
    arguments += [
        "--suppress-health-check",
        "all",
        "--continue-on-failure",
        "--request-timeout",
        "60",
        "--warnings",
        "off",
    ]
    where = tempfile.gettempdir()  # it keeps a folder of its own where it runs
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=where)


def _get(served: Served, path: str) -> bytes:
    asked = urllib.request.Request(f"http://127.0.0.1:{served.port}{path}", headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(asked, timeout=60) as reply:
        return bytes(reply.read())


def _counted(served: Served) -> Counter[str]:
    """The server's own count of its replies by status, those to the watch apart."""
    counts: Counter[str] = Counter()
    for route, status, count in _COUNT.findall(_get(served, "/metrics").decode()):
        if route != "/health":
            counts[status] += int(float(count))
    return counts


def _judge(
    replies: Replies,
    counted: Counter[str],
    waits: Sequence[tuple[float, float]],
    *,
    fuzzed: str,
    taken: float,
    log: str,
) -> int:
    for name in dict.fromkeys(name for name, _ in replies):
        said = ", ".join(f"{what}: {n}" for (kind, what), n in sorted(replies.items()) if kind == name)
        print(f"{name:22} {said}")
    by_status = ", ".join(f"{status}: {n}" for status, n in sorted(counted.items()))
    print(
        f"\n{replies.total():,} requests of ours in {taken:.0f} s; all replies, by the server's own count: {by_status}"
    )
    if fuzzed:
        print("schemathesis:", *fuzzed.strip().splitlines()[-12:], sep="\n    ")
    seconds = sorted(took for _, took in waits)
    worst, tail = seconds[-1], seconds[int(len(seconds) * 0.99)]
    print(f"/health: {len(seconds):,} replies, at most {1000 * worst:.0f} ms, 99 in 100 within {1000 * tail:.0f} ms")
    slowest = sorted(waits, key=lambda one: -one[1])[:5]
    print("the slowest:", ", ".join(f"{1000 * took:.0f} ms after {at:.0f} s" for at, took in slowest))
    failed = []
    if any(status.startswith("5") for status in [*counted, *(what for _, what in replies)]):
        failed.append("there were replies of 5xx")
    if worst > MOST_SECONDS:
        failed.append(f"/health took {1000 * worst:.0f} ms; at most {1000 * MOST_SECONDS:.0f} are allowed")
    if "Traceback" in log:
        failed.append("the server logged a traceback")
    for line in failed:
        print(f"FAILED: {line}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
