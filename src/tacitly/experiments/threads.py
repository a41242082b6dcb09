"""Independent fits side by side."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits

from tacitly.cores import usable_cores

Job = TypeVar("Job")
Result = TypeVar("Result")


def run_in_threads(run: Callable[[Job], Result], jobs: Sequence[Job]) -> list[Result]:
    """Run independent fits side by side, each with single-threaded linear algebra; results in the order of the jobs.

    Example:
        >>> run_in_threads(lambda number: number + 1, [1, 2])
        [2, 3]
    """
    with threadpool_limits(1), ThreadPoolExecutor(usable_cores()) as pool:
        return list(pool.map(run, jobs))
