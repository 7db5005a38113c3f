"""One simulated device through the real rules: what hints came, when, and whether they were right.

The rules get what the daemon would give them: rounds with stamps, a day after another. Nothing of the simulation's truth.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from hint_devices import (
    BATTERY_LIMIT_V,
    BATTERY_POINTS,
    BATTERY_SWING_V,
    DEVICE,
    DRIVE_LIMIT_C,
    DRIVE_POINTS,
    HOTTEST_C,
    LIFT_POINTS,
    PUMP_POINTS,
    TERMINAL_POINTS,
    Ailing,
    Read,
    alarm,
    battery_reads,
    drive_reads,
    lift_reads,
    pump_reads,
    terminal_reads,
)
from hint_world import Benign, Decay, World, benign_of

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId, DeviceName, PointName
from edgeguard.core.interlock import PointRef
from edgeguard.core.maintenance import DeviceMaintenance, HintKind, MaintenanceSpec, Usage, WatchedQuantity
from edgeguard.rules.gauge import limits_of
from edgeguard.rules.gauges import care_of
from edgeguard.rules.hint_memory import dump, load
from edgeguard.rules.hint_words import report_news
from edgeguard.rules.hints import HintNews, Telling
from edgeguard.rules.maintenance import DAY_MS, CareState, DeviceCare, step
from edgeguard.rules.sights import Memory, Round

OUTSIDE: Final = PointRef(DeviceName("weather"), PointName("temperature"))
MAKES: Final = ("lift", "terminal", "pump", "drive", "drive-alone", "battery")
DEGRADATIONS: Final[tuple[tuple[str, HintKind], ...]] = (
    ("lift", HintKind.DOOR_CLOSE_TIME),
    ("lift", HintKind.DOOR_OPEN_TIME),
    ("lift", HintKind.LEVELLING),
    ("lift", HintKind.START_CURRENT),
    ("terminal", HintKind.DOOR_CYCLE_TIME),
    ("terminal", HintKind.WEAR),
    ("pump", HintKind.PUMP_HEAD),
    ("pump", HintKind.PUMP_POWER),
    ("pump", HintKind.START_CURRENT),
    ("pump", HintKind.WEAR),
    ("drive", HintKind.TEMPERATURE),
    ("battery", HintKind.QUANTITY),
)
"""Makes and what goes with them. A drive whose room nobody measures is judged for false hints only: see the page."""


@dataclass(frozen=True, slots=True)
class Case:
    """A device of a make; `kind` None for a healthy one. `limit_day` is when the quantity really meets its limit."""

    make: str
    seed: int
    days: int
    kind: HintKind | None = None
    decay: Decay | None = None

    @property
    def limit_day(self) -> int:
        """The day of the limit, or the end of the run."""
        return self.days if self.decay is None else self.decay.limit


@dataclass(frozen=True, slots=True)
class Told:
    """A hint's news on a day from the beginning; `expected`, `earliest` and `latest` as days from the beginning."""

    day: int
    name: str
    telling: Telling
    seen: str
    share: float
    expected: float | None
    earliest: float | None
    latest: float | None
    onset: int
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """A case and everything that was told of it; `kept_bytes` is the largest state that was kept.

    `passed`: the first day on which a figure was beyond its limit, by name: what somebody sees who only waits for it.
    """

    case: Case
    told: tuple[Told, ...]
    kept_bytes: int
    rounds: int
    passed: tuple[tuple[str, int], ...] = ()

    def right(self) -> Told | None:
        """The first hint of what really goes, raised after its onset and before its limit."""
        decay = self.case.decay
        if decay is None or self.case.kind is None:
            return None
        mine = (t for t in self.told if t.telling is Telling.RAISED and t.name.startswith(self.case.kind.value))
        return next((t for t in mine if decay.onset <= t.day < decay.limit), None)

    def false(self) -> list[Told]:
        """Hints that were raised of what does not go, or before it did, or twice while the first still stood."""
        decay = self.case.decay
        raised = [t for t in self.told if t.telling is Telling.RAISED]
        if decay is None or self.case.kind is None:
            return raised
        return [t for t in raised if not t.name.startswith(self.case.kind.value) or t.day < decay.onset]


def run(case: Case, restart_each_days: int = 50) -> Outcome:
    """The whole life of a device. The daemon is restarted now and then, with what it had kept."""
    ailing = Ailing(case.kind, case.decay or Decay(10**6, 10**6 + 1))
    benign = benign_of(case.seed, case.days)
    if case.kind is not None:
        benign = replace(
            benign, off_days=_off_before(case, benign), tenant_day=None if case.kind is HintKind.WEAR else benign.tenant_day
        )
    world = World.of(case.seed, case.days, benign if case.kind is not None or case.seed % 4 else Benign())
    care = _care(case, world)
    told: list[Told] = []
    passed: dict[str, int] = {}
    memory: tuple[Memory, ...] = ()
    before_ms: int | None = None
    state, kept, rounds, boot = CareState(), 0, 0, 0
    next_restart, boot_at = restart_each_days, -100.0
    for seconds, outcomes, outside in _reads(case, world, ailing):
        rounds += 1
        if seconds > next_restart * 86_400:
            state, boot, boot_at = load(dump(state)), boot + 1, seconds - 100.0
            next_restart, before_ms = next_restart + restart_each_days, None
        wall_ms = world.first_day * DAY_MS + round(seconds * 1000)
        now = Stamp(wall_ms, round((seconds - boot_at) * 1000), BootId(f"b{boot}"), True)
        seen = Round(outcomes, outcomes, now.boot_ms, before_ms, outside)
        state, memory, news = step(care, state, memory, seen, now)
        before_ms = now.boot_ms
        if news.keep:
            _note_passed(care, state, world.first_day, passed)
        for name, one in news.news:
            told.append(_told(care, state, name, one, world.first_day))
        if news.keep and rounds % 50 == 0:
            kept = max(kept, len(dump(state)))
    return Outcome(case, tuple(told), max(kept, len(dump(state))), rounds, tuple(passed.items()))


def _note_passed(care: DeviceCare, state: CareState, first_day: int, passed: dict[str, int]) -> None:
    for gauge in care.gauges:
        known = state.gauge(gauge.name)
        if gauge.name in passed or known.reference is None or known.last_day is None:
            continue
        value, level = known.values[-1], known.reference.level
        beyond = value is not None and any((value - limit) * (limit - level) > 0 for limit in limits_of(gauge, known))
        if beyond:
            passed[gauge.name] = known.last_day - first_day + 1


def _off_before(case: Case, benign: Benign) -> tuple[int, int]:
    """A device that goes while it stands still cannot be watched: it stands still only before, if at all."""
    begin, end = benign.off_days
    return (begin, end) if case.decay is not None and case.kind is not HintKind.WEAR and end <= case.decay.onset - 10 else (0, 0)


def _told(care: DeviceCare, state: CareState, name: str, news: HintNews, first_day: int) -> Told:
    finding = news.hint.finding
    reach = finding.reach
    day = finding.day - first_day
    return Told(
        (state.today or first_day) - first_day,
        name, news.telling, finding.seen.value, finding.share,
        None if reach is None else day + reach.expected,
        None if reach is None else day + reach.earliest,
        None if reach is None or reach.latest is None else day + reach.latest,
        finding.onset_day - first_day,
        report_news(care, state, name, news).text.en,
    )  # fmt: skip


def _reads(case: Case, world: World, ailing: Ailing) -> Iterator[Read]:
    if case.make == "lift":
        return lift_reads(world, ailing)
    if case.make == "terminal":
        return terminal_reads(world, ailing)
    if case.make == "pump":
        return pump_reads(world, ailing)
    if case.make == "battery":
        return battery_reads(world, ailing)
    return drive_reads(world, ailing, told=case.make == "drive")


def _care(case: Case, world: World) -> DeviceCare:
    """As the daemon compiles it from the profile's points, the alarms, and what the site says."""
    points = {
        "lift": LIFT_POINTS, "terminal": TERMINAL_POINTS, "pump": PUMP_POINTS, "battery": BATTERY_POINTS,
    }.get(case.make, DRIVE_POINTS)  # fmt: skip
    alarms = (alarm("drive_temperature", DRIVE_LIMIT_C),) if points is DRIVE_POINTS else ()
    own = DeviceMaintenance(intervals=_intervals(case, world))
    if case.make == "battery":
        own = replace(own, watch=(WatchedQuantity(PointName("battery_voltage"), BATTERY_LIMIT_V, None, BATTERY_SWING_V),))
    outside = OUTSIDE if case.make == "drive" else None
    return care_of(DEVICE, points, alarms, {}, MaintenanceSpec(True, outside, HOTTEST_C, {DEVICE: own}))


def _intervals(case: Case, world: World) -> dict[Usage, float]:
    """Intervals that no healthy device uses up; for wear, one that is used up on the day of the limit, as it really is used."""
    if case.kind is not HintKind.WEAR:
        return {Usage.TRIPS: 1e6, Usage.DOOR_CYCLES: 1e6, Usage.RUN_HOURS: 1e6, Usage.STARTS: 1e6}
    of_trips = case.make == "terminal"
    usage, index = (Usage.TRIPS, 2) if of_trips else (Usage.RUN_HOURS, 6)
    used, before = 0.0, None
    for seconds, outcomes, _ in _reads(case, world, Ailing(None, Decay(10**6, 10**6 + 1))):
        if seconds >= case.limit_day * 86_400:
            break
        value = outcomes[index]
        if isinstance(value, int | float) and not isinstance(value, bool):
            used += max(0.0, value - before) if before is not None else 0.0
            before = value
    far = dict.fromkeys(Usage, 1e6)
    return {**far, usage: max(1.0, used)}
