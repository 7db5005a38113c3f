"""Answers that found no session: kept for a while, and sent when there is one. What they tell of is on record in any case."""

import asyncio
from collections import deque
from collections.abc import Callable

from edgeguard.core.afar_limits import REPLIES_KEPT, REPLY_KEPT_S
from edgeguard.core.command import ReplyTo

Answer = Callable[[ReplyTo, bytes], bool]
"""Sends an answer; False if there is no session."""

_LOOK_S = 1.0


class LateAnswers:
    """Sends at once or keeps: the newest REPLIES_KEPT, each for REPLY_KEPT_S."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._waiting: deque[tuple[float, ReplyTo, bytes]] = deque(maxlen=REPLIES_KEPT)
        self._work: asyncio.Task[None] | None = None

    def send(self, reply_to: ReplyTo, payload: bytes, keep: bool) -> None:
        """Behind those that wait already, so that answers come in order; without `keep` now or never."""
        if not self._waiting and self._answer(reply_to, payload):
            return
        if not keep:
            return
        loop = asyncio.get_running_loop()
        self._waiting.append((loop.time() + REPLY_KEPT_S, reply_to, payload))
        if self._work is None or self._work.done():
            self._work = loop.create_task(self._deliver(), name="late answers")

    async def stop(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    async def _deliver(self) -> None:
        while self._waiting:
            until_s, reply_to, payload = self._waiting[0]
            if asyncio.get_running_loop().time() >= until_s or self._answer(reply_to, payload):
                self._waiting.popleft()
            else:
                await asyncio.sleep(_LOOK_S)
