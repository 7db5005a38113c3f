"""Erasing a resident's data in all that the daemon holds: history, outbox, memory. What has begun is finished, whoever is killed.

What is to be erased is noted before anything is touched, and the note goes when nothing is left; a daemon that finds one goes on
with it. Which bytes go where is the store's matter.
"""

import asyncio
from pathlib import Path

import structlog

from edgeguard.control.views import ErasedView
from edgeguard.core.errors import StoreError
from edgeguard.core.outbox_limits import ERASE_ANSWER_S, ERASE_RETRY_S
from edgeguard.runtime.gateway import Gateway
from edgeguard.store import EraseJob, forget_job, known_copies, note_job, pending_job, unread_pictures

_log = structlog.get_logger()


class Erasing:
    """One at a time."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._directory = Path(gateway.site.store.directory)
        self._busy = asyncio.Lock()
        self._begun = set[asyncio.Task[ErasedView]]()
        self._unfinished = True
        """There may be a note: an earlier run may have left one."""

    async def run(self) -> None:
        """Finish what an earlier run, or a disk that refused, has left unfinished. For ever; StoreError if that fails again."""
        while True:
            if self._unfinished:
                async with self._busy:
                    await self._resume()
            await asyncio.sleep(ERASE_RETRY_S)

    async def erase(self, text: str, by: str) -> ErasedView:
        """Take out what holds a text. StoreError: it is not done yet, but goes on, or is tried again; at the next start, too."""
        task = asyncio.create_task(self._erase(text, by), name="erase")
        self._begun.add(task)
        task.add_done_callback(self._ended)
        if not (await asyncio.wait({task}, timeout=ERASE_ANSWER_S))[0]:
            raise StoreError("it takes longer than anybody waits for an answer, and goes on; the audit log says when it is done")
        return task.result()

    def _ended(self, task: asyncio.Task[ErasedView]) -> None:
        self._begun.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("erase.unfinished", error=str(error))

    async def _erase(self, text: str, by: str) -> ErasedView:
        async with self._busy:
            if (earlier := await self._resume()) is not None and earlier[0].text == text:
                return earlier[1]
            job, self._unfinished = EraseJob(text, by), True
            await asyncio.to_thread(note_job, self._directory, job)
            return await self._finish(job, again=False)

    async def _resume(self) -> tuple[EraseJob, ErasedView] | None:
        """Finish what was left unfinished, if anything was."""
        job = await asyncio.to_thread(pending_job, self._directory)
        if job is None:
            await asyncio.to_thread(forget_job, self._directory)  # one that was cut off, if there is one
            self._unfinished = False
            return None
        _log.info("erase.resumed")
        done = await self._finish(job, again=True)
        _log.info("erase.finished", rows=done.rows, left=len(done.left))
        return job, done

    async def _finish(self, job: EraseJob, again: bool) -> ErasedView:
        """The history before the outbox, whose record says that all is done. Memory first of all, since it is written down anew."""
        gateway, directory = self._gateway, self._directory
        texts = (job.text, *(alias for aliases in gateway.aliases for alias in aliases(job.text)))
        self._forget(texts)
        history = 0 if gateway.history is None else await gateway.history.erase(*texts, again=again)
        done = await gateway.store.erase(job.text, job.by, *texts[1:])
        self._forget(texts)
        if gateway.uplink is not None:
            gateway.uplink.reread()
        await asyncio.to_thread(forget_job, directory)
        self._unfinished = False
        unread, places = await asyncio.to_thread(unread_pictures, directory), known_copies(directory)
        return ErasedView(
            done.rows, done.quarantined, done.rebuilt, done.left, done.untold, history, done.evidence, unread, places
        )  # fmt: skip

    def _forget(self, texts: tuple[str, ...]) -> None:
        for forget in self._gateway.on_erased:
            forget(texts[0])
        recent = self._gateway.pipeline.recent
        kept = [line for line in recent if not any(one in line for one in texts)]
        recent.clear()
        recent.extend(kept)
