"""A building that exists only on the control socket: what the command line's tests, and people who work on it, talk to.

It lives by `t_s`, seconds since its start, so that a test sees the same picture every time. To look at it by eye:
`python -m edgeguard.testing.handlers /tmp/control.sock` and then `edgeguard --socket /tmp/control.sock top`.
"""

import asyncio
import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from edgeguard.control.call import Call, Handler
from edgeguard.control.errors import UnknownName
from edgeguard.control.message import json_value
from edgeguard.control.server import ControlServer
from edgeguard.control.views import (
    AlarmView,
    DeviceView,
    LabelsView,
    ModelView,
    OutboxView,
    PointView,
    ReloadView,
    StatusView,
    StreamView,
    TaskView,
    TopView,
    UplinkView,
    WriteRuleView,
    WritesView,
    WriteView,
)
from edgeguard.core.clock import iso_utc
from edgeguard.core.errors import WriteRefused, WriteUnverified
from edgeguard.core.fate import Fate, together
from edgeguard.core.point import Value
from edgeguard.testing.cameras import FakeCameras
from edgeguard.testing.dead_letters import FakeDeadLetters
from edgeguard.testing.gate_handlers import FakeGates
from edgeguard.testing.hint_handlers import FakeHints
from edgeguard.testing.line_handlers import FakeLines
from edgeguard.testing.meter_clocks import FakeMeterClocks
from edgeguard.testing.rule_handlers import FakeRules
from edgeguard.testing.scan_handlers import FakeScan

START_MS = 1_795_412_400_000
"""2026-11-23T05:40:00Z."""
UP_S = 273_725.0
"""How long the daemon has been up at t_s = 0."""

# name, bus, profile, address, labels, state, period
_DEVICES = (
    ("lift-1", "machine-room", "inovance-nice3000plus", "1", LabelsView("1号电梯", "Lift 1"), "online", 1.0),
    ("lift-2", "machine-room", "inovance-nice3000plus", "2", LabelsView("2号电梯", "Lift 2"), "degraded", 1.0),
    ("pump-1", "riser-a", "grundfos-cim200", "3", LabelsView("生活水泵组", "Domestic water pumps"), "online", 2.0),
    ("meter-main", "riser-a", "eastron-sdm630", "10", LabelsView("总电表", "Main electricity meter"), "online", 5.0),
    ("water-main", "riser-a", "acrel-adw300", "11", LabelsView("总水表", "Main water meter"), "online", 30.0),
    ("fan-2", "riser-b", "abb-acq580", "7", LabelsView("车库排风机", "Garage exhaust fan"), "offline", 5.0),
)

# device, point, labels, unit, decimals, writable
_POINTS = (
    ("lift-1", "floor", LabelsView("楼层", "Floor"), "", 0, None),
    ("lift-1", "speed", LabelsView("速度", "Speed"), "m/s", 2, None),
    ("lift-1", "door", LabelsView("门", "Door"), "", None, None),
    ("lift-1", "load", LabelsView("载荷", "Load"), "%", 0, None),
    ("lift-1", "fault_code", LabelsView("故障代码", "Fault code"), "", 0, None),
    ("lift-2", "floor", LabelsView("楼层", "Floor"), "", 0, None),
    ("lift-2", "speed", LabelsView("速度", "Speed"), "m/s", 2, None),
    ("lift-2", "load", LabelsView("载荷", "Load"), "%", 0, None),
    ("pump-1", "pressure", LabelsView("出口压力", "Outlet pressure"), "bar", 2, None),
    ("pump-1", "flow", LabelsView("流量", "Flow"), "m³/h", 1, None),
    ("pump-1", "setpoint", LabelsView("压力设定", "Pressure setpoint"), "bar", 2, WriteRuleView(1.0, 6.0)),
    ("pump-1", "running", LabelsView("运行", "Running"), "", None, None),
    ("pump-1", "mode", LabelsView("模式", "Mode"), "", None, WriteRuleView(choices=("auto", "manual", "off"))),
    ("pump-1", "speed", LabelsView("转速", "Speed"), "rpm", 0, None),
    ("pump-1", "power", LabelsView("功率", "Power"), "W", 0, None),
    ("meter-main", "voltage_l1", LabelsView("A相电压", "Voltage L1"), "V", 1, None),
    ("meter-main", "voltage_l2", LabelsView("B相电压", "Voltage L2"), "V", 1, None),
    ("meter-main", "voltage_l3", LabelsView("C相电压", "Voltage L3"), "V", 1, None),
    ("meter-main", "current_l1", LabelsView("A相电流", "Current L1"), "A", 2, None),
    ("meter-main", "power", LabelsView("有功功率", "Active power"), "kW", 2, None),
    ("meter-main", "energy_import", LabelsView("正向有功电量", "Energy import"), "kWh", 1, None),
    ("water-main", "volume", LabelsView("累计水量", "Volume"), "m³", 3, None),
    ("water-main", "battery", LabelsView("电池", "Battery"), "V", 2, None),
    ("fan-2", "frequency", LabelsView("频率", "Frequency"), "Hz", 1, WriteRuleView(0.0, 50.0)),
    ("fan-2", "running", LabelsView("运行", "Running"), "", None, None),
)


class FakeBuilding:
    """Six devices, three alarms and an uplink; `extra_devices` more that are all well. `now_s` gives the time since its start."""

    def __init__(self, now_s: Callable[[], float] = lambda: 0.0, extra_devices: int = 0, start_ms: int = START_MS) -> None:
        self._now_s = now_s
        self._extra = extra_devices
        self._start_ms = start_ms
        self._written: dict[tuple[str, str], Value] = {}
        self._acked: set[str] = set()
        self.lines = FakeLines(lambda: self.healthy)
        self.scan = FakeScan()
        self.dead_letters = FakeDeadLetters()
        self.cameras = FakeCameras()
        self.meter_clocks = FakeMeterClocks()
        self.rules = FakeRules()
        self.hints = FakeHints()
        self.gates = FakeGates()
        self.online = True
        self.healthy = False
        """True: no device is offline, no alarm stands."""

    def table(self) -> Mapping[str, Handler]:
        """The handlers, by method."""
        return {
            "status": self._answer_status,
            "devices": self._answer_devices,
            "points": self._answer_points,
            "alarms": self._answer_alarms,
            "ack": self._answer_ack,
            "shelve": self._answer_shelve,
            "unshelve": self._answer_unshelve,
            "out-of-service": self._answer_shelve,
            "in-service": self._answer_unshelve,
            "outbox": self._answer_outbox,
            "read": self._answer_read,
            "write": self._answer_write,
            "write-several": self._answer_write_several,
            "reload": self._answer_reload,
            "top": self._answer_top,
            **self.lines.table(),
            **self.scan.table(),
            **self.dead_letters.table(),
            **self.cameras.table(),
            **self.meter_clocks.table(),
            **self.hints.table(),
            **self.gates.table(),
            **self.rules.table(),
        }

    def top(self) -> TopView:
        """Everything now."""
        return TopView(self.status(), self.devices(), self.points(), self.alarms(), self.outbox(), self._events())

    def status(self) -> StatusView:
        """The daemon now."""
        devices, points = self.devices(), self.points()
        up_s = UP_S + self._now_s()
        failed = TaskView("device.fan-2", "running", 3, "")
        return StatusView(
            site="lakeside",
            gateway="b07",
            version="0.1.0",
            epoch="3f1d0a2b9c8e4f57",
            boot="0b1f7a52-6d4e-4a0e-9a55-2c1f0d3b8e11",
            pid=1487,
            started=iso_utc(self._start_ms - int(UP_S * 1000)),
            clock_synced=True,
            uptime_s=up_s,
            rss_mib=41.6,
            cpu_s=up_s * 0.012,
            config_path="/etc/edgeguard/site.toml",
            config_sha256="9b74c9897bac770ffc029102a200c5de3f1d0a2b9c8e4f579b74c9897bac770f",
            config_error="",
            devices=len(devices),
            devices_online=sum(1 for device in devices if device.state in ("online", "degraded")),
            points=len(points),
            points_bad=sum(1 for point in points if point.quality != "good"),
            points_per_s=sum(device.points / device.period_s for device in devices),
            alarms_active=sum(1 for alarm in self.alarms() if alarm.state in ("active", "acked")),
            tasks=(TaskView("uplink", "running", 0, ""), failed),
            uplink=self._uplink(),
            store_error="",
            models=(ModelView("plate_reader", "1.0+10200", "f98b44c054fa5eaf" * 4, whole=True),),
        )

    def devices(self) -> tuple[DeviceView, ...]:
        """Every device now."""
        named = [self._device(*row) for row in _DEVICES]
        more = [self._extra_device(number) for number in range(self._extra)]
        return (*named, *more)

    def points(self) -> tuple[PointView, ...]:
        """Every point now."""
        named = [self._point(*row) for row in _POINTS]
        more = [self._extra_point(number) for number in range(self._extra)]
        return (*named, *more)

    def alarms(self, everything: bool = False) -> tuple[AlarmView, ...]:
        """Alarms that are not normal, or all."""
        wave = round(0.61 + 0.02 * math.sin(self._now_s()), 2)
        rows = [
            AlarmView(
                "pump-1.dry-run",
                "pump-1",
                "active",
                "critical",
                self._ago(134),
                wave,
                1.0,
                LabelsView("水泵缺水运行", "Pump runs dry"),
            ),
            AlarmView(
                "fan-2.comms-lost",
                "fan-2",
                "active",
                "major",
                self._ago(3725),
                None,
                None,
                LabelsView("设备无应答", "Device does not answer"),
            ),
            AlarmView(
                "lift-1.door-blocked",
                "lift-1",
                "acked",
                "minor",
                self._ago(41),
                "blocked",
                "blocked",
                LabelsView("轿门受阻", "Car door blocked"),
            ),
            AlarmView(
                "meter-main.over-voltage",
                "meter-main",
                "normal",
                "major",
                "",
                None,
                253.0,
                LabelsView("过电压", "Over-voltage"),
            ),
        ]
        told = [replace(row, state="acked") if row.alarm in self._acked and row.state == "active" else row for row in rows]
        if self.healthy:
            told = [replace(row, state="normal", since="", value=None) for row in rows]
        return tuple(row for row in told if everything or row.state != "normal")

    def outbox(self) -> OutboxView:
        """The outbox now."""
        waiting = 3 if self.online else 3 + int(self._now_s() * 40)
        streams = (
            StreamView("alarms", 0, 0, None, 812, "", 0.0, 0, 0.0),
            StreamView("events", 0, 0, None, 96, "", 0.0, 0, 0.01),
            StreamView("telemetry", waiting, waiting * 180, 918_204, 918_203 + waiting, self._ago(1), 1.2, 0, 11.4),
        )
        return OutboxView(
            "3f1d0a2b9c8e4f57",
            "/var/lib/edgeguard/outbox.db",
            48_300_000,
            512 * 2**20,
            19_400_000_000,
            41.5,
            0,
            "",
            streams,
        )

    def _device(
        self, name: str, bus: str, profile: str, address: str, labels: LabelsView, state: str, period_s: float
    ) -> DeviceView:
        state = "online" if self.healthy else state
        offline, degraded = state == "offline", state == "degraded"
        polls = int((UP_S + self._now_s()) / period_s)
        count = sum(1 for row in _POINTS if row[0] == name)
        return DeviceView(
            name=name,
            bus=bus,
            profile=profile,
            address=address,
            labels=labels,
            state=state,
            period_s=period_s,
            last_answer=self._ago(3725 if offline else 0.4),
            response_p50_ms=0.0 if offline else 11.8,
            response_p95_ms=0.0 if offline else 31.2 + math.sin(self._now_s()),
            polls=polls,
            failures=745 if offline else 2,
            errors={"timeout": 745} if offline else {"timeout": 2},
            requests_per_round=2,
            next_try_s=12.0 if offline else 0.6,
            points=count,
            points_bad=count if offline else 1 if degraded else 0,
            refused={"load": "refused: exception 2, illegal data address"} if degraded else {},
        )

    def _extra_device(self, number: int) -> DeviceView:
        first = self._device(*_DEVICES[3])
        labels = LabelsView(f"{number}号分户电表", f"Flat meter {number}")
        return replace(first, name=f"flat-{number:03}", bus="riser-c", address=str(number % 247 + 1), labels=labels, points=1)

    def _extra_point(self, number: int) -> PointView:
        value = round(1000 + number * 3.7 + self._now_s() / 60, 1)
        labels = LabelsView("正向有功电量", "Energy import")
        return PointView(f"flat-{number:03}", "energy_import", labels, value, "kWh", "good", "", self._ago(1), 1.0, False, "", 1)

    def _point(
        self, device: str, point: str, labels: LabelsView, unit: str, decimals: int | None, rule: WriteRuleView | None
    ) -> PointView:
        value, value_zh = self._value(device, point)
        quality, reason, age_s = "good", "", 0.4
        if not self.healthy and device == "fan-2":
            quality, reason, age_s = "bad", "timeout: no answer within 1000 ms", 3725.0
        elif not self.healthy and (device, point) == ("lift-2", "load"):
            quality, reason, age_s, value = "bad", "refused: exception 2, illegal data address", 0.0, None
        return PointView(
            device=device,
            point=point,
            labels=labels,
            value=value,
            unit=unit,
            quality=quality,
            reason=reason,
            at="" if value is None else self._ago(age_s),
            age_s=age_s,
            writable=rule is not None,
            value_zh=value_zh,
            decimals=decimals,
            write_rule=rule,
        )

    def _value(self, device: str, point: str) -> tuple[Value | None, str]:
        if (device, point) in self._written:
            return self._written[device, point], ""
        t_s = self._now_s()
        wave = math.sin(t_s / 3)
        values: dict[tuple[str, str], tuple[Value, str]] = {
            ("lift-1", "floor"): (int(9 + 8 * math.sin(t_s / 20)), ""),
            ("lift-1", "speed"): (round(abs(1.75 * wave), 2), ""),
            ("lift-1", "door"): ("closed", "关闭"),
            ("lift-1", "load"): (34, ""),
            ("lift-1", "fault_code"): (0, ""),
            ("lift-2", "floor"): (1, ""),
            ("lift-2", "speed"): (0.0, ""),
            ("pump-1", "pressure"): (round(0.61 + 0.02 * math.sin(t_s), 2), ""),
            ("pump-1", "flow"): (round(12.4 + wave, 1), ""),
            ("pump-1", "setpoint"): (3.5, ""),
            ("pump-1", "running"): (True, ""),
            ("pump-1", "mode"): ("auto", "自动"),
            ("pump-1", "speed"): (2860 + int(20 * wave), ""),
            ("pump-1", "power"): (1480 + int(30 * wave), ""),
            ("meter-main", "power"): (round(38.25 + 2 * wave, 2), ""),
            ("meter-main", "current_l1"): (round(57.1 + wave, 2), ""),
            ("meter-main", "energy_import"): (round(1_284_551.4 + t_s / 90, 1), ""),
            ("water-main", "volume"): (round(88_120.412 + t_s / 500, 3), ""),
            ("water-main", "battery"): (3.58, ""),
            ("fan-2", "frequency"): (35.0, ""),
            ("fan-2", "running"): (True, ""),
        }
        if point.startswith("voltage"):
            return round(231.4 + wave + len(point) / 10, 1), ""
        return values.get((device, point), (None, ""))

    def _uplink(self) -> UplinkView:
        if self.online:
            return UplinkView("mqtts://mqtt.example:8883", "online", "5", self._ago(7_380), 918_201, 3, 2, "")
        why, why_zh = "the broker does not answer (15 s)", "平台没有应答 (15 s)"
        return UplinkView("mqtts://mqtt.example:8883", "waiting", "5", self._ago(95), 918_201, 0, 9, why, why_zh)

    def _events(self) -> tuple[str, ...]:
        return (
            "05:38:02 fan-2.comms-lost active: Device does not answer",
            "05:39:19 lift-1.door-blocked active (blocked): Car door blocked",
            "05:39:31 lift-1.door-blocked acked (blocked): Car door blocked",
            "05:39:46 pump-1.dry-run active (0.61): Pump runs dry",
        )

    def _ago(self, seconds: float) -> str:
        return iso_utc(self._start_ms + int((self._now_s() - seconds) * 1000))

    async def _answer_status(self, call: Call) -> StatusView:
        return self.status()

    async def _answer_devices(self, call: Call) -> tuple[DeviceView, ...]:
        return self.devices()

    async def _answer_points(self, call: Call) -> tuple[PointView, ...]:
        device = call.text("device")
        if not device:
            return self.points()
        return self._points_of(device)

    async def _answer_alarms(self, call: Call) -> tuple[AlarmView, ...]:
        return self.alarms(call.flag("all"))

    async def _answer_ack(self, call: Call) -> AlarmView:
        name = call.text("alarm")
        for alarm in self.alarms(everything=True):
            if alarm.alarm == name:
                self._acked.add(name)
                return replace(alarm, state="acked" if alarm.state == "active" else alarm.state)
        raise UnknownName(f"there is no alarm {name}")

    async def _answer_shelve(self, call: Call) -> AlarmView:
        view = await self._answer_ack(call)
        state, until = (call.method, "") if call.method == "out-of-service" else ("shelved", self._ago(-7200))
        return replace(view, state=state, beneath="active", by=call.author, reason=call.text("reason"), until=until)

    async def _answer_unshelve(self, call: Call) -> AlarmView:
        return replace(await self._answer_ack(call), state="active")

    async def _answer_outbox(self, call: Call) -> OutboxView:
        return self.outbox()

    async def _answer_read(self, call: Call) -> tuple[PointView, ...]:
        found: list[PointView] = []
        for target in call.texts("targets"):
            device, _, point = target.partition(".")
            wanted = [view for view in self._points_of(device) if point in ("", view.point)]
            if not wanted:
                raise UnknownName(f"{device} has no point {point}")
            found.extend(wanted)
        return tuple(found)

    async def _answer_write_several(self, call: Call) -> WritesView:
        told: list[WriteView] = []
        for target, text in zip(call.texts("targets"), call.texts("values"), strict=True):
            device, _, point = target.partition(".")
            value = json_value(text)
            if told and told[-1].fate != "done":
                told.append(WriteView(device, point, value, None, False, "not sent", 0.0, "not-sent"))
                continue
            try:
                told.append(self._write(device, point, value))
            except WriteRefused as error:
                told.append(WriteView(device, point, value, None, False, str(error), 0.0, "refused"))
        return WritesView(together([Fate(view.fate) for view in told]).value, tuple(told))

    async def _answer_write(self, call: Call) -> WriteView:
        return self._write(call.text("device"), call.text("point"), call.value("value"))

    def _write(self, device: str, point: str, value: Value) -> WriteView:
        view = next((view for view in self._points_of(device) if view.point == point), None)
        if view is None:
            raise UnknownName(f"{device} has no point {point}")
        rule = view.write_rule
        if rule is None:
            raise WriteRefused(f"{device}.{point} is read-only")
        if rule.choices and value not in rule.choices:
            raise WriteRefused(f"{device}.{point}: {value} is not one of {', '.join(rule.choices)}")
        if isinstance(value, int | float) and not (rule.minimum or 0.0) <= value <= (rule.maximum or math.inf):
            raise WriteRefused(f"{device}.{point}: {value} is outside {rule.minimum} to {rule.maximum} {view.unit}")
        if device == "fan-2":
            raise WriteUnverified("fan-2.frequency: the write was sent but could not be read back (timeout)")
        self._written[device, point] = value
        return WriteView(device, point, value, value, True, "", 23.4)

    async def _answer_reload(self, call: Call) -> ReloadView:
        return ReloadView(self.status().config_sha256)

    async def _answer_top(self, call: Call) -> TopView:
        top, wanted = self.top(), call.texts("devices")
        return replace(top, points=tuple(point for point in top.points if point.device in wanted)) if wanted else top

    def _points_of(self, device: str) -> tuple[PointView, ...]:
        if device not in {view.name for view in self.devices()}:
            raise UnknownName(f"there is no device {device}")
        return tuple(point for point in self.points() if point.device == device)


async def _serve(path: Path, extra_devices: int) -> None:
    started_s = time.monotonic()
    building = FakeBuilding(lambda: time.monotonic() - started_s, extra_devices, time.time_ns() // 1_000_000)
    await ControlServer(path, building.table()).serve()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
