"""The machine that a figure belongs to, and the fastest that it multiplies matrices."""

import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.rounds import Result, compare
from tacitly.models.load import find_device

SIZES = (1024, 2048, 3072, 4096)
ENOUGH = 1.0  # seconds of products that one measurement takes at least


def describe_machine() -> str:
    """Processor, cores, threads, torch, and the accelerator where there is one."""
    processor = platform.processor() or platform.machine()
    about = Path("/proc/cpuinfo")
    if about.exists():
        names = [line.partition(":")[2].strip() for line in about.read_text().splitlines() if "model name" in line]
        processor = next(iter(names), processor)
    parts = [processor, f"{os.cpu_count()} cores", f"{torch.get_num_threads()} threads", f"torch {torch.__version__}"]
    if find_device().type == "cuda":
        parts.append(torch.cuda.get_device_name())
    return ", ".join(parts)


def compare_seconds(name: str, found: Mapping[str, Sequence[float]], *, note: str) -> Result:
    """How many times as long as ours the peer took on this machine, by what both took in each round."""
    ours, peer = found["ours"], found["peer"]
    return compare(name, ours=ours, peer=peer, unit="s", of="peer/ours", machine=describe_machine(), note=note)


def settle() -> None:
    """Wait for an accelerator's work, so that a clock that is read next has seen it."""
    if find_device().type != "cpu":
        torch.accelerator.synchronize()


@dataclass
class MatrixProduct:
    """A bare product of two large square matrices, in the number format and on the device of a model.

    Attributes:
        size: Rows and columns of each; chosen by `choose_size`.
    """

    dtype: torch.dtype
    device: torch.device
    size: int = 2048

    def choose_size(self) -> None:
        """Take the size at which this machine is fastest; an accelerator needs larger ones."""
        times = 1 if self.device.type == "cpu" else 4
        rates = {}
        for self.size in [times * size for size in SIZES]:
            rates[self.size] = self.rate(enough=ENOUGH / 2)
        self.size = max(rates, key=lambda size: rates[size])

    @torch.inference_mode()
    def rate(self, *, enough: float = ENOUGH) -> float:
        """Operations a second, a multiplication and an addition counted as two."""
        left, right = (torch.rand(self.size, self.size).to(self.device, self.dtype) for _ in range(2))
        out = left @ right
        settle()
        products, started, taken = 0, time.perf_counter(), 0.0
        while taken < enough:
            torch.mm(left, right, out=out)
            settle()
            products, taken = products + 1, time.perf_counter() - started
        return products * 2 * self.size**3 / taken
