"""Commands in processes of their own, with their time and their peak memory."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Child:
    """What is known of a process that has ended.

    Attributes:
        output: What it printed.
        seconds: From its start to its end.
        peak_mb: Its peak resident memory.
    """

    output: str
    seconds: float
    peak_mb: float


def run_child(command: Sequence[str], *, cwd: Path | None = None) -> Child:
    """Run a Python command to its end.

    Args:
        command: What follows `python` on the command line.
        cwd: The folder to run it in.

    Raises:
        RuntimeError: It failed; with the end of what it wrote.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        started = time.perf_counter()
        process = subprocess.Popen([sys.executable, *command], stdout=output, stderr=errors, cwd=cwd)
        _, status, usage = os.wait4(process.pid, 0)
        taken = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} failed: {errors.read()[-2000:]}")
        peak = usage.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)
        return Child(output.read(), taken, peak)
