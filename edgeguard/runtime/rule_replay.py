"""All rules of a site on a recording, by recorded time: the same steps as in the daemon, with a store that only notes.

Nothing is read from a device and nothing is sent. The same recording and the same site give the same answers.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter

import orjson

from edgeguard.core.alarm_limits import REPLAY_TICK_MS, REPLAY_TICKED_MS
from edgeguard.core.clock import Stamp, iso_utc
from edgeguard.core.ids import BootId, DeviceName
from edgeguard.core.item import Item, Stream
from edgeguard.core.json_value import JsonValue
from edgeguard.core.point import Outcome, Point
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.site import Site
from edgeguard.core.snapshot import Snapshot
from edgeguard.runtime.families import watches_of
from edgeguard.runtime.pipeline import Pipeline
from edgeguard.runtime.recordings import Heard, Names
from edgeguard.store import Batch

_BOOT = BootId("replay")
_NOT_ASKED = Fault(Reason.NOT_DUE)


@dataclass(slots=True)
class _Clock:
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


def replay(site: Site, rounds: Iterable[Heard]) -> Replayed:
    """Let the rules of `site` run on these rounds, which come in the order of time; a second ticks between them as it does live."""
    clock, notes = _Clock(), _Notes()
    player = _Player(site, Pipeline(notes, clock), clock)
    for heard in rounds:
        player.play(heard)
    told: list[JsonValue] = [{"at": iso_utc(item.at.wall_ms), **orjson.loads(item.body)} for item in notes.items]
    return Replayed(tuple(told), player.rounds, tuple(sorted(player.unknown)), clock.start_ms, clock.wall_ms)


class _Player:
    """Brings rounds and seconds to a pipeline in the order of their time."""

    def __init__(self, site: Site, pipeline: Pipeline, clock: _Clock) -> None:
        self.rounds = 0
        self.unknown: set[DeviceName] = set()
        self._site = site
        self._pipeline = pipeline
        self._clock = clock
        self._columns: dict[DeviceName, _Columns] = {}
        self._begun = False

    def play(self, heard: Heard) -> None:
        """Time passes up to a round, and the round is taken."""
        if not self._begun:
            self._begin(heard.wall_ms)
        if heard.wall_ms != self._clock.wall_ms:
            self._pass_time(heard.wall_ms)
        device = heard.device
        columns = self._columns.get(device)
        if columns is None or columns.heard is not heard.points:
            record = self._pipeline.records.get(device)
            if record is None:
                self.unknown.add(device)
                return
            columns = self._columns[device] = _Columns.of(heard.points, record.rules.points)
        self.rounds += 1
        outcomes = heard.outcomes if columns.pick is None else columns.pick((*heard.outcomes, _NOT_ASKED))
        self._pipeline.take(Snapshot(device, self._clock.now(), columns.points, outcomes, heard.answered))

    def _begin(self, wall_ms: int) -> None:
        self._begun = True
        self._clock.start_ms = self._clock.wall_ms = wall_ms
        for spec in self._site.devices:
            self._pipeline.add(spec, {})
            # A device that is not in the recording is not silent: nobody looked.
            record = self._pipeline.records[spec.name]
            calm = tuple(replace(alarm, pending_since_ms=None) for alarm in record.state.alarms)
            record.state = replace(record.state, alarms=calm)
            # What the points show has been told already; only what the rules say of it is asked.
            record.rules = replace(record.rules, reports=())
        self._pipeline.oversee(self._site.alarms)
        self._pipeline.watch(watches_of(self._site), {})
        self._pipeline.sweep()

    def _pass_time(self, wall_ms: int) -> None:
        """Each second, as long as anything may be waiting for it; in a long gap each minute.

        Seconds at which nothing can be due are left out: most of a day is such.
        """
        since_ms, start_ms = self._clock.wall_ms, self._clock.start_ms
        idle_ms = self._pipeline.idle_until_ms()
        while wall_ms - start_ms > idle_ms:
            width_ms = REPLAY_TICK_MS if self._clock.wall_ms - since_ms < REPLAY_TICKED_MS else 60 * REPLAY_TICK_MS
            next_ms = self._clock.wall_ms - self._clock.wall_ms % REPLAY_TICK_MS + width_ms
            if next_ms > wall_ms:
                break
            self._clock.wall_ms = next_ms
            if next_ms - start_ms > idle_ms:
                self._pipeline.sweep()
                idle_ms = self._pipeline.idle_until_ms()
        self._clock.wall_ms = wall_ms


@dataclass(frozen=True, slots=True)
class _Columns:
    """How the points of a recording's rounds become the columns of a device; `pick` None: they are the same.

    `pick` takes the outcomes with what stands for a point that was not asked for behind them.
    """

    heard: Names
    points: tuple[Point, ...]
    pick: Callable[[Sequence[Outcome]], tuple[Outcome, ...]] | None

    @classmethod
    def of(cls, heard: Names, points: tuple[Point, ...]) -> "_Columns":
        """Found once for all rounds that bear the same points."""
        wanted = tuple(point.name for point in points)
        if wanted == heard:
            return cls(heard, points, None)
        place = {name: at for at, name in enumerate(heard)}
        places = [place.get(name, len(heard)) for name in wanted]
        if len(places) == 1:
            return cls(heard, points, lambda outcomes: (outcomes[places[0]],))
        return cls(heard, points, itemgetter(*places) if places else lambda _: ())
