"""What is wrong with a line, in words, with the evidence that led to it and what to do about it. Pure.

Each finding is a rule of thumb of people who mend RS-485 lines, written down once: figures in, sentences out.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from edgeguard.core.line_figures import LineFigures, StationFigures
from edgeguard.core.point import Labels

_FEW: Final = 3
_SILENT_REQUESTS: Final = 2
"""A device that is silent is asked seldom: two requests into nothing are said."""
_CROWDED_TURNS: Final = 2
_LATE_ANSWERS: Final = 2
_LATE_ROOM: Final = 1.5
"""So much longer than the slowest answer seen is the time-out that is proposed."""
_BROKEN_SHARE: Final = 0.01
_SHOWN_STATIONS: Final = 4
_LOST_SHARE: Final = 0.02
_ONE_STATION_SHARE: Final = 0.8
_NOISE_SHARE: Final = 0.1
_ENOUGH_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Finding:
    """One trouble: a stable `code`, what it is, what was seen that says so, what to do."""

    code: str
    text: Labels
    evidence: Labels
    advice: Labels


def diagnose(line: LineFigures, passive: bool = False) -> tuple[Finding, ...]:
    """Every trouble of a line, the one that hides the others first. `passive`: somebody else is the master."""
    requests = sum(station.requests for station in line.stations)
    heard = sum(station.heard + station.late for station in line.stations)
    if passive and requests == 0:
        return tuple(_unheard_master(line))
    unanswered = sum(station.unanswered for station in line.stations)
    if heard == 0 and (requests >= _FEW or unanswered >= _SILENT_REQUESTS):
        return (_wrong_settings(line) if line.received_bytes - line.junk_bytes > 0 or line.junk_bytes >= _FEW else _nobody(line),)
    crowded = _crowded(line.stations)
    damage = _damage(line) if crowded is None else iter((_one_address(crowded),))
    others = tuple(station for station in line.stations if station is not crowded and station.late < _LATE_ANSWERS)
    second = tuple(_second_master(line))
    if second:
        # Who speaks at the same time spoils frames and answers: nothing of that says anything of the cable.
        return (*second, *_late(line.stations), *_silent(others))
    return (*damage, *_late(line.stations), *_silent(others), *_lost(others), *_bias(line, requests))


def nothing_passed(trouble: str) -> Finding:
    """A bus of the daemon on which not a byte passed. `trouble` is why it has no connection; empty if it has one."""
    if trouble:
        return Finding(
            "no-connection",
            Labels("总线未连接", "the bus has no connection"),
            Labels(trouble, trouble),
            Labels("检查适配器、网线和端口名称", "check the adapter or the network cable, and the name of the port"),
        )
    return Finding(
        "nothing-passes",
        Labels("没有任何报文", "nothing passed"),
        Labels("已连接,但没有请求", "the bus is connected, but nothing was asked"),
        Labels("查看:edgeguard bus;或监听更久", "see: edgeguard bus; or trace for longer than the period of its devices"),
    )


def _unheard_master(line: LineFigures) -> Iterator[Finding]:
    if line.received_bytes >= _ENOUGH_BYTES:
        yield _wrong_settings(line)
    elif line.received_bytes == 0:
        yield Finding(
            "nothing-passes",
            Labels("线路上没有数据", "nothing passes on the line"),
            Labels(f"{line.seconds:.0f} 秒内 0 字节", "0 bytes came in"),
            Labels("检查端口、接线 A/B 以及主站是否在工作", "check the port, the wires A and B, and that the master works"),
        )


def _nobody(line: LineFigures) -> Finding:
    requests = sum(station.requests for station in line.stations)
    return Finding(
        "nobody-answers",
        Labels("无任何设备应答", "nobody answers"),
        Labels(f"{requests} 个请求,收到 0 字节", f"{requests} requests, not a single byte came back"),
        Labels(
            "检查设备供电、A/B 是否接反、端口、地址、波特率和校验位(设置不符的设备不应答);edgeguard scan --bus 总线 会试遍常用设置",
            "check the devices' power, A and B exchanged, the right port and addresses, baud rate and parity (a device that is"
            " set otherwise stays silent; edgeguard scan --bus NAME tries the usual ones)",
        ),
    )


def _wrong_settings(line: LineFigures) -> Finding:
    uart = "" if not line.uart_errors else f"; {line.uart_errors} framing or parity errors counted by the port"
    crowded = [station.station for station in line.stations if station.crowded]
    twice = twice_zh = ""
    if len(crowded) == 1:
        twice, twice_zh = f"; two devices at address {crowded[0]} sound the same", f";两台设备同用地址 {crowded[0]} 时现象相同"
    uart_zh = "" if not line.uart_errors else f";串口统计到 {line.uart_errors} 个帧/校验错误"
    return Finding(
        "wrong-settings",
        Labels("波特率或校验位错误", "wrong baud rate or parity"),
        Labels(
            f"收到 {line.received_bytes} 字节,没有一个完整的帧{uart_zh}",
            f"{line.received_bytes} bytes came in and not one whole frame is among them{uart}",
        ),
        Labels(
            f"核对设备的波特率和校验位;可试 9600 8N1、9600 8E1、2400 8E1、19200 8N1{twice_zh}",
            f"compare baud rate and parity with the device; try 9600 8N1, 9600 8E1, 2400 8E1, 19200 8N1{twice}",
        ),
    )


def _second_master(line: LineFigures) -> Iterator[Finding]:
    if line.foreign >= 2 or line.unasked >= _FEW:
        yield Finding(
            "two-masters",
            Labels("总线上有两个主站", "two masters"),
            Labels(
                f"收到 {line.foreign} 个别人的请求、{line.unasked} 个无人询问的应答",
                f"{line.foreign} requests of somebody else and {line.unasked} answers that nobody asked for came in",
            ),
            Labels(
                "找出另一个主站(厂家网关、楼控、触摸屏)并断开,或改为只监听",
                "find the other master (a maker's gateway, a building controller, a panel) and take it off the line",
            ),
        )


def _crowded(stations: Sequence[StationFigures]) -> StationFigures | None:
    """The one station at whose turns something else comes in, where the others' turns are clean."""
    worst = [station for station in stations if station.crowded]
    clean = any(station.heard for station in stations if not station.crowded)
    return worst[0] if len(worst) == 1 and clean and worst[0].crowded >= _CROWDED_TURNS else None


def _one_address(station: StationFigures) -> Finding:
    told = f"{station.crowded} / {station.requests}"
    return Finding(
        "one-station-broken",
        Labels(f"只有站 {station.station} 的应答损坏", f"only the answers of {station.station} break"),
        Labels(
            f"{told} 个请求之后有杂散字节或第二个应答,其他站没有",
            f"junk or a second answer came in after {told} requests, and after none to the others",
        ),
        Labels(
            "检查是否有两台设备使用同一地址(逐台断开);再查该设备的接线和支线",
            "do two devices have this address? take them off one by one; then this device's wires and stub",
        ),
    )


def _damage(line: LineFigures) -> Iterator[Finding]:
    frames = sum(station.heard for station in line.stations) + line.broken
    if line.broken < _FEW or line.broken < _BROKEN_SHARE * frames:
        return
    worst = max(line.stations, key=lambda station: station.broken, default=None)
    share = f"{line.broken} / {frames} ({100 * line.broken / frames:.1f} %)"
    bursts = f", {line.bursts} bursts" if line.bursts else ""
    bursts_zh = f",成批 {line.bursts} 次" if line.bursts else ""
    if worst is not None and len(line.stations) > 1 and worst.broken >= _ONE_STATION_SHARE * line.broken:
        yield Finding(
            "one-station-broken",
            Labels(f"只有站 {worst.station} 的应答损坏", f"only the answers of {worst.station} break"),
            Labels(f"损坏 {share},其中该站 {worst.broken}", f"{share} broken, {worst.broken} of them its own"),
            Labels(
                "检查该设备的接线和支线,以及是否有两台设备使用同一地址",
                "check this device's wires and stub, and whether two devices have the same address",
            ),
        )
        return
    yield Finding(
        "cable",
        Labels("线缆或终端电阻", "cable or termination"),
        Labels(f"帧损坏 {share}{bursts_zh}", f"{share} frames broken{bursts}"),
        Labels(
            "检查屏蔽和接地、两端 120 Ω 终端电阻、星形支线、与动力电缆的距离",
            "check the shield and its earth, 120 ohm at both ends, star-shaped stubs, the distance to power cables",
        ),
    )


def _silent(stations: Sequence[StationFigures]) -> Iterator[Finding]:
    dead = [
        station
        for station in stations
        if min(station.requests, station.unanswered) >= _SILENT_REQUESTS
        and station.heard + station.late == 0
        and station.broken == 0
    ]
    for station in dead:
        yield Finding(
            "station-silent",
            Labels(f"站 {station.station} 不应答,其他站正常", f"{station.station} does not answer, while others do"),
            Labels(f"{station.requests} 个请求,0 个应答", f"{station.requests} requests, no answer"),
            Labels("检查该设备的供电、地址和波特率", "check this device's power, its address and its baud rate"),
        )


def _lost(stations: Sequence[StationFigures]) -> Iterator[Finding]:
    alone = [station for station in stations if station.heard and _is_much(_missing(station), station.requests)]
    lossy = [station for station in stations if station.heard and _missing(station)]
    if not alone and len(lossy) > 1:
        yield from _scattered(lossy, sum(station.requests for station in stations))
    for station in alone:
        told = f"{_missing(station)} / {station.requests}"
        yield Finding(
            "answers-lost",
            Labels(f"站 {station.station} 有时不应答", f"{station.station} does not always answer"),
            Labels(
                f"{told} 个请求无应答;应答时间 p95 {1000 * station.response_p95_s:.0f} ms",
                f"{told} requests without an answer; answers take {1000 * station.response_p95_s:.0f} ms (p95)",
            ),
            Labels(
                "加大该设备的超时或请求间隔;检查其负荷和接线",
                "give this device a longer time-out or a pause between requests; check its load and its wires",
            ),
        )


def _late(stations: Sequence[StationFigures]) -> Iterator[Finding]:
    for station in stations:
        if station.late >= _LATE_ANSWERS:
            enough_s = math.ceil(2 * _LATE_ROOM * station.late_s) / 2
            told = f"{station.late} / {station.requests}"
            yield Finding(
                "answers-late",
                Labels(f"站 {station.station} 应答太慢", f"{station.station} answers too late"),
                Labels(
                    f"{told} 个应答在超时之后才到,最慢 {station.late_s:.1f} 秒",
                    f"{told} answers came after the request was given up, the slowest {station.late_s:.1f} s after it began",
                ),
                Labels(
                    f'在该设备的 [[device]] 中写 timeout = "{enough_s:g}s";网关或中继器可能也在拖延',
                    f'write timeout = "{enough_s:g}s" in its [[device]]; a repeater or gateway on the way may be what is slow',
                ),
            )


def _missing(station: StationFigures) -> int:
    return station.unanswered - station.broken - station.late


def _is_much(lost: int, requests: int) -> bool:
    return lost >= _FEW and lost >= _LOST_SHARE * requests


def _scattered(lossy: Sequence[StationFigures], requests: int) -> Iterator[Finding]:
    """Few of each station, but of several: the wire they share."""
    lost = sum(_missing(station) for station in lossy)
    if _is_much(lost, requests):
        names = ", ".join(station.station for station in lossy[:_SHOWN_STATIONS]) + (", …" if lossy[_SHOWN_STATIONS:] else "")
        yield Finding(
            "answers-lost",
            Labels("多台设备有时不应答", "several devices do not always answer"),
            Labels(
                f"{lost} / {requests} 个请求无应答(站 {names})",
                f"{lost} / {requests} requests without an answer, of {names}",
            ),
            Labels(
                "先查共同原因:线缆、接头、终端电阻、附近的动力电缆;再监听一分钟以便判断",
                "look for what they share: cable, joints, termination, power cables nearby; trace a minute to tell",
            ),
        )


def _bias(line: LineFigures, requests: int) -> Iterator[Finding]:
    if requests and line.noise_bytes >= _FEW and line.noise_bytes >= _NOISE_SHARE * requests:
        yield Finding(
            "bias",
            Labels("线路空闲时电平不稳", "the idle line is not held at its level"),
            Labels(f"{line.noise_bytes} 个 00/FF 字节", f"{line.noise_bytes} bytes of 00 and FF between the frames"),
            Labels(
                "在一处加偏置电阻(A 上拉、B 下拉),检查终端电阻",
                "add bias resistors in one place (A up, B down), check the termination",
            ),
        )
