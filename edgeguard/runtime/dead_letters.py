"""What may be done with items that wait or were refused for good: sent again, dropped, erased. Each deed is on record."""

import asyncio
from pathlib import Path

from edgeguard.control import BadArguments, Call, Handler
from edgeguard.control.views import CountView, DeadLetterView, ErasedView
from edgeguard.core.clock import iso_utc
from edgeguard.core.limits import DEAD_LETTERS_SHOWN
from edgeguard.core.outbox_limits import ERASE_MIN_CHARS
from edgeguard.runtime.gateway import Gateway
from edgeguard.store import known_copies, unread_pictures


class DeadLetters:
    """The handlers of `dead`, `retry-dead`, `drop-dead` and `erase`."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def table(self) -> dict[str, Handler]:
        """Method name -> handler."""
        return {"dead": self.list, "retry-dead": self.retry, "drop-dead": self.drop, "erase": self.erase}

    async def list(self, _call: Call) -> tuple[DeadLetterView, ...]:
        """The oldest ones."""
        letters = await self._gateway.store.dead_letters(DEAD_LETTERS_SHOWN)
        return tuple(
            DeadLetterView(one.id, one.stream.value, one.seq, iso_utc(one.wall_ms), one.reason, one.body.decode("utf-8", "replace"))
            for one in letters
        )

    async def retry(self, call: Call) -> CountView:
        """Send them again, as new items."""
        return CountView(await self._gateway.store.retry_dead(_ids(call), call.author))

    async def drop(self, call: Call) -> CountView:
        """Forget them."""
        return CountView(await self._gateway.store.drop_dead(_ids(call), call.author))

    async def erase(self, call: Call) -> ErasedView:
        """Take out what holds a text, in the store's files and in memory."""
        text = call.text("text").strip()
        if len(text) < ERASE_MIN_CHARS:
            raise BadArguments(f"less than {ERASE_MIN_CHARS} characters stand for nobody in particular")
        store = self._gateway.store
        done = await store.erase(text, call.author)
        for forget in self._gateway.on_erased:
            forget(text)
        texts = (text, *(alias for aliases in self._gateway.aliases for alias in aliases(text)))
        for alias in texts[1:]:
            done = done.with_more(await store.erase(alias, call.author))
        if self._gateway.uplink is not None:
            self._gateway.uplink.reread()
        recent = self._gateway.pipeline.recent
        kept = [line for line in recent if not any(one in line for one in texts)]
        recent.clear()
        recent.extend(kept)
        history = 0 if self._gateway.history is None else await self._gateway.history.erase(text)
        directory = Path(self._gateway.site.store.directory)
        unread, places = await asyncio.to_thread(unread_pictures, directory), known_copies(directory)
        return ErasedView(
            done.rows, done.quarantined, done.rebuilt, done.left, done.untold, history, done.evidence, unread, places
        )  # fmt: skip


def _ids(call: Call) -> tuple[int, ...]:
    try:
        return tuple(int(text) for text in call.texts("ids"))
    except ValueError:
        raise BadArguments("ids are whole numbers, as the list of dead letters shows them") from None
