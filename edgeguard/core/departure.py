"""An item as it leaves: `{"at":"…",…}`, its time spliced in front of what it tells; nothing is parsed or serialised again.

The store keeps what comes in masses in this form, the uplink brings everything else into it. Knows no stream and no message.
"""

from datetime import datetime
from typing import Final

from edgeguard.core.clock import Stamp, iso_utc

_HEAD: Final = b'{"at":"'
_PLAIN_BYTES: Final = len(b'{"at":"2026-11-23T05:40:00.123Z",')
YEAR_10000_MS: Final = 253_402_300_800_000
"""No wall time from here on can be written."""

PLAIN_FROM: Final = _PLAIN_BYTES + 1
"""Where, counted from 1, the body goes on in a plain item, without its opening brace."""


class Departures:
    """Puts times in front; keeps the text of the last whole second, since neighbours share it."""

    def __init__(self) -> None:
        self._second = -1
        self._second_text = b""

    def item(self, at: Stamp, body: bytes) -> bytes:
        """The body with its time in front, and with `clock` and `boot_ms` while the time is not trusted."""
        rest = body[1:]
        comma = b"" if rest.lstrip()[:1] == b"}" else b","
        if at.synced:
            return _HEAD + self._time(at) + b'"' + comma + rest
        return _HEAD + self._time(at) + b'","clock":"unsynced","boot_ms":%d' % at.boot_ms + comma + rest

    def plain(self, at: Stamp, body: bytes) -> bytes | None:
        """The same as `item` if the body can be had back from it by `body_of`; None for untrusted times and odd bodies."""
        if at.synced and body[:2] == b'{"' and 0 <= at.wall_ms < YEAR_10000_MS:
            return _HEAD + self._time(at) + b'",' + body[1:]
        return None

    def wall_ms(self, plain: bytes) -> int:
        """The time in front of what `plain` gave. ValueError if there is none."""
        head, ms = plain[len(_HEAD) : _PLAIN_BYTES - 6], plain[_PLAIN_BYTES - 6 : _PLAIN_BYTES - 3]
        if head != self._second_text:
            second = round(datetime.fromisoformat(f"{head.decode('ascii')}000+00:00").timestamp())
            self._second, self._second_text = second, head
        return self._second * 1000 + int(ms)

    def _time(self, at: Stamp) -> bytes:
        """ISO 8601 in UTC with milliseconds."""
        second, ms = divmod(at.wall_ms, 1000)
        if second != self._second:
            self._second, self._second_text = second, iso_utc(second * 1000)[:-4].encode()
        return self._second_text + b"%03dZ" % ms


def body_of(plain: bytes) -> bytes:
    """What `Departures.plain` was given."""
    return b"{" + plain[_PLAIN_BYTES:]
