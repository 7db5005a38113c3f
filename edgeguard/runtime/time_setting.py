"""The time for the meters of a bus: at most once a day, on record before it goes out, and looked at before and after.

Meters of DL/T 645 have it from a broadcast, all at once; those of CJ/T 188, which knows none, each from a request of its own.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from edgeguard.bus import ExchangeFailed, Priority
from edgeguard.control import Call, Handler, UnknownName
from edgeguard.control.time_views import MeterClockView, SetTimeView
from edgeguard.core.clock import Stamp, iso_utc
from edgeguard.core.errors import WriteRefused
from edgeguard.core.fate import Fate
from edgeguard.core.ids import BusName, DeviceName
from edgeguard.core.item import Item
from edgeguard.core.limits import METER_CLOCK_RIGHT_S, METER_CLOCKS_READ_S
from edgeguard.core.line_limits import METER_CLOCKS_SET_S
from edgeguard.core.quality import Fault, Reason
from edgeguard.driver import Device, SetsClock, TellsTime, broadcast_time
from edgeguard.rules.items import command_item
from edgeguard.rules.meter_clock import ClockVerdict, day_ends_ms, day_of, verdict, why_not_now
from edgeguard.runtime.field import Unit
from edgeguard.runtime.gateway import Gateway
from edgeguard.runtime.poller import Poller
from edgeguard.runtime.writing import Put
from edgeguard.store import Batch

_NO_TIME: Final = Fault(Reason.NOT_POLLED, "there was no time left to read this clock")
_NOT_SET: Final = Fault(Reason.NOT_POLLED, "there was no time left to set this clock")
_SILENT: Final = Fault(Reason.TIMEOUT, "the meter has not answered its polls")
_CHANCE: Final = frozenset({Reason.TIMEOUT, Reason.CHECKSUM, Reason.GARBAGE, Reason.SHORT_ANSWER})

Offs = Mapping[DeviceName, float | Fault]


class TimeSetting:
    """The handler of `set-time`."""

    def __init__(self, gateway: Gateway, put: Put) -> None:
        self._gateway = gateway
        self._put = put
        self._turns: defaultdict[BusName, asyncio.Lock] = defaultdict(asyncio.Lock)

    def table(self) -> dict[str, Handler]:
        """Method name -> handler."""
        return {"set-time": self.set_time}

    async def set_time(self, call: Call) -> SetTimeView:
        """Broadcast the time on a bus. WriteRefused if it may not go out, ExchangeFailed if it did not."""
        unit = self._unit(call.text("bus"))
        name = unit.spec.bus.name
        async with self._turns[name]:
            now = self._gateway.clock.now()
            record = self._record(name, "accepted", now, call)
            await self._put(Batch((record,)), f"the time was not broadcast on {name}: the disk takes nothing, so nobody would know")
            result, detail, sent = "lost", "broken off: the broadcast may or may not have gone out", True
            try:
                view = await self._carry_out(unit)
                result, detail = view.fate, _summary(view)
            except WriteRefused as refused:
                result, detail, sent = Fate.REFUSED.value, str(refused), False
                raise
            except ExchangeFailed as failed:
                result, detail, sent = (Fate.LOST if failed.sent else Fate.NOT_SENT).value, str(failed), failed.sent
                raise
            finally:
                marks = ((_mark(name, now), day_ends_ms(now)),) if sent else ()
                ended = self._record(name, result, self._gateway.clock.now(), call, detail)
                self._gateway.store.submit(Batch((ended,), commands=marks))
        return view

    async def _carry_out(self, unit: Unit) -> SetTimeView:
        bus = unit.spec.bus
        meters = [poller for poller in unit.pollers if isinstance(poller.device, TellsTime)]
        if not meters:
            raise WriteRefused(
                f"bus {bus.name} bears no meter of DL/T 645 or CJ/T 188, and others have no clock that is set like that"
            )
        await self._check(bus.name)
        before = await _clocks(meters)
        await self._check(bus.name)
        at = self._gateway.clock.now()
        frames = await self._broadcast(unit, meters)
        told = await _set_each(meters, before)
        after = await _clocks(meters)
        views = tuple(_view(poller.device, before, after, told.get(poller.device.name)) for poller in meters)
        right = all(ClockVerdict(view.verdict).is_right for view in views)
        return SetTimeView(
            bus.name, iso_utc(at.wall_ms), frames + len(told), (Fate.DONE if right else Fate.UNVERIFIED).value, views
        )

    async def _broadcast(self, unit: Unit, meters: list[Poller]) -> int:
        """How many frames went out, one for each setting of the line at which there are meters that obey one."""
        bus = unit.spec.bus
        lines = dict.fromkeys(poller.device.spec.line for poller in meters if not isinstance(poller.device, SetsClock))
        return await broadcast_time(unit.bus, lines, self._gateway.clock, bus.line if bus.wire.is_line else None)

    async def _check(self, name: BusName) -> None:
        """WriteRefused if the time may not be broadcast now."""
        now = self._gateway.clock.now()
        why = why_not_now(now)
        if not why and _mark(name, now) in await self._gateway.store.load_commands():
            why = "it has been broadcast today, and meters take it once a day only"
        if why:
            raise WriteRefused(f"the time was not broadcast on {name}: {why}")

    def _record(self, name: BusName, result: str, at: Stamp, call: Call, detail: str = "") -> Item:
        return command_item("set-time", f"bus.{name}", at, call.author, result, detail=detail)

    def _unit(self, name: str) -> Unit:
        for unit in self._gateway.field.units:
            if unit.spec.bus.name == name:
                return unit
        known = ", ".join(unit.spec.bus.name for unit in self._gateway.field.units) or "none"
        raise UnknownName(f"there is no bus {name} (there are: {known})")


def _mark(name: BusName, now: Stamp) -> str:
    """Under this the store remembers that a bus has had its broadcast; the blank keeps it apart from ids of commands."""
    return f"set-time {name} {day_of(now)}"


async def _clocks(meters: list[Poller]) -> Offs:
    """By how far each clock is ahead. No silent meter is waited for; one that was not understood is asked once more."""
    found: dict[DeviceName, float | Fault] = {poller.device.name: _NO_TIME for poller in meters}
    try:
        async with asyncio.timeout(METER_CLOCKS_READ_S):
            for poller in meters:
                found[poller.device.name] = _SILENT if poller.silent_rounds >= 2 else await _clock(poller.device)
            for poller in meters:
                if _may_be_chance(found[poller.device.name]):
                    found[poller.device.name] = await _clock(poller.device)
    except TimeoutError:
        pass  # the rest keeps saying what it said, or that there was no time left
    return found


async def _clock(device: Device) -> float | Fault:
    return await device.clock_off_s(Priority.PERSON) if isinstance(device, TellsTime) else _NO_TIME


def _may_be_chance(off: float | Fault) -> bool:
    """A frame that was lost or disturbed on the line. A day would pass before the clocks are looked at again."""
    return isinstance(off, Fault) and off is not _SILENT and off.reason in _CHANCE


async def _set_each(meters: list[Poller], before: Offs) -> Mapping[DeviceName, Fault | None]:
    """Set the clocks that are set one by one, where they are off or show no moment; what each meter said."""
    told: dict[DeviceName, Fault | None] = {}
    try:
        async with asyncio.timeout(METER_CLOCKS_SET_S):
            for poller in meters:
                device, off = poller.device, before[poller.device.name]
                if isinstance(device, SetsClock) and _is_off(off):
                    told[device.name] = _NOT_SET
                    told[device.name] = await device.set_clock()
    except TimeoutError:
        pass  # the rest keep their clocks, and are seen to be off
    return told


def _is_off(off: float | Fault) -> bool:
    return off.reason is Reason.UNDECODABLE if isinstance(off, Fault) else abs(off) > METER_CLOCK_RIGHT_S


def _view(device: Device, before: Offs, after: Offs, told: Fault | None) -> MeterClockView:
    was, is_ = before[device.name], after[device.name]
    was_s = None if isinstance(was, Fault) else round(was, 1)
    is_s = None if isinstance(is_, Fault) else round(is_, 1)
    reason = next((str(seen) for seen in (told, is_, was) if isinstance(seen, Fault)), "")
    return MeterClockView(device.name, was_s, is_s, verdict(was_s, is_s, isinstance(device, SetsClock)).value, reason)


def _summary(view: SetTimeView) -> str:
    """For the record: how many clocks were right, and which were not."""
    wrong = [f"{meter.device} {meter.verdict}" for meter in view.meters if not ClockVerdict(meter.verdict).is_right]
    told = f"{len(view.meters) - len(wrong)} of {len(view.meters)} meters were seen to be right"
    return f"{told}; {', '.join(wrong)}" if wrong else told
