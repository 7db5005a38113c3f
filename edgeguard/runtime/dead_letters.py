"""What may be done with items that wait or were refused for good: sent again, dropped, erased. Each deed is on record."""

from edgeguard.control import BadArguments, Call, Handler
from edgeguard.control.views import CountView, DeadLetterView, ErasedView
from edgeguard.core.clock import iso_utc
from edgeguard.core.limits import DEAD_LETTERS_SHOWN
from edgeguard.core.outbox_limits import ERASE_MIN_CHARS
from edgeguard.runtime.erasing import Erasing
from edgeguard.runtime.gateway import Gateway


class DeadLetters:
    """The handlers of `dead`, `retry-dead`, `drop-dead` and `erase`."""

    def __init__(self, gateway: Gateway, erasing: Erasing) -> None:
        self._gateway = gateway
        self._erasing = erasing

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
        if text in call.author:
            raise BadArguments("the record of it would name whoever asks: somebody else has to ask")
        return await self._erasing.erase(text, call.author)


def _ids(call: Call) -> tuple[int, ...]:
    try:
        return tuple(int(text) for text in call.texts("ids"))
    except ValueError:
        raise BadArguments("ids are whole numbers, as the list of dead letters shows them") from None
