"""Letting requests in a few at a time, so that a burst of them does not keep everyone else waiting."""

import asyncio
from collections import deque

AT_ONCE = 4
"""Requests that are begun before the loop looks again for who else is there."""


class Pace:
    """Lets so many requests begin in each round of the event loop; the others wait in their order.

    Without it, hundreds of requests that are there at once would be answered in one round, and one that only asks
    whether the server is well would wait for all of them, several times over.
    """

    def __init__(self) -> None:
        self._begun = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def turn(self) -> None:
        """Wait until one more request may begin."""
        if self._begun < AT_ONCE and not self._waiting:
            self._count()
            return
        mine = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        await mine

    def _count(self) -> None:
        if self._begun == 0:
            asyncio.get_running_loop().call_soon(self._next_round)
        self._begun += 1

    def _next_round(self) -> None:
        self._begun = 0
        while self._waiting and self._begun < AT_ONCE:
            one = self._waiting.popleft()
            if not one.done():  # else it was cancelled meanwhile
                one.set_result(None)
                self._count()
