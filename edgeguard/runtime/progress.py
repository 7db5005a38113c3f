"""Whether polling, committing and syncing really advance: the only reason to feed the watchdog."""

from collections.abc import Mapping

from edgeguard.core.limits import WATCHDOG_GRACE_S
from edgeguard.runtime.poller import PollFigures


def stuck(now_s: float, pollers: Mapping[str, PollFigures], beats_s: Mapping[str, float]) -> tuple[str, ...]:
    """Names of parts that have not moved for the grace time, judged by loop time.

    A poller may sleep until its next round is due, and then wait for its turn behind a bus full of dead devices
    (`patience_s`); every other part must beat by itself.
    """
    late = [name for name, f in pollers.items() if now_s - max(f.beat_s, f.next_s) > WATCHDOG_GRACE_S + f.patience_s]
    late += [name for name, beat_s in beats_s.items() if now_s - beat_s > WATCHDOG_GRACE_S]
    return tuple(late)
