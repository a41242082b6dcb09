"""How many processor cores this process may use."""

import os
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""What a Linux container may use: microseconds, or `max`, of so many microseconds."""


def usable_cores() -> int:
    """Cores that the scheduler and a container's limits leave to this process, at least 1.

    PyTorch counts the machine's cores, and with more threads than cores every step waits for the slowest.

    Example:
        >>> usable_cores() >= 1
        True
    """
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # neither macOS nor Windows lets a process ask
        cores = os.cpu_count() or 1
    try:
        quota, period = QUOTA.read_text().split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):  # no container, or no limit
        return cores
