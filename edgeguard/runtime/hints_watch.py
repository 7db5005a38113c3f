"""Maintenance hints as a family of rules: every device's rounds go through rules.maintenance, and what comes of them is kept.

Holds the state of every device in memory, as the pipeline holds that of the alarms. What a crash may cost is what was measured
since the last keeping, an hour at most; hints are kept in the transaction of their news.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from edgeguard.core.clock import Stamp
from edgeguard.core.hint import HintReport
from edgeguard.core.ids import DeviceName
from edgeguard.core.interlock import PointRef
from edgeguard.core.limits import HOUR_MS
from edgeguard.core.maintenance import MaintenanceSpec
from edgeguard.core.register import RawType, RegisterField
from edgeguard.core.rule_state import RuleState
from edgeguard.core.site import DeviceSpec
from edgeguard.core.snapshot import Snapshot
from edgeguard.rules.gauges import care_of
from edgeguard.rules.hint_item import hint_item
from edgeguard.rules.hint_memory import dump, load
from edgeguard.rules.hint_words import report_news, report_standing
from edgeguard.rules.maintenance import (
    CareNews,
    CareState,
    DeviceCare,
    Service,
    record_service,
    rest,
    resume,
    snooze_hint,
    step,
    timed_columns,
)
from edgeguard.rules.sights import NEVER_MS, Memory, Round
from edgeguard.rules.still import NOTHING_STILL, Still, goes_on
from edgeguard.runtime.record import DeviceRecord
from edgeguard.runtime.watches import ANY_ROUND, NOTHING, Findings, Records, Rest, Stretch

_log = structlog.get_logger()

OWNER: Final = "hints"
DAY_MS: Final = 86_400_000


@dataclass(slots=True)
class _Seen:
    """What is known of a device from round to round: what its sights remember, when it was seen last, which rounds to leave out.

    `columns`: truths that are timed; `waiting`: those of them that rounds have left out lately.
    """

    columns: frozenset[int]
    memory: tuple[Memory, ...] = ()
    at_ms: int | None = None
    waiting: Mapping[int, int | None] = field(default_factory=dict)
    until_ms: float = NEVER_MS
    still: Still = NOTHING_STILL


class Counters(Protocol):
    """Who counts what devices do not count themselves: the domain rules, and nobody beside them."""

    def counted(self, device: DeviceName) -> Mapping[str, float]:
        """What was counted of a device, by the name of the figure, as told last."""
        ...


class HintsWatch:
    """A `Watch` (runtime.watches)."""

    def __init__(self, spec: MaintenanceSpec, counters: Counters) -> None:
        self._spec = spec
        self._counters = counters
        self._records: Records = {}
        self._cares: dict[DeviceName, DeviceCare] = {}
        self._states: dict[DeviceName, CareState] = {}
        self._memory: dict[DeviceName, _Seen] = {}
        self._pending: list[Findings] = []
        self._pace: Stamp | None = None
        """Since when both clocks have gone on together."""

    @property
    def owner(self) -> str:
        """The family's name."""
        return OWNER

    def begin(self, records: Records, states: Mapping[str, bytes], now: Stamp) -> None:
        """Compile what is watched on each device, and go on from what was kept of it."""
        self._records = records
        for name, record in records.items():
            care = care_for(record.spec, self._spec)
            if not (care.gauges or care.intervals):
                continue
            kept = load(states[name]) if name in states else CareState()
            state, news = resume(care, kept)
            self._cares[name], self._states[name] = care, state
            if news.keep:
                self._pending.append(self._findings(name, news, now))
        for owner, body in states.items():
            if DeviceName(owner) not in self._cares:
                self._pending.append(self._forgotten(DeviceName(owner), load(body), now))

    def take(self, record: DeviceRecord, snapshot: Snapshot) -> Findings:
        """One poll round of a device."""
        name = snapshot.device
        care = self._cares.get(name)
        if care is None:
            return NOTHING
        at, known = snapshot.at, self._memory.get(name)
        if known is None:
            known = self._memory[name] = _Seen(timed_columns(care))
        before_ms, known.at_ms = known.at_ms, at.boot_ms
        if self._pace is None or not goes_on(self._pace, at):
            self._pace = at
            for one in self._memory.values():
                one.until_ms = NEVER_MS
        if at.boot_ms < known.until_ms and at.synced and known.still.holds(snapshot.outcomes):
            return NOTHING
        seen = Round(
            record.outcomes,
            snapshot.outcomes,
            at.boot_ms,
            before_ms,
            self._outside(at),
            known.waiting,
            self._counters.counted(name),
        )
        known.waiting = seen.waiting_after(known.columns)
        state, known.memory, news = step(care, self._states[name], known.memory, seen, at)
        known.until_ms, known.still = rest(care, state, known.memory, seen, at)
        self._states[name] = state
        return self._findings(name, news, snapshot.at) if news.keep else NOTHING

    def rest(self, device: DeviceName) -> Rest | None:
        """As `runtime.watches.Restful` has it."""
        if device not in self._cares:
            return ANY_ROUND
        known = self._memory.get(device)
        return None if known is None else Rest(known.until_ms, fresh=(known.still,))

    def rested(self, record: DeviceRecord, stretch: Stretch) -> None:
        """As `runtime.watches.Restful` has it."""
        known = self._memory.get(record.spec.name)
        if known is not None:
            known.at_ms = stretch.moment(stretch.end - 1).boot_ms

    def tick(self, now: Stamp) -> Findings:
        """What the beginning has left to say; days end with the rounds, which come even from a device that is silent."""
        del now
        return self._pending.pop(0) if self._pending else NOTHING

    def states(self) -> tuple[RuleState, ...]:
        """Everything that is remembered."""
        return tuple(RuleState(OWNER, name, dump(state)) for name, state in self._states.items())

    def reports(self, device: DeviceName | None = None) -> Iterator[HintReport]:
        """The hints that stand, of one device or of all of them."""
        for name, care in self._cares.items():
            if device is None or name == device:
                yield from report_standing(care, self._states[name])

    def watched(self, device: DeviceName) -> DeviceCare | None:
        """What is watched on a device; None if nothing is."""
        return self._cares.get(device)

    def state(self, device: DeviceName) -> CareState:
        """What is known of a device that is watched. KeyError if none is."""
        return self._states[device]

    def serviced(self, device: DeviceName, service: Service, about: Callable[[str], bool], now: Stamp) -> Findings:
        """A technician has serviced a device: what is to be kept and told. KeyError if nothing is watched on it."""
        self._states[device], news = record_service(self._cares[device], self._states[device], service, about)
        return self._findings(device, news, now)

    def snoozed(self, device: DeviceName, name: str, until_day: int, now: Stamp) -> Findings:
        """A hint is to be silent for a while. KeyError if it does not stand."""
        self._states[device] = snooze_hint(self._states[device], name, until_day)
        return self._findings(device, CareNews(keep=True), now)

    def _findings(self, name: DeviceName, news: CareNews, at: Stamp) -> Findings:
        care, state = self._cares[name], self._states[name]
        items = []
        for what, one in news.news:
            report = report_news(care, state, what, one)
            items.append(hint_item(report, at))
            _log.info("hint.told", hint=report.id, state=report.state, seen=report.seen, limit_date=report.limit_date)
        return Findings(items=tuple(items), states=(RuleState(OWNER, name, dump(state)),))

    def _forgotten(self, name: DeviceName, kept: CareState, now: Stamp) -> Findings:
        """A device that is not watched any more: its hints are withdrawn, its memory goes."""
        care = DeviceCare(name)
        state, news = resume(care, kept)
        items = tuple(hint_item(report_news(care, state, what, one), now) for what, one in news.news)
        return Findings(items=items, states=(RuleState(OWNER, name, b""),))

    def _outside(self, now: Stamp) -> float | None:
        """How warm it is around the devices, by a reading of the last hour."""
        ref = self._spec.outside
        record = None if ref is None else self._records.get(ref.device)
        if ref is None or record is None:
            return None
        index = _index_of(record, ref)
        at, value = record.good_at[index], record.good[index]
        if at is None or at.boot != now.boot or now.boot_ms - at.boot_ms > HOUR_MS:
            return None
        return float(value) if isinstance(value, int | float) else None


def _index_of(record: DeviceRecord, ref: PointRef) -> int:
    return next(i for i, point in enumerate(record.rules.points) if point.name == ref.point)


def care_for(spec: DeviceSpec, site: MaintenanceSpec) -> DeviceCare:
    """What is watched on a device of a site; nothing if the site wants no hints."""
    if not site.enabled:
        return DeviceCare(spec.name)
    profile = spec.profile
    moduli = {i: modulus for i, field in enumerate(profile.fields) if (modulus := modulus_of(field)) is not None}
    return care_of(spec.name, profile.points, spec.alarms, moduli, site, spec.domain.figures)


_BITS: Final[Mapping[RawType, int]] = {RawType.UINT16: 16, RawType.UINT32: 32}


def modulus_of(field: RegisterField) -> float | None:
    """Where a counter in this field begins again, in the point's unit; None where that is not known or never happens."""
    bits = _BITS.get(field.type)
    if bits is None or field.bits is not None or field.form is not None:
        return None
    return float(2**bits) * field.scale
