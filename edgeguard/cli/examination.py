"""What a technician looks at on the machine itself: each look gives findings, good ones too, and what to do about the others.

Pure but for reading files below `root` (tests give a folder of their own) and asking systemd. Nothing here changes anything.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgeguard.control.views import LabelsView
from edgeguard.core.afar_limits import DOCTOR_COMMAND_S, DOCTOR_YEAR_MIN
from edgeguard.core.site import Site

FINE: Final = "fine"
NOTE: Final = "note"
WRONG: Final = "wrong"

_UNIT: Final = "edgeguard.service"
_LATENCY_MS: Final = 1
_INODES_LEFT: Final = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `state` is fine, note or wrong; `fix`, what to do, is there for the latter two."""

    topic: str
    code: str
    state: str
    text: LabelsView
    fix: LabelsView | None = None


def fine(topic: str, code: str, zh: str, en: str) -> Finding:
    """As it should be."""
    return Finding(topic, code, FINE, LabelsView(zh, en))


def note(topic: str, code: str, text: tuple[str, str], fix: tuple[str, str]) -> Finding:
    """Worth knowing; nothing has to be done today. Texts in Chinese and English."""
    return Finding(topic, code, NOTE, LabelsView(*text), LabelsView(*fix))


def wrong(topic: str, code: str, text: tuple[str, str], fix: tuple[str, str]) -> Finding:
    """Not as it should be. Texts in Chinese and English."""
    return Finding(topic, code, WRONG, LabelsView(*text), LabelsView(*fix))


def look_at_disk(site: Site) -> Iterator[Finding]:
    """Space, inodes and rights where the outbox lives, and what damage it has seen."""
    folder = Path(site.store.directory)
    there = next((path for path in (folder, *folder.parents) if path.exists()), Path("/"))
    try:
        found = os.statvfs(there)
    except OSError as error:
        text = (f"无法查看 {there}:{error.strerror}", f"{there} cannot be looked at: {error.strerror}")
        yield wrong("disk", "unreadable", text, ("检查该目录与磁盘:dmesg", "look at the folder and the disk: dmesg"))
        return
    free, wanted = found.f_bavail * found.f_frsize, site.store.max_bytes
    used = sum(path.stat().st_size for path in folder.glob("outbox.db*")) if os.access(folder, os.R_OK | os.X_OK) else 0
    if found.f_flag & os.ST_RDONLY:
        text = (f"{there} 所在文件系统为只读", f"the file system of {there} is read-only")
        yield wrong("disk", "read-only", text, ("多为存储卡损坏:查看 dmesg,更换", "often a dying SD card: dmesg, replace it"))
    if free < 16 * 2**20:
        text = (f"{there} 仅剩 {_mib(free)}", f"only {_mib(free)} are free at {there}")
        yield wrong("disk", "full", text, ("清理空间:df -h", "free some: df -h; journalctl --vacuum-size=50M"))
    elif free + used < wanted:
        text = (
            f"待发队列可达 {_mib(wanted)},但只剩 {_mib(free)}",
            f"the outbox may grow to {_mib(wanted)}, but {_mib(free)} are free",
        )
        yield note("disk", "small", text, ("清理空间,或减小 store.max_size", "free some, or make store.max_size smaller"))
    else:
        yield fine("disk", "free", f"{there} 剩余 {_mib(free)}", f"{_mib(free)} free at {there}")
    if found.f_files and found.f_favail < _INODES_LEFT:
        text = (f"{there} 的 inode 仅剩 {found.f_favail}", f"only {found.f_favail} inodes are free at {there}")
        yield wrong("disk", "inodes", text, ("删除大量小文件:df -i", "remove many small files: df -i"))
    damaged = sorted((folder / "quarantine").glob("*")) if os.access(folder, os.X_OK) else []
    if damaged:
        text = (f"曾有 {len(damaged)} 个损坏的数据库被隔离", f"{len(damaged)} damaged databases lie in quarantine")
        yield note("disk", "quarantine", text, ("检查磁盘健康:dmesg、smartctl", "look at the disk's health: dmesg, smartctl"))


def look_at_clock(synced: bool, now_s: float | None = None) -> Iterator[Finding]:
    """Whether the kernel holds the wall clock to be right, and whether it can be at all."""
    year = time.gmtime(now_s).tm_year
    if year < DOCTOR_YEAR_MIN:
        text = (f"系统时间是 {year} 年", f"the clock says it is {year}")
        yield wrong("clock", "unset", text, ("检查时间同步与电池:timedatectl", "time synchronisation and battery: timedatectl"))
    elif not synced:
        text = (
            "系统时钟未同步,数据会被标记,平台命令会被拒绝",
            "not synchronised: items are marked, commands refused",
        )
        yield wrong("clock", "unsynced", text, ("检查时间服务器:timedatectl", "timedatectl; can a time server be reached?"))
    else:
        yield fine("clock", "synced", "系统时钟已同步", "synchronised")


def look_at_power(root: Path) -> Iterator[Finding]:
    """Under-voltage as a Raspberry Pi's firmware tells it; nothing on machines that cannot tell."""
    for sensor in sorted((root / "sys/class/hwmon").glob("*/name")):
        if _first_line(sensor) != "rpi_volt":
            continue
        if _first_line(sensor.with_name("in0_lcrit_alarm")) == "1":
            text = ("供电电压不足", "the supply voltage is too low")
            yield wrong("power", "under-voltage", text, ("更换电源或电源线", "another power supply or a shorter cable"))
        else:
            yield fine("power", "voltage", "供电正常", "the supply voltage is well")


def look_at_ports(site: Site, root: Path) -> Iterator[Finding]:
    """Serial ports: there, ours to open, and quick."""
    for bus in site.buses:
        if bus.device is None:
            continue
        port = root / str(bus.device).lstrip("/")
        name = f"{bus.name} ({bus.device})"
        if not port.exists():
            others = sorted(path.name for path in (root / "dev/serial/by-path").glob("*"))
            known = ", ".join(others) or "-"
            text = (f"{name} 不存在", f"{name} is not there")
            yield wrong(
                "ports", "missing", text, (f"插好适配器;现有端口:{known}", f"plug the adapter in; ports there are: {known}")
            )
            continue
        if not os.access(port, os.R_OK | os.W_OK):
            text = (f"当前用户不能打开 {name}", f"this user may not open {name}")
            fix = (
                "服务需要 drop-ins/serial.conf;用户需要属于 dialout 组",
                "the service needs drop-ins/serial.conf; a user the group dialout",
            )
            yield note("ports", "forbidden", text, fix)
            continue
        yield from _latency(name, port, root)


def _latency(name: str, port: Path, root: Path) -> Iterator[Finding]:
    """FTDI chips keep bytes back for so long; 16 ms out of the box, too long for short silences."""
    told = _first_line(root / "sys/class/tty" / os.path.basename(os.path.realpath(port)) / "device/latency_timer")  # noqa: PTH119
    if told.isdigit() and int(told) > _LATENCY_MS:
        text = (f"{name} 的延迟定时器为 {told} ms", f"{name} keeps bytes back for {told} ms")
        yield note("ports", "latency", text, ("安装 60-edgeguard-rs485.rules", "install 60-edgeguard-rs485.rules"))
    else:
        yield fine("ports", "there", f"{name} 可用", f"{name} is there")


def look_at_unit(root: Path) -> Iterator[Finding]:
    """What systemd says of the service; a note where there is no systemd."""
    if not (root / "run/systemd/system").is_dir() or shutil.which("systemctl") is None:
        text = ("本机没有 systemd", "there is no systemd here")
        yield note("unit", "none", text, ("请自行确保程序持续运行", "see to it yourself that the daemon is kept running"))
        return
    wanted = "LoadState,ActiveState,SubState,UnitFileState,NRestarts,Result,ExecMainStatus"
    command = ["systemctl", "show", _UNIT, f"--property={wanted}"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=DOCTOR_COMMAND_S, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        text = (f"无法询问 systemd:{error}", f"systemd cannot be asked: {error}")
        yield note("unit", "silent", text, ("systemctl status edgeguard", "systemctl status edgeguard"))
        return
    yield from judge_unit(dict(line.partition("=")[::2] for line in asked.stdout.splitlines()))


def judge_unit(told: dict[str, str]) -> Iterator[Finding]:
    """The findings of what `systemctl show` has printed."""
    if told.get("LoadState") != "loaded":
        text = ("服务未安装", "the service is not installed")
        yield note("unit", "missing", text, ("安装方法见 README", "the README says how to install it"))
        return
    if told.get("UnitFileState") not in ("enabled", "enabled-runtime"):
        text = ("服务不会随机器启动", "the service does not start with the machine")
        yield wrong("unit", "disabled", text, ("sudo systemctl enable edgeguard", "sudo systemctl enable edgeguard"))
    state = f"{told.get('ActiveState')}/{told.get('SubState')}"
    if told.get("ActiveState") != "active":
        refused = told.get("ExecMainStatus") == "2"
        text = (f"服务状态:{state}", f"the service is {state}")
        fix = (
            (
                "配置有误:edgeguard check,改正后 systemctl start edgeguard",
                "the configuration is wrong: edgeguard check, then systemctl start",
            )
            if refused
            else (
                "journalctl -u edgeguard -e;sudo systemctl start edgeguard",
                "journalctl -u edgeguard -e; sudo systemctl start edgeguard",
            )
        )
        yield wrong("unit", "down", text, fix)
    elif int(told.get("NRestarts") or 0) > 0:
        text = (f"服务已自动重启 {told['NRestarts']} 次", f"the service was started again {told['NRestarts']} times")
        yield note("unit", "restarts", text, ("原因见:journalctl -u edgeguard", "why: journalctl -u edgeguard"))
    else:
        yield fine("unit", "active", "服务运行中", "the service runs")


def _first_line(path: Path) -> str:
    """Empty where there is no such file."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").split("\n", 1)[0].strip()
    except OSError:
        return ""


def _mib(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"
