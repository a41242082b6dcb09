"""A lock that is given to whoever has waited for it longest."""

from collections import deque
from threading import Lock
from types import TracebackType


class Turns:
    """Lets one thread at a time run the model, in the order in which they came.

    A plain lock is mostly taken again by the thread that has just released it, so that one which runs the model step
    by step would keep others out.

    Example:
        >>> turns = Turns()
        >>> with turns:
        ...     "my turn"
        'my turn'
    """

    def __init__(self) -> None:
        self._guard = Lock()
        self._waiting: deque[Lock] = deque()
        self._taken = False

    def __enter__(self) -> None:
        with self._guard:
            if not self._taken:
                self._taken = True
                return
            mine = Lock()
            mine.acquire()
            self._waiting.append(mine)
        mine.acquire()

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False
