"""A server in a process of its own: `tacitly serve` on a free port of this machine."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.children import run_child

PATIENCE = 300  # seconds until it answers


@dataclass(frozen=True)
class Served:
    """A server that answers.

    Attributes:
        port: Its port on 127.0.0.1.
        process: Its number, for its memory.
        log: What it prints from its start on.
    """

    port: int
    process: int
    log: Path


@contextmanager
def serve(
    detector: Path, *, options: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """Serve a detector's model until the block ends.

    Args:
        detector: Its folder.
        options: More of the command line.
        environment: Variables beside this process's own.

    Raises:
        RuntimeError: It did not begin to answer; with the end of what it wrote.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        command = [sys.executable, "-m", "tacitly", "serve", "--detector", str(detector), "--port", "0", *options]
        with log.open("w") as errors:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, env={**os.environ, **(environment or {})}
            )
        try:
            assert process.stdout is not None
            line = next((line for line in process.stdout if "http://" in line), "")
            if not line:
                raise RuntimeError(f"the server did not begin to answer: {log.read_text()[-2000:]}")
            yield Served(int(line.rstrip().rpartition(":")[2]), process.pid, log)
        finally:
            process.terminate()
            process.wait(PATIENCE)


@contextmanager
def detector_of(given: Path | None, *, small: bool) -> Iterator[Path]:
    """A detector that is there, or one of a study that is made for it."""
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        limit = f"task.limit={120 if small else 400}"
        run_child(["-m", "tacitly", "study", "demo", "--out", str(run), "--set", limit])
        yield run
