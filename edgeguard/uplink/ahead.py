"""Reading history a few portions ahead: while messages go out, the store's thread joins the next ones.

What was asked is used only for the very place it was asked for; whoever moves the lane, or changes rows, makes it worthless.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from edgeguard.core.item import Pack, PackSize, Stream
from edgeguard.core.limits import UPLINK_READ_AHEAD
from edgeguard.core.ports import Outbox

_Place = tuple[int, int | None]
_Packs = Sequence[Pack] | None


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question to the outbox, under way or answered."""

    place: _Place
    task: asyncio.Task[_Packs]


class Ahead:
    """Questions to the outbox, each beginning where the one before it ends. All methods belong to the loop's thread."""

    def __init__(self, outbox: Outbox, stream: Stream) -> None:
        self._outbox = outbox
        self._stream = stream
        self._asked: deque[_Asked] = deque()

    async def packs(self, after_seq: int, through_seq: int | None, size: PackSize) -> _Packs:
        """What `Outbox.pack` gives, asked now or before. StoreError as there."""
        if self._asked and self._asked[0].place == (after_seq, through_seq):
            return await self._asked.popleft().task
        self.forget()
        return await self._outbox.pack(self._stream, after_seq, through_seq, size)

    def ask(self, after_seq: int, through_seq: int | None, size: PackSize) -> None:
        """Begin to read what will be wanted next, and what comes after that."""
        if self._asked and self._asked[0].place != (after_seq, through_seq):
            self.forget()
        if not self._asked:
            self._begin(after_seq, through_seq, size)
        else:
            self._go_on(through_seq, size)

    def forget(self) -> None:
        """What was asked is not wanted any more."""
        asked, self._asked = self._asked, deque()
        for one in asked:
            one.task.cancel()

    def _begin(self, after_seq: int, through_seq: int | None, size: PackSize) -> None:
        task = asyncio.create_task(self._read(after_seq, through_seq, size))
        task.add_done_callback(_heard)
        self._asked.append(_Asked((after_seq, through_seq), task))

    async def _read(self, after_seq: int, through_seq: int | None, size: PackSize) -> _Packs:
        packs = await self._outbox.pack(self._stream, after_seq, through_seq, size)
        asyncio.get_running_loop().call_soon(self._go_on, through_seq, size)
        return packs

    def _go_on(self, through_seq: int | None, size: PackSize) -> None:
        """Ask for what follows the last answer, unless there is none, the rows end with it, or enough was asked."""
        if not self._asked or len(self._asked) >= UPLINK_READ_AHEAD:
            return
        last = self._asked[-1]
        if last.place[1] != through_seq or not last.task.done() or last.task.cancelled() or last.task.exception() is not None:
            return
        packs = last.task.result()
        if packs and len(packs) == size.packs:
            self._begin(packs[-1].last_seq, through_seq, size)


def _heard(task: asyncio.Task[_Packs]) -> None:
    """An error of a question that nobody waits for is none: who asks next hears of it."""
    if not task.cancelled():
        task.exception()
