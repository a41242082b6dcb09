"""Ours against what people use now: `python benchmarks/run.py [--only NAME ...] [--rounds N] [--small]`.

Both sides of a benchmark run in turn, at least three rounds; a slow peer does a stated part of the work and is scaled.
Writes `benchmarks/results.json`, `{name: {"ours", "peer", "ratio", "unit", "spread", "machine"}}`, of the medians, and
prints a table with what each ratio must reach. On a CUDA device the same commands write `results-cuda.json`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[1]
if __name__ == "__main__":
    sys.path[0] = str(ROOT)  # so that no file here is taken for a library of the same name
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the command line sets it, for both sides
    os.environ.setdefault("GOMP_SPINCOUNT", "30000")

from benchmarks.rounds import Options, Target, merge_results, read_results, table  # noqa: E402

BENCHMARKS = {
    "answering": ("generate", "matrix_peak", "capture", "store"),
    "sampling": ("samples",),
    "reading": ("capture_text",),
    "grid": ("grid", "probe_fits"),
    "whole_study": ("study",),
    "study_memory": ("memory",),
    "training": ("training", "training_memory"),
    "serve_scores": ("serve_scores",),
}
"""What each file measures; one that measures several does so in the same rounds."""

BY_NAME = frozenset({"training", "training_memory", "serve_scores"})
"""Measured only when they are named, so that the rest of a whole run ends within 45 minutes on two cores."""

ROUNDS, FEWER_ROUNDS = 3, {"study_memory": 1}

MUST_REACH = {
    "generate": Target(2.0),
    "matrix_peak": Target(0.70),
    "capture": Target(1.10, at_most=True),
    "store": Target(1.05, at_most=True),
    "samples": Target(2.5),
    "capture_text": Target(1.3),
    "grid": Target(10),
    "study": Target(12),
    "memory": Target(1.10, at_most=True),
    "training": Target(0.9),
    "training_memory": Target(1.15, at_most=True),
    "serve_scores": Target(1.02, at_most=True),
}


def main() -> int:
    """Measure what is asked for, each file in a process of its own, and print the table."""
    given = _arguments()
    out = given.out or (Path(tempfile.mkdtemp()) / "small.json" if given.small else _results_file())
    files = {file: [name for name in names if name in given.only] for file, names in BENCHMARKS.items()}
    files = {file: names for file, names in files.items() if names}
    if len(files) == 1:
        [(file, names)] = files.items()
        rounds = given.rounds or FEWER_ROUNDS.get(file, ROUNDS)
        _measure(file, Options(rounds=rounds, small=given.small, names=frozenset(names)), out)
        return 0
    began, failed = time.monotonic(), []
    for file, names in files.items():
        print(f"-- {file}: {', '.join(names)}", flush=True)
        command = [sys.executable, __file__, "--out", str(out), "--only", *names]
        command += ["--rounds", str(given.rounds)] if given.rounds else []
        command += ["--small"] if given.small else []
        if subprocess.run(command, check=False).returncode:
            failed.append(file)
    print(f"\n{(time.monotonic() - began) / 60:.0f} minutes; {out}")
    _print([name for names in files.values() for name in names], out)
    for file in failed:
        print(f"benchmarks/{file}.py failed; its results are not new", file=sys.stderr)
    return len(failed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    everything = [name for names in BENCHMARKS.values() for name in names]
    usual = [name for name in everything if name not in BY_NAME]
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=everything, default=usual, help="by name")
    parser.add_argument("--rounds", type=int, help=f"how often each side is measured [default: {ROUNDS}; memory: 1]")
    parser.add_argument("--small", action="store_true", help="on small parts, to see that it works; keeps no results")
    parser.add_argument("--out", type=Path, help="the results' file [default: benchmarks/results.json]")
    given = parser.parse_args()
    if given.rounds is not None and given.rounds < 1:
        parser.error("--rounds is at least 1")
    return given


def _results_file() -> Path:
    from tacitly.models.load import find_device

    device = find_device().type
    return ROOT / "benchmarks" / ("results.json" if device == "cpu" else f"results-{device}.json")


def _measure(file: str, options: Options, out: Path) -> None:
    began = time.monotonic()
    results = import_module(f"benchmarks.{file}").measure(options)
    merge_results(out, results)
    _print([result.name for result in results], out)
    for result in results:
        print(f"   {result.name}: {result.note}")
    print(f"   {time.monotonic() - began:.0f} s", flush=True)


def _print(names: Sequence[str], out: Path) -> None:
    found = read_results(out)
    print(table([{"name": name} | found[name] for name in names if name in found], MUST_REACH))


if __name__ == "__main__":
    sys.exit(main())
