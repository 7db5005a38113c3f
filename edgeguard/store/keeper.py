"""Who keeps the database file open: opens it, notices what befalls it, opens it again, sets it aside; tells changes once.

Knows the file's fate, not what is written to it.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

import structlog

from edgeguard.core.clock import Clock
from edgeguard.core.errors import StoreError
from edgeguard.core.health import Health, HealthSink
from edgeguard.core.ids import Epoch
from edgeguard.core.item import STREAMS
from edgeguard.core.limits import STORE_CLOSE_S
from edgeguard.core.outbox_limits import DISK_STUCK_S, OPEN_WITHIN_S
from edgeguard.core.point import Labels
from edgeguard.store.damage import DATABASE, Connect, Loss, close_sound, open_outbox, set_aside
from edgeguard.store.desk import Desk
from edgeguard.store.ledger import Ledger
from edgeguard.store.retention import DAMAGED, Gap
from edgeguard.store.trouble import LOW_ON_SPACE, TEXTS, WELL_AGAIN, Trouble, plainly, sentence_of, trouble_of

_P = ParamSpec("_P")
_R = TypeVar("_R")

_EPOCH_BYTES: Final = 8
_IN_PLACE: Final = (Trouble.FULL, Trouble.BUSY)
"""Trouble after which the same connection may be used again; after all other trouble it is opened anew."""
_log = structlog.get_logger()


class Keeper:
    """Holds the desk and its ledger. `trouble` lasts until `well`; while `broken`, only `reopen` helps."""

    def __init__(
        self, directory: Path, clock: Clock, health: HealthSink, entropy: Callable[[int], bytes], open_connection: Connect
    ) -> None:
        self.directory = directory
        self.epoch = Epoch(entropy(_EPOCH_BYTES).hex())
        self.trouble: Trouble | None = None
        self.last_error = ""
        self.losses: list[Gap] = []
        """What went with files set aside and has not been told yet."""
        self._clock = clock
        self._health = health
        self._entropy = entropy
        self._open_connection = open_connection
        self._desk: Desk | None = None
        self._ledger: Ledger | None = None
        self._opening: asyncio.Task[tuple[Desk, Ledger] | None] | None = None
        """One at a time: a disk that does not answer may hold it for long, and whoever wants the file waits for that one."""
        self._damage: str | None = None
        self._loss: Loss | None = None
        self._closed = False
        self._spoilt = False

    @property
    def broken(self) -> bool:
        """No connection, or one that must not be used again."""
        return self._desk is None or self._spoilt

    @property
    def ledger(self) -> Ledger:
        """For a look at its figures from the loop's thread; work goes through `do`. Raises StoreError if there is none."""
        if self._ledger is None:
            raise StoreError(f"{self.directory / DATABASE} is not open: {self.last_error}")
        return self._ledger

    async def do(self, work: Callable[Concatenate[Ledger, _P], _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Run work on the desk's thread. Raises StoreError, and notes the trouble, if the disk refuses."""
        if self._desk is None or self._ledger is None or self.broken:
            raise StoreError(f"{self.directory / DATABASE} cannot be used: {self.last_error or 'it is closed'}")
        desk = self._desk
        stuck = asyncio.get_running_loop().call_later(DISK_STUCK_S, self._note_stuck)
        try:
            return await desk.do(work, self._ledger, *args, **kwargs)
        except (sqlite3.Error, OSError) as error:
            if desk is self._desk:
                self.fell(error)
            raise StoreError(f"{self.directory / DATABASE}: {sentence_of(error)}") from error
        finally:
            stuck.cancel()

    def _note_stuck(self) -> None:
        """Told while it lasts; the next commit that succeeds tells that it is over."""
        if self.trouble is None:
            self.last_error = f"{self.directory / DATABASE} has not answered for {DISK_STUCK_S:g} s"
            self.note(Trouble.STUCK, TEXTS[Trouble.STUCK], self.last_error)

    def fell(self, error: sqlite3.Error | OSError, about_disk: str = "") -> None:
        """Note trouble; tell it if it is news. An error that is none of the disk's is a bug and is raised."""
        trouble = trouble_of(error)
        if trouble is None:
            raise error
        self.last_error = ": ".join(filter(None, (sentence_of(error), about_disk)))
        self._spoilt = self._spoilt or trouble not in _IN_PLACE
        if trouble is Trouble.DAMAGED:
            self._damage = self.last_error
        self.note(trouble, TEXTS[trouble], self.last_error)

    def note(self, trouble: Trouble, text: Labels, detail: str) -> None:
        """Enter a trouble, told once. Damage is not told here but when the file has been set aside."""
        if trouble is self.trouble:
            return
        self.well()
        self.trouble = trouble
        _log.warning("store.troubled", trouble=trouble.value, detail=detail)
        if trouble is not Trouble.DAMAGED:
            self._health(Health("store", trouble.value, ok=False, text=text, detail=detail))

    def lack_room(self, detail: str) -> None:
        """There is so little space that only alarms are stored; the rest waits in memory."""
        self.last_error = f"{LOW_ON_SPACE.en}: {detail}"
        self.note(Trouble.FULL, LOW_ON_SPACE, detail)

    def well(self) -> None:
        """What was asked of the disk works again."""
        if self.trouble is None:
            return
        trouble, self.trouble = self.trouble, None
        _log.info("store.recovered", trouble=trouble.value)
        if trouble is not Trouble.DAMAGED:
            self._health(Health("store", trouble.value, ok=True, text=WELL_AGAIN))

    async def begin(self) -> None:
        """The first opening. A disk that refuses or does not answer does not hinder: `reopen` then waits for it. Raises as that."""
        opening = asyncio.create_task(self.reopen(), name="the outbox at the start")
        await asyncio.wait({opening}, timeout=OPEN_WITHIN_S)
        if opening.done():
            opening.result()
            return
        opening.cancel()  # the waiter alone: the opening goes on
        self.last_error = f"{self.directory / DATABASE} has not answered for {OPEN_WITHIN_S:g} s"
        self.note(Trouble.STUCK, TEXTS[Trouble.STUCK], self.last_error)

    async def reopen(self) -> bool:
        """Close what is open and open the file again, or a new one if it is damaged; True if there is a sound file now.

        Raises Permanent for a database of a later edgeguard, StoreError after `close`.
        """
        if self._closed:
            raise StoreError(f"{self.directory / DATABASE} has been closed")
        if self._opening is None:
            self._opening = asyncio.create_task(self._open(), name="opening the outbox")
        opening = self._opening
        await asyncio.wait({opening})
        self._opening = None
        opened = opening.result()
        if opened is None:
            return False
        before = self._ledger
        desk, self._ledger = opened
        self._desk, self._spoilt = desk, False
        self.epoch = self._ledger.epoch
        if before is not None and before.epoch == self.epoch:
            await desk.do(self._ledger.adopt_marks, before.streams)
        elif before is not None or self._loss is not None:
            self._tell_loss(self._loss or Loss("the file vanished", None, before.epoch if before else None), before)
        self._loss = None
        return True

    async def _open(self) -> tuple[Desk, Ledger] | None:
        """A desk with a sound file, None if the disk refuses. Nothing of the keeper's is replaced yet: nobody may be waiting."""
        before = self._ledger
        await self._drop_desk()
        epoch = Epoch(self._entropy(_EPOCH_BYTES).hex())
        wall_ms = self._clock.now().wall_ms
        found: list[Ledger] = []
        about_disk: list[str] = []

        def begin() -> sqlite3.Connection:
            try:
                if self._damage is not None:
                    self._gave_up(set_aside(self.directory, self._damage, before.epoch if before else None, wall_ms))
                found.append(open_outbox(self.directory, epoch, wall_ms, self._gave_up, self._open_connection))
            except (sqlite3.Error, OSError):
                about_disk.append(plainly(self.directory))
                raise
            return found[0].connection

        desk = Desk(begin)
        try:
            await desk
        except (sqlite3.Error, OSError) as error:
            self.fell(error, *about_disk)
            return None
        if self._closed:
            await desk.close()
            return None
        return desk, found[0]

    async def close(self) -> None:
        """Write the marks, checkpoint and close. Raises StoreError if the disk refuses; closed it is in any case."""
        self._closed = True
        if self._desk is None:
            return
        try:
            if not self.broken:
                await self.do(close_sound)
        finally:
            await self._drop_desk()

    async def _drop_desk(self) -> None:
        desk, self._desk = self._desk, None
        if self._ledger is not None:
            self._ledger.witness.close()
        if desk is not None:
            with suppress(sqlite3.Error, TimeoutError):
                async with asyncio.timeout(STORE_CLOSE_S):
                    await desk.close()

    def _gave_up(self, loss: Loss) -> None:
        """On the desk's thread: remembered until a new file is open, which may take more than one try."""
        self._loss = loss
        self._damage = None

    def _tell_loss(self, loss: Loss, before: Ledger | None) -> None:
        """A gap record per stream and one piece of news: what exactly is lost only the ledger in memory may know.

        No good news follows: it is a loss and not a state, and the new file works from the start.
        """
        lost = []
        for stream in STREAMS:
            holes = tuple(before.streams[stream].holes()) if before is not None else ()
            first, last = (holes[0][0], holes[-1][1]) if holes else (None, None)
            if before is None or holes:
                self.losses.append(Gap(stream, DAMAGED, first, last, epoch=loss.epoch))
                lost.append(f"{stream} {first}-{last}" if holes else f"{stream} unknown")
        where = f"now in {loss.folder}" if loss.folder is not None else "nothing is left of it"
        detail = f"{loss.reason}; {where}; not delivered: {', '.join(lost) or 'nothing'}; new epoch {self.epoch}"
        self.last_error = loss.reason
        _log.error("store.set-aside", reason=loss.reason, folder=str(loss.folder), epoch=self.epoch)
        self._health(Health("store", Trouble.DAMAGED.value, ok=False, text=TEXTS[Trouble.DAMAGED], detail=detail))
