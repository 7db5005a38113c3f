"""A fake daemon's dead letters: a short list that can be sent again and dropped."""

from collections.abc import Mapping

from edgeguard.control import Call, Handler
from edgeguard.control.views import CountView, DeadLetterView, ErasedView


class FakeDeadLetters:
    """`letters` are what is left; `retried` the ids that were sent again; `places` where copies were put."""

    def __init__(self) -> None:
        reason, at = "payload format invalid", "2026-11-23T05:40:00.123Z"
        self.letters = [DeadLetterView(i, "events", 40 + i, at, reason, '{"type":"health"}') for i in (1, 2, 3)]
        self.retried: list[int] = []
        self.places: tuple[str, ...] = ()

    def table(self) -> Mapping[str, Handler]:
        """Method name -> handler."""
        return {"dead": self._list, "retry-dead": self._retry, "drop-dead": self._drop, "erase": self._erase}

    async def _list(self, _: Call) -> tuple[DeadLetterView, ...]:
        return tuple(self.letters)

    async def _retry(self, call: Call) -> CountView:
        gone = self._take(call)
        self.retried += [letter.id for letter in gone]
        return CountView(len(gone))

    async def _drop(self, call: Call) -> CountView:
        return CountView(len(self._take(call)))

    async def _erase(self, call: Call) -> ErasedView:
        gone = [letter for letter in self.letters if call.text("text") in letter.body]
        self.letters = [letter for letter in self.letters if letter not in gone]
        left = ("learned.json",) if call.text("text") == "stubborn" else ()
        return ErasedView(len(gone), 0, False, left, places=self.places)

    def _take(self, call: Call) -> list[DeadLetterView]:
        wanted = call.texts("ids")
        gone = [letter for letter in self.letters if not wanted or str(letter.id) in wanted]
        self.letters = [letter for letter in self.letters if letter not in gone]
        return gone
