"""What leaves the gateway: items in three streams, each a JSON object whose `at` is added when it leaves.

The time is kept beside the body, not in it, so that an item taken before the clock was set can get its true time.
"""

from dataclasses import dataclass
from enum import StrEnum

from edgeguard.core.clock import Stamp


class Stream(StrEnum):
    """The three sequences, most urgent first; the value is the topic's last level."""

    ALARMS = "alarms"
    EVENTS = "events"
    TELEMETRY = "telemetry"


STREAMS = (Stream.ALARMS, Stream.EVENTS, Stream.TELEMETRY)


@dataclass(frozen=True, slots=True)
class Item:
    """An item before it has a number. `body` is a UTF-8 JSON object without `at`, `clock` and `boot_ms`."""

    stream: Stream
    at: Stamp
    body: bytes


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An item with its number for ever: (gateway, epoch, stream, seq). `at` is corrected once the boot's true time is known.

    `sound`: False if the disk gave back something else than what was committed, however sensible it may look.
    """

    stream: Stream
    seq: int
    at: Stamp
    body: bytes
    sound: bool = True


@dataclass(frozen=True, slots=True)
class Pack:
    """Rows with consecutive numbers, both ends included, as they leave (see core.departure): their items joined by commas.

    Whoever makes one has looked that the items are those that were committed under these numbers, and JSON.
    """

    first_seq: int
    last_seq: int
    items: bytes | memoryview
    """A view where it is a part of what was read with others."""


@dataclass(frozen=True, slots=True)
class PackSize:
    """Bounds of one pack: items, bytes that must not be passed, bytes beyond which no further item joins; packs at a time."""

    max_items: int
    max_bytes: int
    good_bytes: int
    packs: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a stream still holds: rows and bytes not yet acknowledged, the oldest's number and time, the last number given."""

    stream: Stream
    rows: int
    bytes: int
    first_seq: int | None
    last_seq: int
    oldest_at: Stamp | None
    dead: int
