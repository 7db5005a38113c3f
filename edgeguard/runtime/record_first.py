"""What is on record before something acts, for what may not wait for a disk: a barrier, and what an alarm switches.

The record is made durable first, as for every write. A disk that does not take it in time is not waited for: the record stands in
memory, in its turn, and becomes durable when the disk comes back. Knows nothing of what is done.
"""

import asyncio
from typing import Final, Protocol

import structlog

from edgeguard.core.errors import StoreError
from edgeguard.core.outbox_limits import RECORD_URGENT_S
from edgeguard.store import Batch

_log: Final = structlog.get_logger()


class Records(Protocol):
    """The store's two ways in."""

    def submit(self, batch: Batch) -> None:
        """Queue it."""
        ...

    async def put(self, batch: Batch) -> object:
        """Queue it and wait until it is durable; StoreError if it had to be dropped."""
        ...


class RecordFirst:
    """Over one store. Once a record came too late the next do not wait at all, until that one is durable."""

    def __init__(self, store: Records) -> None:
        self._store = store
        self._late: set[asyncio.Task[object]] = set()

    async def within(self, batch: Batch) -> bool:
        """Whether the batch is durable, after RECORD_URGENT_S at most; if not it waits, or its loss is counted."""
        if self._late:
            self._store.submit(batch)
            return False
        put = asyncio.create_task(self._put(batch), name="record of what does not wait for the disk")
        await asyncio.wait({put}, timeout=RECORD_URGENT_S)
        if put.done():
            return put.result() is not None
        _log.warning("record.late", waits_s=RECORD_URGENT_S)
        self._late.add(put)
        put.add_done_callback(self._late.discard)
        return False

    async def _put(self, batch: Batch) -> object:
        try:
            return await self._store.put(batch)
        except StoreError as error:
            _log.warning("record.lost", error=str(error))
            return None
