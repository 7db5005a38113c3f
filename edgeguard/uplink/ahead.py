"""Reading history one portion ahead: while messages go out, the store's thread joins the next ones.

What was asked is used only for the very place it was asked for; whoever moves the lane, or changes rows, makes it worthless.
"""

import asyncio
from collections.abc import Sequence

from edgeguard.core.item import Pack, PackSize, Stream
from edgeguard.core.ports import Outbox

_Place = tuple[int, int | None]


class Ahead:
    """At most one question to the outbox under way. All methods belong to the loop's thread."""

    def __init__(self, outbox: Outbox, stream: Stream) -> None:
        self._outbox = outbox
        self._stream = stream
        self._place: _Place = (0, None)
        self._task: asyncio.Task[Sequence[Pack] | None] | None = None

    async def packs(self, after_seq: int, through_seq: int | None, size: PackSize) -> Sequence[Pack] | None:
        """What `Outbox.pack` gives, asked now or before. StoreError as there."""
        task, self._task = self._task, None
        if task is not None and self._place == (after_seq, through_seq):
            return await task
        if task is not None:
            task.cancel()
        return await self._outbox.pack(self._stream, after_seq, through_seq, size)

    def ask(self, after_seq: int, through_seq: int | None, size: PackSize) -> None:
        """Begin to read what will be wanted next."""
        self.forget()
        self._place = after_seq, through_seq
        self._task = asyncio.create_task(self._read(after_seq, through_seq, size))
        self._task.add_done_callback(_heard)

    def forget(self) -> None:
        """What was asked is not wanted any more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    async def _read(self, after_seq: int, through_seq: int | None, size: PackSize) -> Sequence[Pack] | None:
        return await self._outbox.pack(self._stream, after_seq, through_seq, size)


def _heard(task: asyncio.Task[Sequence[Pack] | None]) -> None:
    """An error of a question that nobody waits for is none: who asks next hears of it."""
    if not task.cancelled():
        task.exception()
