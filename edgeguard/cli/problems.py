"""What is wrong with a gateway, most urgent first, each with what to do next. Pure: views in, sentences out.

`status` exits 1 when any of these is `wrong`; `top` shows the first.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from edgeguard.cli.text import counted
from edgeguard.control.line_views import BusView
from edgeguard.control.views import AlarmView, DeviceView, LabelsView, OutboxView, StatusView, UplinkView
from edgeguard.core.blindness import Blindness
from edgeguard.core.limits import LIVE_WITHIN_MS

OFFLINE_SHOWN = 5
"""Devices named one by one; more of them have a common cause, which their number tells better."""

_NAMES_SHOWN = 4
_CONNECTED = "connected"
_NO_CONNECTION = "no-connection"
_BLIND = frozenset(Blindness)
"""Second parts of names of cameras' alarms."""
_SPOILT = ("checksum", "garbage", "short-answer", "wrong-unit", "wrong-function", "wrong-transaction")
"""Something came back, and it was no answer: the device has power."""


@dataclass(frozen=True, slots=True)
class Problem:
    """`wrong` False: worth knowing, but nothing has to be done today. `hint` is the next step."""

    code: str
    wrong: bool
    text: LabelsView
    hint: LabelsView


def diagnose(
    status: StatusView,
    devices: Sequence[DeviceView],
    alarms: Sequence[AlarmView],
    outbox: OutboxView,
    now: datetime,
    buses: Sequence[BusView] = (),
) -> tuple[Problem, ...]:
    """Everything that is not as it should be: what endangers data first, then people's alarms, wires, devices, and small things.

    A device that is silent because its bus has no connection is not told beside its bus.
    """
    cut_off = {bus.bus for bus in buses if bus.state != _CONNECTED}
    others = [device for device in devices if not (device.trouble == _NO_CONNECTION and device.bus in cut_off)]
    return (
        *_store(status, outbox),
        *_tasks(status),
        *_alarms(alarms),
        *_blind(alarms),
        *_uplink(status.uplink, now),
        *_buses(buses, devices),
        *_devices(others),
        *_small(status, outbox),
    )


def seconds_since(iso: str, now: datetime) -> float:
    """Seconds from an ISO 8601 time to `now`; 0 for an empty text or a time to come."""
    if not iso:
        return 0.0
    try:
        then = datetime.fromisoformat(iso)
    except ValueError:
        return 0.0
    return max(0.0, (now - then).total_seconds()) if then.tzinfo else 0.0


def moment_of(status: StatusView) -> datetime:
    """The daemon's own now, from when it started and how long it has been up."""
    try:
        started = datetime.fromisoformat(status.started)
    except ValueError:
        started = datetime.fromtimestamp(0, UTC)
    return datetime.fromtimestamp(started.timestamp() + status.uptime_s, UTC)


def _store(status: StatusView, outbox: OutboxView) -> list[Problem]:
    error = status.store_error or outbox.error
    if not error:
        return []
    return [
        Problem(
            "store",
            True,
            LabelsView(f"存储故障,新数据可能丢失:{error}", f"the store is in trouble, new items may be lost: {error}"),
            LabelsView(
                "检查磁盘空间与健康:df -h;journalctl -u edgeguard -e", "look at the disk: df -h; journalctl -u edgeguard -e"
            ),
        )
    ]


def _tasks(status: StatusView) -> list[Problem]:
    problems = []
    for task in status.tasks:
        if task.state not in ("failed", "waiting"):
            continue
        ended = task.state == "failed"
        problems.append(
            Problem(
                f"task.{task.name}",
                True,
                LabelsView(
                    f"{task.name} {'已停止' if ended else '出错后等待重启'}:{task.error}",
                    f"{task.name} {'has stopped for good' if ended else 'failed and waits for its restart'}: {task.error}",
                ),
                LabelsView("排除原因后:edgeguard reload", "remove the cause, then: edgeguard reload")
                if ended
                else LabelsView("查看日志:journalctl -u edgeguard -e", "look at the log: journalctl -u edgeguard -e"),
            )
        )
    return problems


def _alarms(alarms: Sequence[AlarmView]) -> list[Problem]:
    return [
        Problem(
            f"alarm.{alarm.alarm}",
            True,
            LabelsView(f"紧急报警 {alarm.alarm}:{alarm.text.zh}", f"critical alarm {alarm.alarm}: {alarm.text.en}"),
            LabelsView(
                f"处理后确认:edgeguard alarms --ack {alarm.alarm}", f"see to it, then: edgeguard alarms --ack {alarm.alarm}"
            ),
        )
        for alarm in alarms
        if alarm.state == "active" and alarm.severity == "critical"
    ]


def _blind(alarms: Sequence[AlarmView]) -> list[Problem]:
    """Cameras that do not see what they should; what explains another trouble is told alone."""
    problems = []
    for alarm in alarms:
        camera, _, trouble = alarm.alarm.partition(".")
        if alarm.device or trouble not in _BLIND or alarm.state not in ("active", "acked"):
            continue
        text = LabelsView(f"摄像头 {camera}:{alarm.text.zh}", f"camera {camera}: {alarm.text.en}")
        hint = LabelsView("原因与起始时间:edgeguard cameras", "why and since when: edgeguard cameras")
        if trouble == Blindness.MOVED:
            hint = LabelsView(
                f"重新标定:edgeguard camera {camera} --setup;若新视野正确:--accept-view",
                f"turn it back, or: edgeguard camera {camera} --setup; if it is right so, --accept-view",
            )
        problems.append(Problem(f"camera.{camera}", True, text, hint))
    return problems


def _uplink(uplink: UplinkView | None, now: datetime) -> list[Problem]:
    if uplink is None or uplink.state == "online":
        return []
    away_s = seconds_since(uplink.since, now)
    wrong = uplink.state == "failed" or away_s * 1000 > LIVE_WITHIN_MS
    why = f": {uplink.error}" if uplink.error else ""
    why_zh = f":{uplink.error_zh or uplink.error}" if uplink.error else ""
    return [
        Problem(
            "uplink",
            wrong,
            LabelsView(f"与平台断开 {away_s:.0f} 秒{why_zh}", f"no connection to the broker for {away_s:.0f} s{why}"),
            LabelsView(
                f"数据保存在本地。检查网络、证书与 {uplink.url}",
                f"everything is kept here meanwhile; check network, credentials and {uplink.url}",
            ),
        )
    ]


def _buses(buses: Sequence[BusView], devices: Sequence[DeviceView]) -> list[Problem]:
    """A row for each bus that is in trouble: no connection, or something wrong with the wire itself."""
    problems = []
    for bus in buses:
        name = bus.bus
        if bus.state != _CONNECTED and bus.error:
            silent = sum(device.bus == name for device in devices)
            of = counted(silent, "device")
            text = LabelsView(
                f"总线 {name} 未连接({silent} 台设备):{bus.error}", f"bus {name} ({of}) has no connection: {bus.error}"
            )
            hint = LabelsView(
                f"检查 {bus.where} 的适配器、网线与电源;然后:edgeguard bus {name}",
                f"check adapter, cable and power of {bus.where}, then: edgeguard bus {name}",
            )
            problems.append(Problem(f"bus.{name}", True, text, hint))
        elif bus.troubles:
            text = LabelsView(
                f"总线 {name}:{';'.join(trouble.zh for trouble in bus.troubles)}",
                f"bus {name}: {'; '.join(trouble.en for trouble in bus.troubles)}",
            )
            hint = LabelsView(
                f"查看:edgeguard trace {name};edgeguard bus {name} --flight",
                f"see: edgeguard trace {name}; edgeguard bus {name} --flight",
            )
            problems.append(Problem(f"bus.{name}", True, text, hint))
    return problems


def _devices(devices: Sequence[DeviceView]) -> list[Problem]:
    offline = [device for device in devices if device.state == "offline"]
    problems = [_offline(device) for device in offline[:OFFLINE_SHOWN]]
    if rest := offline[OFFLINE_SHOWN:]:
        buses = ", ".join(sorted({device.bus for device in offline}))
        problems.append(
            Problem(
                "devices",
                True,
                LabelsView(
                    f"另有 {len(rest)} 台设备无应答(总线:{buses})",
                    f"{counted(len(rest), 'more device')} without an answer (buses: {buses})",
                ),
                LabelsView("先查共同原因:网关、网线、总线电源", "look for a common cause first: converter, cable, bus power"),
            )
        )
    wrong = (_implausible(device) for device in devices if device.implausible)
    return [*problems, *wrong, *(_refused(device) for device in devices if device.refused)]


def _offline(device: DeviceView) -> Problem:
    why = f" ({device.trouble})" if device.trouble else ""
    text = LabelsView(f"{device.name} 无应答{why}", f"{device.name} does not answer{why}")
    hint = LabelsView(
        f"检查电源、地址 {device.address}、接线和线路设置;查看:edgeguard trace {device.bus}",
        f"check power, address {device.address}, wires, settings; see: edgeguard trace {device.bus}",
    )
    if device.trouble == _NO_CONNECTION:
        hint = LabelsView(
            f"总线 {device.bus} 未连接,原因见:edgeguard bus {device.bus}",
            f"bus {device.bus} has no connection; why: edgeguard bus {device.bus}",
        )
    elif device.trouble in _SPOILT:
        text = LabelsView(f"{device.name} 的应答无效{why}", f"{device.name} gives no valid answer{why}")
        hint = LabelsView(
            f"线路干扰、设置错误、两台设备同用地址 {device.address} 或另有主站;查看:edgeguard trace {device.bus}",
            f"noise, wrong settings, two devices at address {device.address}, a second master? edgeguard trace {device.bus}",
        )
    return Problem(f"device.{device.name}", True, text, hint)


def _implausible(device: DeviceView) -> Problem:
    names, count = _some(device.implausible), counted(len(device.implausible), "value")
    return Problem(
        f"implausible.{device.name}",
        False,
        LabelsView(
            f"{device.name} 有 {len(device.implausible)} 个值超出可能范围:{names}", f"{count} of {device.name} cannot be: {names}"
        ),
        LabelsView(
            f"核对配置模板 {device.profile} 和字序:edgeguard trace {device.bus} --device {device.name} --raw,再 edgeguard decode",
            f"is {device.profile} the right profile, and its word order?"
            f" edgeguard trace {device.bus} --device {device.name} --raw, then edgeguard decode BYTES",
        ),
    )


def _some(names: Collection[str]) -> str:
    return ", ".join(sorted(names)[:_NAMES_SHOWN]) + (", …" if len(names) > _NAMES_SHOWN else "")


def _refused(device: DeviceView) -> Problem:
    names = _some(device.refused)
    return Problem(
        f"refused.{device.name}",
        False,
        LabelsView(f"{device.name} 拒绝读取:{names}", f"{device.name} refuses to give {names}"),
        LabelsView(
            f"此型号没有这些点;确认配置模板 {device.profile}", f"this model lacks them; is {device.profile} the right profile?"
        ),
    )


def _small(status: StatusView, outbox: OutboxView) -> list[Problem]:
    problems = []
    if status.config_error:
        problems.append(
            Problem(
                "config",
                True,
                LabelsView(
                    f"新配置被拒绝,仍用旧配置:{status.config_error}", f"the new configuration is refused: {status.config_error}"
                ),
                LabelsView(
                    f"改正后:edgeguard check {status.config_path} && edgeguard reload",
                    f"mend it, then: edgeguard check {status.config_path} && edgeguard reload",
                ),
            )
        )
    if not status.clock_synced:
        problems.append(
            Problem(
                "clock",
                False,
                LabelsView("系统时钟未同步,数据已作标记", "the clock is not synchronised; items are marked until it is"),
                LabelsView("检查时间同步:timedatectl", "look at time synchronisation: timedatectl"),
            )
        )
    dead = sum(stream.dead for stream in outbox.streams)
    if dead or outbox.dropped:
        problems.append(
            Problem(
                "outbox",
                False,
                LabelsView(
                    f"已丢弃 {outbox.dropped} 条(存储满),平台拒收 {dead} 条",
                    f"{counted(outbox.dropped, 'item')} dropped because the store was full, {dead} rejected by the broker",
                ),
                LabelsView("查看:edgeguard outbox", "see: edgeguard outbox"),
            )
        )
    return problems
