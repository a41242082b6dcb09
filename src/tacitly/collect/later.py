"""Files are written while the model goes on."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self


class Later:
    """Does one thing at a time, in the order given, on a thread of its own, while the caller goes on.

    One thing at most is under way: giving it the next waits for that, so that what is held in memory stays bounded.
    Leaving the block waits too, also where the caller was interrupted, so that nothing finished is lost.

    Example:
        >>> done = []
        >>> with Later() as later:
        ...     later(lambda: done.append(1))
        ...     later(lambda: done.append(2))
        >>> done
        [1, 2]
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tacitly-store")
        self._under_way: Future[None] | None = None

    def __call__(self, do: Callable[[], None]) -> None:
        """Do this next.

        Raises:
            Exception: What the thing before raised.
        """
        self._wait()
        self._under_way = self._thread.submit(do)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._wait()
        finally:
            self._thread.shutdown()

    def _wait(self) -> None:
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()
