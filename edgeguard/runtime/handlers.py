"""What the daemon answers on its control socket: views of what it knows, and the few things a person may ask it to do."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from edgeguard import __version__
from edgeguard.config.mistakes import did_you_mean
from edgeguard.control import BadArguments, Call, Handler, UnknownName
from edgeguard.control.message import json_value
from edgeguard.control.views import (
    DeviceView,
    ModelView,
    OutboxView,
    PointView,
    ReloadView,
    StatusView,
    StreamView,
    TaskView,
    TopView,
    UplinkView,
    WritesView,
    WriteView,
)
from edgeguard.core.alarm import AlarmState
from edgeguard.core.clock import iso_utc
from edgeguard.core.errors import StoreError
from edgeguard.core.fate import together
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.limits import AUDIT_WITHIN_S
from edgeguard.driver import Device
from edgeguard.runtime import show
from edgeguard.runtime.alarm_handlers import AlarmHandlers
from edgeguard.runtime.dead_letters import DeadLetters
from edgeguard.runtime.erasing import Erasing
from edgeguard.runtime.gate_book import GateBook
from edgeguard.runtime.gate_handlers import GateHandlers
from edgeguard.runtime.gate_stays import GateStays
from edgeguard.runtime.gatekeeper import Gatekeeper
from edgeguard.runtime.gates import Gates
from edgeguard.runtime.gateway import Gateway
from edgeguard.runtime.hint_handlers import HintHandlers
from edgeguard.runtime.line_handlers import LineHandlers
from edgeguard.runtime.reacting import Reacting
from edgeguard.runtime.record import DeviceRecord
from edgeguard.runtime.rule_handlers import RuleHandlers
from edgeguard.runtime.scan_handlers import ScanHandlers
from edgeguard.runtime.time_setting import TimeSetting
from edgeguard.runtime.writing import Wish, Writing
from edgeguard.store import Batch

Reload = Callable[[], Awaitable[str]]


class Handlers:
    """The handler table of one daemon."""

    def __init__(self, gateway: Gateway, config_path: Path, reload: Reload) -> None:
        self._gateway = gateway
        self._config_path = config_path.absolute()  # it is shown to people in other folders
        self._reload = reload
        self._started = gateway.clock.now()
        self._scans = ScanHandlers(gateway)
        self.erasing = Erasing(gateway)
        """Whoever made this lets it run, so that what an earlier run has left unfinished is finished."""
        self.writing = Writing(gateway, self.put)
        self._time = TimeSetting(gateway, self.put)
        self.reacting = Reacting(gateway, self.writing)
        """What alarms do to outputs; whoever made this lets it run."""
        self.about_alarms = AlarmHandlers(gateway, self.put)
        self.gates = Gates(gateway, self.writing)
        """Barriers; whoever made this lets them run, and the keeper."""
        self.keeper = Gatekeeper(gateway, self.gates, GateBook(gateway.store, gateway.clock), GateStays(gateway.store))
        self.at_gates = GateHandlers(gateway, self.gates, self.keeper, self.put)

    def table(self) -> Mapping[str, Handler]:
        """Method name -> handler."""
        return {
            "status": self.status,
            "devices": self.devices,
            "points": self.points,
            **self.about_alarms.table(),
            "outbox": self.outbox,
            **DeadLetters(self._gateway, self.erasing).table(),
            "read": self.read,
            "write": self.write,
            "write-several": self.write_several,
            "reload": self.reload,
            "top": self.top,
            **LineHandlers(self._gateway).table(),
            **self._scans.table(),
            **self._time.table(),
            **HintHandlers(self._gateway, self.put).table(),
            **self._gateway.cameras.table(),
            **self.at_gates.table(),
            **RuleHandlers(self._gateway, self.reacting).table(),
        }

    async def status(self, _call: Call) -> StatusView:
        """The daemon as a whole."""
        gateway = self._gateway
        records = tuple(gateway.pipeline.records.values())
        figures = await gateway.store.figures()
        now = gateway.clock.now()
        counts = gateway.pipeline.alarm_counts()
        return StatusView(
            site=gateway.site.site,
            gateway=gateway.site.gateway,
            version=__version__,
            epoch=gateway.store.epoch,
            boot=now.boot,
            pid=os.getpid(),
            started=iso_utc(self._started.wall_ms),
            clock_synced=now.synced,
            uptime_s=round((now.boot_ms - self._started.boot_ms) / 1000.0, 1),
            rss_mib=round(show.rss_mib(), 1),
            cpu_s=round(show.cpu_s(), 2),
            config_path=str(self._config_path),
            config_sha256=gateway.site.sha256,
            config_error=gateway.config_error,
            devices=len(records),
            devices_online=sum(1 for record in records if show.device_state(record) in ("online", "degraded")),
            points=sum(len(record.outcomes) for record in records),
            points_bad=sum(record.bad_points for record in records),
            points_per_s=gateway.pipeline.points_rate.per_s,
            alarms_active=counts[AlarmState.ACTIVE] + counts[AlarmState.ACKED],
            tasks=tuple(TaskView(c.name, c.state.value, c.restarts, c.error) for c in gateway.supervisor.children),
            uplink=self._uplink_view(),
            store_error=figures.last_error if figures.trouble else "",
            commands=dict(gateway.commander.counts),
            config_source="file" if gateway.site.sha256 == gateway.own.sha256 else "platform",
            models=tuple(ModelView(one.name, one.version, one.sha256, one.whole) for one in gateway.models),
        )

    async def devices(self, _call: Call) -> tuple[DeviceView, ...]:
        """Every device."""
        now_s = asyncio.get_running_loop().time()
        pollers = self._gateway.field.pollers
        records = self._gateway.pipeline.records
        return tuple(show.device_view(record, pollers.get(name), now_s) for name, record in records.items())

    async def points(self, call: Call) -> tuple[PointView, ...]:
        """Every point, or those of one device."""
        name = call.text("device", "")
        records = [self._record(name)] if name else list(self._gateway.pipeline.records.values())
        now = self._gateway.clock.now()
        return tuple(view for record in records for view in show.point_views(record, now))

    async def outbox(self, _call: Call) -> OutboxView:
        """What is kept until the platform has it."""
        figures = await self._gateway.store.figures()
        now = self._gateway.clock.now()
        streams = tuple(
            StreamView(
                stream=b.stream.value,
                rows=b.rows,
                bytes=b.bytes,
                first_seq=b.first_seq,
                last_seq=b.last_seq,
                oldest_at=show.iso_or_empty(b.oldest_at),
                oldest_age_s=show.age_s(b.oldest_at, now),
                dead=b.dead,
                rate_per_s=self._gateway.pipeline.stream_rates[b.stream].per_s,
            )
            for b in figures.backlogs
        )
        return OutboxView(
            epoch=self._gateway.store.epoch,
            path=str(self._gateway.site.store.directory),
            file_bytes=figures.file_bytes,
            max_bytes=figures.max_bytes,
            free_disk_bytes=figures.free_disk_bytes,
            holds_days=None if figures.holds_s is None else round(figures.holds_s / 86_400, 2),
            dropped=sum(count for _, count in figures.dropped),
            error=figures.last_error if figures.trouble else "",
            streams=streams,
            thinned=figures.thinned,
        )

    async def read(self, call: Call) -> tuple[PointView, ...]:
        """Read now, through the daemon's own turn on the bus: `device` for all its points, or `device.point`."""
        asked: dict[str, list[PointName]] = {}
        for target in call.texts("targets"):
            device, _, point = target.partition(".")
            record = self._record(device)
            names = [p.name for p in record.rules.points if not point or p.name == point]
            if not names:
                near = did_you_mean(point, (p.name for p in record.rules.points))
                raise UnknownName(f"{device} has no point {point}{near}")
            asked.setdefault(device, []).extend(names)
        snapshots = await asyncio.gather(*(self._device(device).read(names) for device, names in asked.items()))
        views: list[PointView] = []
        for device, snapshot in zip(asked, snapshots, strict=True):
            views.extend(show.reading_views(self._record(device), snapshot))
        return tuple(views)

    async def write(self, call: Call) -> WriteView:
        """Write a point: recorded durably before the device is touched, then again with what came of it, whatever came."""
        wish = Wish(DeviceName(call.text("device")), PointName(call.text("point")), call.value("value"))
        (end,) = await self.writing.carry_out((wish,), call.author)
        if end.error is not None:
            raise end.error
        return show.write_view(end)

    async def write_several(self, call: Call) -> WritesView:
        """Write points together: refused as a whole before anything is sent, or each with what came of it."""
        targets, values = call.texts("targets"), call.texts("values")
        if len(targets) != len(values):
            raise BadArguments(f"{len(targets)} targets and {len(values)} values")
        wishes = []
        for target, text in zip(targets, values, strict=True):
            device, _, point = target.partition(".")
            wishes.append(Wish(DeviceName(device), PointName(point), json_value(text)))
        ends = await self.writing.carry_out(wishes, call.author)
        return WritesView(together([end.fate for end in ends]).value, tuple(show.write_view(end) for end in ends))

    async def reload(self, _call: Call) -> ReloadView:
        """Take up the configuration file anew."""
        return ReloadView(config_sha256=await self._reload())

    async def top(self, call: Call) -> TopView:
        """Everything at one moment; with `devices` the points of these alone."""
        wanted = call.texts("devices")
        records = self._gateway.pipeline.records
        now = self._gateway.clock.now()
        return TopView(
            status=await self.status(call),
            devices=await self.devices(call),
            points=tuple(
                view for name, record in records.items() if not wanted or name in wanted for view in show.point_views(record, now)
            ),
            alarms=tuple(show.alarm_views(self._gateway.pipeline.desk, everything=False)),
            outbox=await self.outbox(call),
            events=tuple(self._gateway.pipeline.recent),
        )

    async def put(self, batch: Batch, complaint: str) -> None:
        """Make it durable before anything else happens; StoreError with the complaint if the disk does not take it in time."""
        try:
            async with asyncio.timeout(AUDIT_WITHIN_S):
                await self._gateway.store.put(batch)
        except TimeoutError:
            raise StoreError(complaint) from None

    def _device(self, name: str) -> Device:
        try:
            return self._gateway.field.device(DeviceName(name))
        except KeyError:
            raise UnknownName(f"{name} is not polled at this moment") from None

    def _record(self, name: str) -> DeviceRecord:
        record = self._gateway.pipeline.records.get(DeviceName(name))
        if record is None:
            raise UnknownName(f"there is no device {name}{did_you_mean(name, self._gateway.pipeline.records)}")
        return record

    def _uplink_view(self) -> UplinkView | None:
        spec, uplink = self._gateway.site.uplink, self._gateway.uplink
        if spec is None or uplink is None:
            return None
        state = uplink.view
        return UplinkView(
            url=f"{'mqtts' if spec.tls else 'mqtt'}://{spec.host}:{spec.port}",
            state=state.state,
            protocol=state.protocol,
            since=state.since,
            acked_items=state.acked_items,
            inflight=state.inflight,
            reconnects=state.reconnects,
            error=state.error,
            error_zh=state.error_zh,
        )
