"""What is told again because its answer did not come in time, and is put into the store once all the same.

A batch whose wait was given up waits on for the disk. Whoever tells the same under the same key then waits for that batch. Only a
crash between commit and answer lets an item come twice, under the same id in its body, which a consumer drops by.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from edgeguard.core.errors import StoreError
from edgeguard.core.limits import AUDIT_WITHIN_S, TOLD_KEPT
from edgeguard.store import Batch, Store


@dataclass(slots=True)
class _Told:
    """A batch on its way or durable; `answered`: somebody has been told that it is."""

    task: asyncio.Task[tuple[int, ...]]
    answered: bool = False


class ToldOnce:
    """Keeps the last keys, and the batches of those that are not durable yet. All methods belong to the loop's thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._told: OrderedDict[str, _Told] = OrderedDict()

    async def put(self, key: str, batch: Batch) -> bool:
        """Durable when this returns; False if that has been said before under this key.

        StoreError if the disk does not take it in time; a batch that the store had to drop may be told anew.
        """
        told = self._told.get(key)
        if told is None:
            told = self._told[key] = _Told(asyncio.create_task(self._store.put(batch), name=f"put {key}"))
            told.task.add_done_callback(lambda task: self._ended(key, task))
            self._forget_oldest()
        try:
            async with asyncio.timeout(AUDIT_WITHIN_S):
                await asyncio.shield(told.task)
        except TimeoutError:
            raise StoreError("the disk does not take it") from None
        news, told.answered = not told.answered, True
        return news

    def _ended(self, key: str, task: asyncio.Task[tuple[int, ...]]) -> None:
        """What is not durable is not known."""
        told = self._told.get(key)
        if (task.cancelled() or task.exception() is not None) and told is not None and told.task is task:
            del self._told[key]

    def _forget_oldest(self) -> None:
        """Of those that are durable; what waits for the disk is bounded by the store."""
        while len(self._told) > TOLD_KEPT:
            oldest = next((key for key, told in self._told.items() if told.task.done()), None)
            if oldest is None:
                return
            del self._told[oldest]
