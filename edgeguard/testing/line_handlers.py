"""Wires that exist only on the control socket: two buses of the fake building, one good and one bad, and what passed on them."""

from collections.abc import Callable, Mapping

from edgeguard.control.call import Call, Handler
from edgeguard.control.errors import UnknownName
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

_SPOILT = LabelsView("应答损坏 41 次(4.1 %)", "41 answers spoilt (4.1 %)")

_LEARNED = LearnedView(
    turnaround_ms=18.4,
    largest=20,
    too_large=40,
    cuts=("holding 60",),
    holes=("holding 50-59",),
    refused={"flow": "exception 2, illegal data address"},
    profile_lines=("# 40 at once were refused, 20 were served", "max_registers = 20"),
    gap_ms=20.0,
)


class FakeLines:
    """`riser-a`, on which all is well, and `riser-b` with a bad cable and a device that has fallen silent."""

    def __init__(self, is_healthy: Callable[[], bool] = lambda: False) -> None:
        self._is_healthy = is_healthy
        self.records: tuple[TraceRecordView, ...] = (
            TraceRecordView(100.0, 100.0, "sent", "030300100002c42c", ""),
            TraceRecordView(100.03, 100.03, "received", "030304436700007da8", ""),
            TraceRecordView(101.0, 101.0, "sent", "070300000001846c", ""),
            TraceRecordView(102.0, 102.0, "failed", "", "7\ttimeout: no answer within 1 s"),
        )

    def table(self) -> Mapping[str, Handler]:
        """The handlers, by method."""
        return {"buses": self._answer_buses, "flight": self._answer_flight, "trace": self._answer_trace}

    def buses(self) -> tuple[BusView, ...]:
        """Both buses now."""
        return (self._bus("riser-a", good=True), self._bus("riser-b", good=self._is_healthy()))

    def _bus(self, name: str, good: bool) -> BusView:
        hours = tuple(self._hour(number, good or number < 20) for number in range(24))
        return BusView(
            bus=name,
            wire="rtu",
            where=f"/dev/edgeguard/rs485-{name}",
            line="9600 8E1",
            state="connected" if good else "waiting",
            error="" if good else "no such device; next attempt in 1.0 s",
            connected_s=3600.0 if good else None,
            load=0.31 if good else 0.86,
            requests_per_s=8.4,
            requests=24_000,
            answers=24_000 if good else 23_000,
            faults={} if good else {"checksum": 410, "timeout": 590},
            lost_last_minute=0,
            junk_bytes=0 if good else 3_100,
            late_answers=0,
            reconnects=0 if good else 2,
            waiting=0,
            response_p95_ms=48.2,
            bytes_sent=192_000,
            bytes_received=480_000,
            score=100 if good else 55,
            reasons=() if good else (_SPOILT,),
            hours=hours,
            frozen=0 if good else 1,
            devices=(
                BusDeviceView("pump-1", "3", "online", 2.0, 2.0, 61.5, 2, 24.1, 48.2, 0, {}, "grundfos-cim200", _LEARNED, 4),
                BusDeviceView(
                    "fan-2", "7", "online" if good else "offline", 5.0, 7.5, 0.0, 1, 0.0, 0.0, 3, {} if good else {"timeout": 590}
                ),
            ),
        )

    def _hour(self, number: int, good: bool) -> HourView:
        at = f"2026-11-22T{number:02}:00:00.000Z"
        return HourView(at, 100, (), 1000, 0, 0, 0) if good else HourView(at, 59, (_SPOILT,), 1000, 41, 0, 130)

    def _found(self, name: str) -> BusView:
        view = next((view for view in self.buses() if view.bus == name), None)
        if view is None:
            raise UnknownName(f"there is no bus {name}")
        return view

    async def _answer_buses(self, call: Call) -> tuple[BusView, ...]:
        name = call.text("bus")
        return (self._found(name),) if name else self.buses()

    async def _answer_flight(self, call: Call) -> tuple[FlightView, ...]:
        if not self._found(call.text("bus")).frozen:
            return ()
        text = LabelsView("设备 fan-2 无应答", "device fan-2 has fallen silent")
        frames = (
            FrameView("2026-11-23T05:38:01.000Z", "out", "070300000001846c", LabelsView("7: 读保持寄存器 0", "7: read holding 0")),
            FrameView("2026-11-23T05:38:02.000Z", "", "", LabelsView("7: 失败:timeout", "7: failed: timeout")),
        )
        return (FlightView("device-silent", "fan-2", "2026-11-23T05:38:02.100Z", text, frames),)

    async def _answer_trace(self, call: Call) -> TraceView:
        view = self._found(call.text("bus"))
        after = call.args.get("after", -1)
        first = int(after) if isinstance(after, int | float) and after >= 0 else 0
        records = self.records[first:]
        devices = {device.address: device.device for device in view.devices}
        return TraceView(view.bus, False, 11 / 9600, view.line, 1_795_412_300.0, records, first + len(records), 0, devices)
