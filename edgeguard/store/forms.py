"""The forms in which a row keeps its item: as it came, or, as telemetry in masses, as it leaves (see core.departure)."""

from contextlib import suppress

import orjson

from edgeguard.core.clock import Stamp
from edgeguard.core.departure import Departures, body_of
from edgeguard.core.item import Stream
from edgeguard.store.sql import AS_IT_LEAVES


class Forms:
    """Brings items into their form and back."""

    def __init__(self) -> None:
        self._departures = Departures()

    def kept(self, stream: Stream, at: Stamp, body: bytes) -> tuple[int, int, bytes]:
        """`wall_ms`, `synced` and `body` of the row.

        What is kept as it leaves is looked at now, and leaves without being looked at again but for its sums. Its time stands in
        the body alone: six bytes that need not be written twice.
        """
        if stream is Stream.TELEMETRY and (plain := self._departures.plain(at, body)) is not None and _is_json(body):
            return 0, AS_IT_LEAVES, plain
        return at.wall_ms, int(at.synced), body

    def read(self, wall_ms: int, form: int, body: bytes) -> tuple[int, bytes]:
        """Wall time and body of the item; rows of an older edgeguard have the time beside the body, too.

        A time that the disk has made unreadable is 1970: the row's sums tell that it is none.
        """
        if form != AS_IT_LEAVES:
            return wall_ms, body
        if not wall_ms:
            with suppress(ValueError):
                wall_ms = self._departures.wall_ms(body)
        return wall_ms, body_of(body)


def _is_json(body: bytes) -> bool:
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return True
