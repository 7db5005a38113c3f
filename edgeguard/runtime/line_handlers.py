"""What the daemon answers about its wires: how they are, what passed on them, and what passed before a fault."""

import asyncio

from edgeguard.control import Call, Handler, UnknownName
from edgeguard.control.errors import BadArguments
from edgeguard.control.line_views import (
    BusDeviceView,
    BusView,
    FlightView,
    FrameView,
    HourView,
    LearnedView,
    TraceRecordView,
    TraceView,
)
from edgeguard.control.views import LabelsView
from edgeguard.core.clock import iso_utc
from edgeguard.core.health import FrameNote
from edgeguard.core.ids import BusName
from edgeguard.core.limits import TRACE_LOOK_S, TRACE_RECORDS, TRACE_WAIT_S
from edgeguard.driver import Device
from edgeguard.driver.learned import Learner, profile_lines, section_of
from edgeguard.rules.line_quality import Hour, Score, score
from edgeguard.runtime import show
from edgeguard.runtime.field import Unit
from edgeguard.runtime.gateway import Gateway
from edgeguard.runtime.poller import Poller


class LineHandlers:
    """The part of the handler table that is about wires."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def table(self) -> dict[str, Handler]:
        """Method name -> handler."""
        return {"buses": self.buses, "flight": self.flight, "trace": self.trace}

    async def buses(self, call: Call) -> tuple[BusView, ...]:
        """Every bus, or one."""
        name = call.text("bus")
        units = (self._unit(name),) if name else self._gateway.field.units
        return tuple(self._bus_view(unit) for unit in units)

    async def flight(self, call: Call) -> tuple[FlightView, ...]:
        """Faults of a bus with the frames before them."""
        unit = self._unit(call.text("bus"))
        return tuple(
            FlightView(
                frozen.code,
                frozen.device,
                iso_utc(frozen.at.wall_ms),
                LabelsView(frozen.text.zh, frozen.text.en),
                tuple(_frame_view(note) for note in frozen.frames),
            )
            for frozen in unit.watch.frozen
        )

    async def trace(self, call: Call) -> TraceView:
        """What passed on a wire after a record, waiting for the next one if there is none yet."""
        unit = self._unit(call.text("bus"))
        watch, loop = unit.watch, asyncio.get_running_loop()
        recorder = watch.recorder
        after = _number(call, "after", -1.0)
        if after < 0:
            last_s = _number(call, "last_s", 0.0)
            earlier = recorder.last(last_s, loop.time()) if last_s > 0 else []
            begin = earlier[0].number if earlier else recorder.next
        else:
            begin = int(after)
        deadline_s = loop.time() + (TRACE_WAIT_S if after >= 0 else 0.0)
        while not (records := [r for _, r in zip(range(TRACE_RECORDS), recorder.since(begin, loop.time()), strict=False)]):
            if loop.time() >= deadline_s or self._gateway.field.watch(unit.spec.bus.name) is not watch:
                break
            await asyncio.sleep(TRACE_LOOK_S)
        moment = self._gateway.field.moment()
        return TraceView(
            bus=unit.spec.bus.name,
            network=watch.network,
            character_s=watch.character_s,
            line=show.line_of(unit.spec.bus),
            wall_offset_s=moment.stamp.wall_ms / 1000.0 - moment.loop_s,
            records=tuple(TraceRecordView(r.at_s, r.end_s, r.kind.name.lower(), r.data.hex(), r.text) for r in records),
            next=records[-1].number + 1 if records else max(begin, recorder.first),
            missed=max(0, recorder.first - begin),
            devices={str(device.address): str(device.name) for device in unit.spec.devices},
        )

    def _unit(self, name: str) -> Unit:
        unit = next((unit for unit in self._gateway.field.units if unit.spec.bus.name == BusName(name)), None)
        if unit is None:
            known = ", ".join(unit.spec.bus.name for unit in self._gateway.field.units) or "none"
            raise UnknownName(f"there is no bus {name} (there are: {known})")
        return unit

    def _bus_view(self, unit: Unit) -> BusView:
        spec, stats, watch = unit.spec.bus, unit.bus.stats, unit.watch
        recent, whole = watch.recent, score(watch.day.work)
        return BusView(
            bus=spec.name,
            wire=spec.wire.value,
            where=spec.where,
            line=show.line_of(spec),
            state=stats.state.value,
            error=stats.error,
            connected_s=None if stats.connected_s is None else round(stats.connected_s, 1),
            load=round(recent.load, 4),
            requests_per_s=round(recent.requests_per_s, 2),
            requests=stats.requests,
            answers=stats.answers,
            faults={reason.value: count for reason, count in stats.faults.items()},
            lost_last_minute=recent.lost,
            junk_bytes=stats.junk_bytes,
            late_answers=stats.late_answers,
            reconnects=stats.reconnects,
            waiting=stats.waiting,
            response_p95_ms=round(stats.response_p95_s * 1000, 1),
            bytes_sent=stats.bytes_sent,
            bytes_received=stats.bytes_received,
            score=whole.value,
            reasons=_reasons(whole),
            hours=tuple(_hour_view(hour) for hour in watch.day.hours),
            frozen=len(watch.frozen),
            devices=tuple(self._device_view(poller) for poller in unit.pollers),
            line_errors=None if stats.line_errors is None else stats.line_errors._asdict(),
            foreign_frames=stats.foreign_frames,
            troubles=tuple(show.labels_view(text) for text in watch.troubles),
        )

    def _device_view(self, poller: Poller) -> BusDeviceView:
        device, figures = poller.device, poller.figures
        stats, record = device.stats, self._gateway.pipeline.records.get(device.name)
        return BusDeviceView(
            device=device.name,
            address=str(device.spec.address),
            state=show.device_state(record) if record else "starting",
            period_s=device.spec.period_ms / 1000.0,
            every_s=round(figures.every_s, 3),
            round_ms=round(figures.took_s * 1000, 1),
            requests_per_round=device.requests_per_round,
            response_p50_ms=round(stats.response_p50_ms, 1),
            response_p95_ms=round(stats.response_p95_ms, 1),
            skipped=figures.skipped,
            errors={reason.value: count for reason, count in stats.faults.items()},
            profile=device.spec.profile.name,
            learned=_learned_view(device),
            retries=stats.retries,
        )


def _number(call: Call, name: str, default: float) -> float:
    value = call.args.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < -1:
        raise BadArguments(f"{call.method}: {name} must be a number")
    return value


def _learned_view(device: Device) -> LearnedView | None:
    if not isinstance(device, Learner):
        return None
    learned, limits = device.learned, device.spec.profile.limits
    return LearnedView(
        turnaround_ms=round(learned.turnaround_ms, 1),
        largest=learned.largest,
        too_large=learned.too_large,
        cuts=tuple(f"{table.value} {address}" for table, address in learned.cuts),
        holes=tuple(f"{hole.table.value} {hole.first}-{hole.last}" for hole in learned.holes),
        refused={str(name): why for name, why in learned.refused.items()},
        profile_lines=tuple(profile_lines(learned, limits)),
        gap_ms=learned.gap_ms,
        section=section_of(limits),
    )


def _reasons(found: Score) -> tuple[LabelsView, ...]:
    return tuple(LabelsView(words.zh, words.en) for words in found.reasons)


def _hour_view(hour: Hour) -> HourView:
    found, work = score(hour.work), hour.work
    at = iso_utc(hour.number * 3_600_000)
    return HourView(at, found.value, _reasons(found), work.requests, work.spoilt, work.lost, work.junk_bytes)


def _frame_view(note: FrameNote) -> FrameView:
    return FrameView(note.at, note.way, note.hex, LabelsView(note.text.zh, note.text.en))
