"""How long to wait for a device that was silent when it was last asked.

A wire that bears one request at a time stands still while it waits for a dead device, and all others on it with it. So a
silent device is not given its whole time-out each time, but a few of the response times that are usual: its own, or those
of its neighbours if it has never answered. Should it have become slow, or be a slow one among quick ones, it is found all
the same: its first tries on a serial line are whole ones (driver.line), and later the longer the last attempt is ago, the
longer is the wait, for a hundredth of the time that has passed, and for the whole time-out after some minutes. Nothing is
known where nobody on the wire has answered yet, and nobody is kept waiting either: there the whole time-out holds.
"""

from edgeguard.core.limits import KNOCK_SHARE, KNOCK_WHOLE_AFTER_S, PROBE_TIMEOUT_MIN_S, PROBE_TIMEOUT_RESPONSES


def knock_timeout_s(timeout_s: float, usual_s: float, since_s: float) -> float:
    """Seconds to wait for a sign of life. `usual_s`: a response time to go by, 0 if unknown; `since_s`: age of the last try."""
    if usual_s <= 0.0 or since_s >= KNOCK_WHOLE_AFTER_S:
        return timeout_s
    return min(timeout_s, max(PROBE_TIMEOUT_MIN_S, PROBE_TIMEOUT_RESPONSES * usual_s, KNOCK_SHARE * since_s))
