"""`doctor`: looks at everything a technician would, with the daemon and without, and says what to do. Returns an exit code."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from rich.table import Table
from rich.text import Text

from edgeguard.cli import examination as machine
from edgeguard.cli import examination_links as links
from edgeguard.cli.examination import FINE, WRONG, Finding, fine, note, wrong
from edgeguard.cli.examination_cameras import look_at_cameras
from edgeguard.cli.output import console, print_json, styled
from edgeguard.cli.session import Exit, Lang, Session
from edgeguard.cli.text import clean, label
from edgeguard.config import load_site_with_notes
from edgeguard.control import methods
from edgeguard.control.client import call
from edgeguard.control.views import LabelsView
from edgeguard.core.errors import ConfigError, EdgeguardError
from edgeguard.core.site import Site, UplinkSpec

_ROOT: Final = Path("/")
_MISTAKES_SHOWN: Final = 10
_TOPICS: Final[Mapping[str, tuple[str, str]]] = {
    "config": ("配置", "config"),
    "unit": ("服务", "unit"),
    "daemon": ("程序", "daemon"),
    "disk": ("磁盘", "disk"),
    "clock": ("时钟", "clock"),
    "power": ("供电", "power"),
    "ports": ("串口", "ports"),
    "buses": ("总线", "buses"),
    "cameras": ("摄像头", "cameras"),
    "models": ("模型", "models"),
    "tls": ("证书", "TLS"),
    "broker": ("平台", "broker"),
}
_MARKS: Final[Mapping[str, tuple[str, str]]] = {FINE: ("✓", "green"), WRONG: ("✗", "bold red")}


def doctor(session: Session, config: Path | None, usual: Path, root: Path = _ROOT) -> Exit:
    """Everything, in the order in which one thing rests on another; 1 when anything is wrong.

    Without `config` the daemon's own configuration is looked at, and the `usual` one where no daemon answers.
    """
    findings = tuple(_examine(session, config or _in_force(session) or usual, root))
    exit_code = Exit.WRONG if any(finding.state == WRONG for finding in findings) else Exit.FINE
    if session.json:
        print_json({"well": exit_code is Exit.FINE, "findings": findings})
        return exit_code
    out, lang = console(), session.lang
    for finding in findings:
        out.print(_row(finding, lang))
    count = sum(finding.state == WRONG for finding in findings)
    out.print()
    out.print(
        styled(lang.say(f"✗ {count} 处需要处理", f"✗ {count} to be seen to"), "bold red")
        if count
        else styled(lang.say("✓ 没有发现问题", "✓ nothing is wrong"), "bold green")
    )
    return exit_code


def _in_force(session: Session) -> Path | None:
    """The file that the daemon has read."""
    with suppress(EdgeguardError):
        return Path(call(session.socket, methods.STATUS).config_path)
    return None


def _row(finding: Finding, lang: Lang) -> Table:
    mark, colour = _MARKS.get(finding.state, ("!", "yellow"))
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, width=7)
    grid.add_column(overflow="fold")
    topic = lang.say(*_TOPICS.get(finding.topic, (finding.topic, finding.topic)))
    grid.add_row(styled(mark, colour), topic, Text(clean(label(finding.text, lang), 2000)))
    if finding.fix is not None:
        grid.add_row("", "", Text("→ " + clean(label(finding.fix, lang), 2000), style="dim"))
    return grid


def _examine(session: Session, config: Path, root: Path) -> Iterator[Finding]:
    from edgeguard.runtime.clock import kernel_says_synced

    site, told = _configuration(config)
    yield from told
    yield from machine.look_at_unit(root)
    problems, running = _daemon(session)
    clock = tuple(machine.look_at_clock(kernel_says_synced()))
    # what both the daemon and the kernel say of the clock is said once
    yield from (one for one in problems if one.topic != "clock" or all(seen.state == FINE for seen in clock))
    yield from clock
    yield from machine.look_at_power(root)
    yield from links.look_at_models()
    if site is None:
        return
    yield from machine.look_at_disk(site)
    yield from machine.look_at_ports(site, root)
    if not running:
        yield from links.look_at_networks(site)
    yield from look_at_cameras(session, site, running)
    yield from _uplink(site, running)


def _configuration(path: Path) -> tuple[Site | None, list[Finding]]:
    try:
        loaded = load_site_with_notes(path)
    except ConfigError as error:
        fix = (f"改正后:edgeguard check {path}", f"mend it, then: edgeguard check {path}")
        shown = [wrong("config", "mistake", (line, line), fix) for line in error.mistakes[:_MISTAKES_SHOWN]]
        if more := len(error.mistakes) - len(shown):
            shown.append(wrong("config", "mistakes", (f"另有 {more} 处错误", f"{more} more mistakes"), fix))
        return None, shown
    site = loaded.site
    zh = f"{path}:{len(site.buses)} 条总线,{len(site.devices)} 台设备"
    told = [fine("config", "right", zh, f"{path}: {len(site.buses)} buses, {len(site.devices)} devices")]
    told += [note("config", "note", (line, line), (f"edgeguard check {path}", f"edgeguard check {path}")) for line in loaded.notes]
    return site, told


def _daemon(session: Session) -> tuple[list[Finding], bool]:
    """What the running daemon says is wrong, as `status` does; whether there is one."""
    from edgeguard.cli.look import overview
    from edgeguard.cli.problems import diagnose, moment_of
    from edgeguard.control.errors import DaemonSilent

    try:
        seen = overview(session)
    except DaemonSilent as error:
        fix = (
            "sudo systemctl start edgeguard;属于 edgeguard 组?(id -nG)",
            "systemctl start edgeguard; in the group edgeguard? (id -nG)",
        )
        return [wrong("daemon", "silent", (f"无应答:{error}", str(error)), fix)], False
    except EdgeguardError as error:
        fix = ("查看日志:journalctl -u edgeguard -e", "look at the log: journalctl -u edgeguard -e")
        return [wrong("daemon", "unwell", (str(error), str(error)), fix)], True
    problems = diagnose(seen.status, seen.devices, seen.alarms, seen.outbox, moment_of(seen.status), seen.buses)
    found = [Finding(_topic(one.code), one.code, WRONG if one.wrong else "note", one.text, one.hint) for one in problems]
    told = seen.status
    online = LabelsView(
        f"运行中,{told.devices} 台设备中 {told.devices_online} 台在线",
        f"runs, {told.devices_online} of {told.devices} devices answer",
    )
    if told.uplink is not None and told.uplink.state == "online":
        found.append(fine("broker", "online", f"平台 {told.uplink.url} 在线", f"{told.uplink.url} has us"))
    return [Finding("daemon", "runs", FINE, online), *found], True


def _topic(code: str) -> str:
    """Under which heading a problem of `status` belongs."""
    return {"uplink": "broker", "store": "disk", "outbox": "disk", "config": "config", "clock": "clock", "camera": "cameras"}.get(
        code.partition(".")[0], "buses" if code.startswith(("device", "refused", "implausible", "bus")) else "daemon"
    )


def _uplink(site: Site, running: bool) -> Iterable[Finding]:
    spec, now_ms = site.uplink, time.time_ns() // 1_000_000
    if spec is None:
        yield note(
            "broker",
            "none",
            ("未配置平台", "no uplink is configured"),
            ("如需上报,添加 [uplink]", "add [uplink] where one is wanted"),
        )
        return
    if running:
        # The daemon holds the connection, and `status` has told of it.
        yield from links.look_at_certificates(spec, now_ms)
    elif _hidden(spec):
        yield from links.look_at_certificates(spec, now_ms)
        text = ("凭据只有服务可读,未尝试连接平台", "the credentials are for the service alone, so that no connection was tried")
        yield note("broker", "hidden", text, ("启动服务后再看", "start the service, then look again"))
    else:
        found, broker = links.look_at_broker(site)
        yield found
        yield from links.look_at_certificates(spec, now_ms, broker)


def _hidden(spec: UplinkSpec) -> bool:
    """Whether a secret lies in a folder that only systemd's service sees."""
    return any(path is not None and str(path).startswith("$") for path in (spec.key, spec.password_file, spec.certificate))
