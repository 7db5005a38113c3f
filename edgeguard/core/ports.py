"""What floors 3 ask of each other without knowing each other; the composition root puts them together."""

from collections.abc import Callable, Sequence
from typing import Protocol

from edgeguard.core.ids import Epoch
from edgeguard.core.item import Backlog, OutboxRow, Pack, PackSize, Stream


class Outbox(Protocol):
    """The uplink's view of the store: read in order, acknowledge by ranges, park what can never be sent.

    Acknowledged ranges may leave holes below them (live telemetry overtakes history); a hole is read again
    by `read(after_seq=...)` below it. Acknowledgements are made durable lazily: after a crash some rows are
    sent again under the same numbers, never skipped.
    """

    @property
    def epoch(self) -> Epoch:
        """Identity of the outbox file."""
        ...

    async def read(
        self, stream: Stream, after_seq: int, limit_rows: int, limit_bytes: int, through_seq: int | None = None
    ) -> Sequence[OutboxRow]:
        """Unacknowledged, unparked rows with `after_seq < seq <= through_seq`, in order, at least one if there is any."""
        ...

    async def pack(self, stream: Stream, after_seq: int, through_seq: int | None, size: PackSize) -> Sequence[Pack] | None:
        """The same rows in the same order, ready to leave, as long as that costs little; none if there is none.

        None if the next row is one that only `read` gives, such as one that damage has made unreadable. For masses: no row becomes
        an object.
        """
        ...

    async def acknowledge(self, stream: Stream, first_seq: int, last_seq: int) -> None:
        """The broker has taken these numbers; both ends included."""
        ...

    async def park(self, stream: Stream, first_seq: int, last_seq: int, reason: str) -> None:
        """Move rows that the broker will never take to the dead letters, with a health event."""
        ...

    async def backlog(self, stream: Stream) -> Backlog:
        """What the stream still holds."""
        ...

    async def first_younger(self, stream: Stream, age_ms: int) -> int:
        """The smallest unacknowledged seq whose item is younger than `age_ms` (boot time), or last_seq + 1."""
        ...

    def on_commit(self, wake: Callable[[], None]) -> None:
        """Call `wake` on the loop's thread after every commit that added rows; a hint, not a promise."""
        ...
