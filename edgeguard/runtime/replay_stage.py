"""Where rules run on a recording: a pipeline by recorded time, with a store that only notes. Players bring rounds and seconds."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter

import orjson

from edgeguard.core.alarm_limits import MINUTE_MS, REPLAY_TICK_MS, REPLAY_TICKED_MS
from edgeguard.core.clock import Stamp, iso_utc
from edgeguard.core.ids import BootId, DeviceName
from edgeguard.core.item import Item, Stream
from edgeguard.core.json_value import JsonValue
from edgeguard.core.point import Outcome, Point
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.site import Site
from edgeguard.runtime.families import Family, watches_of
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.runtime.recordings import Names
from edgeguard.store import Batch

_BOOT = BootId("replay")
NOT_ASKED = Fault(Reason.NOT_DUE)


@dataclass(slots=True)
class ReplayClock:
    """Shows the time of the recording."""

    wall_ms: int = 0
    start_ms: int = 0

    def now(self) -> Stamp:
        """The recorded moment; boot time counts from the beginning of the recording."""
        return Stamp(self.wall_ms, self.wall_ms - self.start_ms, _BOOT, synced=True)


@dataclass(slots=True)
class _Notes:
    """Stands where the store would: keeps alarms and events."""

    items: list[Item] = field(default_factory=list)

    def submit(self, batch: Batch) -> None:
        """Note what people would hear of."""
        self.items += (item for item in batch.items if item.stream is not Stream.TELEMETRY)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What would have been told: `told` as the platform would get it, `at` included. `unknown`: devices that the site has not."""

    told: tuple[JsonValue, ...]
    rounds: int
    unknown: tuple[DeviceName, ...]
    first_ms: int = 0
    last_ms: int = 0

    def raised(self) -> Counter[str]:
        """How often each alarm came."""
        return Counter(str(one["alarm"]) for one in self.told if isinstance(one, dict) and one.get("state") == "active")


class Stage:
    """A site's rules on the time of a recording, from its first round on."""

    def __init__(self, site: Site) -> None:
        self.clock, self._notes = ReplayClock(), _Notes()
        self.pipeline = Pipeline(self._notes, self.clock)
        self.watches: tuple[Family, ...] = watches_of(site)
        self.rounds = 0
        self.unknown: set[DeviceName] = set()
        self._site = site

    def begin(self, wall_ms: int) -> None:
        """The recording begins."""
        self.clock.start_ms = self.clock.wall_ms = wall_ms
        for spec in self._site.devices:
            self.pipeline.add(spec, {})
            # A device that is not in the recording is not silent: nobody looked.
            record = self.pipeline.records[spec.name]
            calm = tuple(replace(alarm, pending_since_ms=None) for alarm in record.state.alarms)
            record.state = replace(record.state, alarms=calm, unheard_ms=None)
            # What the points show has been told already; only what the rules say of it is asked.
            record.rules = replace(record.rules, reports=())
        self.pipeline.oversee(self._site.alarms)
        self.pipeline.watch(self.watches, {})
        self.pipeline.sweep()

    def replayed(self) -> Replayed:
        """What has come of it."""
        told: list[JsonValue] = [{"at": iso_utc(item.at.wall_ms), **orjson.loads(item.body)} for item in self._notes.items]
        return Replayed(tuple(told), self.rounds, tuple(sorted(self.unknown)), self.clock.start_ms, self.clock.wall_ms)


def next_tick_ms(since_ms: int, now_ms: int) -> int:
    """The next moment behind `now_ms` at which a second ticks: each full one; long after the last round, each minute."""
    next_ms = now_ms - now_ms % REPLAY_TICK_MS + REPLAY_TICK_MS
    coarse_ms = -(-(since_ms + REPLAY_TICKED_MS) // REPLAY_TICK_MS) * REPLAY_TICK_MS
    if now_ms < coarse_ms:
        return next_ms
    return coarse_ms + ((now_ms - coarse_ms) // MINUTE_MS + 1) * MINUTE_MS


@dataclass(frozen=True, slots=True)
class ColumnsOf:
    """How the points of a recording's rounds become the columns of a device; `pick` None: they are the same.

    `pick` takes the outcomes with what stands for a point that was not asked for behind them; `places` are those that it picks.
    """

    heard: Names
    points: tuple[Point, ...]
    pick: Callable[[Sequence[Outcome]], tuple[Outcome, ...]] | None
    places: tuple[int, ...]

    @classmethod
    def of(cls, heard: Names, points: tuple[Point, ...]) -> "ColumnsOf":
        """Found once for all rounds that bear the same points."""
        wanted = tuple(point.name for point in points)
        if wanted == heard:
            return cls(heard, points, None, tuple(range(len(wanted))))
        place = {name: at for at, name in enumerate(heard)}
        places = tuple(place.get(name, len(heard)) for name in wanted)
        if len(places) == 1:
            return cls(heard, points, lambda outcomes: (outcomes[places[0]],), places)
        return cls(heard, points, itemgetter(*places) if places else lambda _: (), places)
