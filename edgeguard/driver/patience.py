"""How long to wait for a device that was silent when it was last asked.

A wire that bears one request at a time stands still while it waits for a dead device, and all others on it with it. So a
silent device is not given its whole time-out each time, but a few of the response times that are usual: its own, or those
of its neighbours if it has never answered. Should it have become slow it is found all the same: the longer the last attempt
is ago, the longer is the wait, for a hundredth of the time that has passed, and for the whole time-out after some minutes.
Nothing is known where nobody on the wire has answered yet, and nobody is kept waiting either: there the whole time-out holds.

Who was not silent has its whole time-out, but not while many are: then it has a look first (bus.lost_time), for twice its worst
response time lately, and its whole time-out with a later try, if it needs that.

A stranger on a serial line, one that nobody has heard since the start, may be dead, or slow, or slower than its neighbours. Its
first look is short, so that many dead ones do not keep the living from being found; who is slower is known by its late answer. If
it is silent, its next tries are whole ones, as probes; then it is a dead device like any other. All of it keeps to one share of
the line as soon as anybody there answers (bus.probe_share).
"""

import math

from edgeguard.core.limits import (
    FIRST_LOOK_METER_S,
    FIRST_LOOK_S,
    KNOCK_SHARE,
    KNOCK_WHOLE_AFTER_S,
    PROBE_TIMEOUT_MIN_S,
    PROBE_TIMEOUT_RESPONSES,
)
from edgeguard.core.line_limits import LOOK_RESPONSES


def knock_timeout_s(timeout_s: float, usual_s: float, since_s: float) -> float:
    """Seconds to wait for a sign of life. `usual_s`: a response time to go by, 0 if unknown; `since_s`: age of the last try."""
    if usual_s <= 0.0 or since_s >= KNOCK_WHOLE_AFTER_S:
        return timeout_s
    return min(timeout_s, max(PROBE_TIMEOUT_MIN_S, PROBE_TIMEOUT_RESPONSES * usual_s, KNOCK_SHARE * since_s))


def first_look_s(timeout_s: float, usual_s: float, meter: bool) -> float:
    """Seconds to wait for a stranger on a serial line. `usual_s`: what its neighbours take, 0 if none has answered."""
    least_s = FIRST_LOOK_METER_S if meter else (PROBE_TIMEOUT_MIN_S if usual_s > 0.0 else FIRST_LOOK_S)
    return min(timeout_s, max(least_s, LOOK_RESPONSES * usual_s))


def look_s(worst_s: float) -> float:
    """Seconds in which a device that lives answers, by the worst of its answers lately; for ever, if it has given none."""
    return max(PROBE_TIMEOUT_MIN_S, LOOK_RESPONSES * worst_s) if worst_s > 0.0 else math.inf
