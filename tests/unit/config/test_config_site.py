"""What a sound configuration becomes: defaults, overrides, notes, and the shipped example."""

import hashlib
from pathlib import Path, PurePath

import pytest

from edgeguard.config import load_profile, load_site, load_site_with_notes, shipped_configs
from edgeguard.core.alarm import AlarmRule, Condition, Severity
from edgeguard.core.errors import ConfigError
from edgeguard.core.line import LineSettings, Parity
from edgeguard.core.point import Labels
from edgeguard.core.site import DeviceSpec, Site, TlsSpec, Wire
from edgeguard.testing.shipped import shipped_profiles

BARE = '[gateway]\nsite = "lakeside"\nid = "b07"\n'
DEVICE = """
[[bus]]
name = "plant"
url = "TCP-GATEWAY"
[[device]]
name = "meter"
bus = "plant"
address = 10
profile = "eastron-sdm630"
every = "2s"
""".replace("TCP-GATEWAY", "tcp://Gateway.Lan")


def load(tmp_path: Path, text: str) -> Site:
    path = tmp_path / "site.toml"
    path.write_text(text, encoding="utf-8")
    return load_site(path)


def device(tmp_path: Path, extra: str = "") -> DeviceSpec:
    return load(tmp_path, BARE + DEVICE + extra).devices[0]


def alarm(spec: DeviceSpec, name: str) -> AlarmRule:
    return next(rule for rule in spec.alarms if rule.name == f"{spec.name}.{name}")


def test_a_bare_gateway_has_safe_defaults(tmp_path: Path) -> None:
    site = load(tmp_path, BARE)
    assert (site.site, site.gateway, site.labels) == ("lakeside", "b07", Labels("b07", "b07"))
    assert site.uplink is None
    assert site.buses == ()
    assert site.devices == ()
    assert site.store.directory == PurePath("/var/lib/edgeguard")
    assert (site.store.max_bytes, site.store.telemetry_wait_ms, site.store.max_age_ms) == (512 * 2**20, 200, None)
    assert (site.control.socket, site.control.operators) == (PurePath("/run/edgeguard/control.sock"), ())
    assert (site.log.level, site.log.format) == ("info", "auto")
    assert site.sha256 == hashlib.sha256(BARE.encode()).hexdigest()


def test_a_bus_and_a_device(tmp_path: Path) -> None:
    site = load(tmp_path, BARE + DEVICE)
    bus, spec = site.buses[0], site.devices[0]
    assert (bus.wire, bus.host, bus.port, bus.parallel, bus.connect_timeout_ms) == (Wire.TCP, "gateway.lan", 502, 1, 3000)
    assert (spec.period_ms, spec.stale_after_ms, spec.labels) == (2000, 10_000, Labels("meter", "meter"))
    assert spec.profile == shipped_profiles().get("eastron-sdm630")


def test_an_ipv6_bus(tmp_path: Path) -> None:
    bus = load(tmp_path, BARE + DEVICE.replace("tcp://Gateway.Lan", "rtu+tcp://[fd00::7]:4001")).buses[0]
    assert (bus.wire, bus.host, bus.port) == (Wire.RTU_OVER_TCP, "fd00::7", 4001)


def test_a_serial_port_and_devices_with_settings_of_their_own(tmp_path: Path) -> None:
    port = '[[bus]]\nname = "plant"\nport = "/dev/null"\nbaudrate = 19200\nparity = "even"\ndelay = "20ms"\n'
    rest = DEVICE[DEVICE.index("[[device]]") :]
    meter = rest.replace('"meter"', '"old"').replace("10", "11") + 'baudrate = 2400\nparity = "N"\nstopbits = 2\n'
    slow = rest.replace('"meter"', '"slow"').replace("10", "12") + 'delay = "50ms"\ntimeout = "3s"\nparity = "E"\n'
    site = load(tmp_path, BARE + port + rest + meter + slow)
    bus = site.buses[0]
    assert (bus.wire, bus.device, bus.where, bus.delay_ms) == (Wire.SERIAL_RTU, PurePath("/dev/null"), "/dev/null", 20)
    assert bus.line == LineSettings(19_200, Parity.EVEN)
    assert [spec.line for spec in site.devices] == [None, LineSettings(2400, Parity.NONE, 8, 2), None]
    limits = site.devices[2].profile.limits
    assert (limits.delay_ms, limits.timeout_ms) == (50, 3000)
    assert site.devices[0].profile.limits.timeout_ms == 1000


def test_the_other_wires(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    (tmp_path / "own.pem").touch()
    (tmp_path / "own.key").touch(mode=0o600)
    text = (
        '[[bus]]\nname = "a"\nurl = "udp://h"\n[[bus]]\nname = "b"\nurl = "tcp://h"\n'
        '[[bus]]\nname = "c"\nport = "/dev/null"\nframing = "ascii"\ndatabits = 7\nparity = "E"\n'
        '[[bus]]\nname = "d"\nurl = "tls://h"\nca = "ca.pem"\ncertificate = "own.pem"\nkey = "own.key"\n'
    )
    udp, tcp, ascii_port, tls = load(tmp_path, BARE + text).buses
    assert (udp.wire, udp.port, tcp.port) == (Wire.UDP, 502, 502)
    assert (ascii_port.wire, ascii_port.line) == (Wire.SERIAL_ASCII, LineSettings(9600, Parity.EVEN, 7, 1))
    assert (tls.wire, tls.port) == (Wire.TLS, 802)
    assert tls.tls == TlsSpec(tmp_path / "ca.pem", tmp_path / "own.pem", tmp_path / "own.key")


def test_a_port_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(BARE + '[[bus]]\nname = "a"\nport = "/dev/serial/by-path/none"\n', encoding="utf-8")
    loaded = load_site_with_notes(tmp_path / "site.toml")
    assert loaded.site.buses[0].where == "/dev/serial/by-path/none"
    assert any("is not there now; the gateway will wait for it" in note for note in loaded.notes)


def test_the_line_behind_a_serial_server(tmp_path: Path) -> None:
    url = 'url = "rtu+tcp://h:4001"\nbaudrate = 2400\nparity = "E"'
    bus = load(tmp_path, BARE + DEVICE.replace('url = "tcp://Gateway.Lan"', url)).buses[0]
    assert (bus.wire, bus.line) == (Wire.RTU_OVER_TCP, LineSettings(2400, Parity.EVEN))


def test_paths_start_from_the_file(tmp_path: Path) -> None:
    site = load(tmp_path, BARE + '[store]\ndirectory = "state"\n[control]\nsocket = "../x.sock"\n')
    assert site.store.directory == tmp_path / "state"
    assert site.control.socket == tmp_path.parent / "x.sock"


def test_every_device_has_a_comms_lost_alarm(tmp_path: Path) -> None:
    rule = alarm(device(tmp_path), "comms-lost")
    assert (rule.condition, rule.severity, rule.point, rule.on_delay_ms) == (Condition.COMMS_LOST, Severity.MAJOR, None, 30_000)


def test_alarms_are_overridden_switched_off_and_added(tmp_path: Path) -> None:
    spec = device(
        tmp_path,
        """
[device.alarms.comms-lost]
on_delay = "2m"
severity = "critical"
[device.alarms.frequency-high]
enabled = false
[device.alarms.over-voltage-l1]
limit = 235.4
hysteresis = 1
text = { zh = "高", en = "high" }
[[device.alarm]]
name = "night-load"
point = "power"
condition = "high"
limit = 30
on_delay = "5m"
severity = "info"
text = { zh = "夜间负荷", en = "Night load" }
""",
    )
    plain = {rule.name for rule in device(tmp_path).alarms}
    assert {rule.name for rule in spec.alarms} == plain - {"meter.frequency-high"} | {"meter.night-load"}
    lost, high, night = alarm(spec, "comms-lost"), alarm(spec, "over-voltage-l1"), alarm(spec, "night-load")
    assert (lost.on_delay_ms, lost.severity) == (120_000, Severity.CRITICAL)
    assert (high.limit, high.hysteresis, high.text, high.on_delay_ms) == (235.4, 1.0, Labels("高", "high"), 10_000)
    assert (night.point, night.limit, night.on_delay_ms, night.severity) == ("power", 30, 300_000, Severity.INFO)


def test_listed_points_narrow_the_profile_and_its_alarms(tmp_path: Path) -> None:
    spec = device(tmp_path, 'points = ["frequency", "power"]\n')
    assert [point.name for point in spec.profile.points] == ["power", "frequency"]
    assert [field.address for field in spec.profile.fields] == [52, 70]
    assert [rule.name for rule in spec.alarms] == ["meter.comms-lost", "meter.frequency-high", "meter.frequency-low"]


def test_an_override_of_an_alarm_without_its_point_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='no alarm "over-voltage-l1" on the polled points'):
        device(tmp_path, 'points = ["power"]\n[device.alarms.over-voltage-l1]\nlimit = 240.0\n')


POWER_REPORT = '[device.report.power]\ndeadband = "5%"\nmin_interval = "10s"\nheartbeat = "1h"\n'


def test_reports_are_tuned_without_touching_the_rest(tmp_path: Path) -> None:
    spec = device(
        tmp_path,
        POWER_REPORT + "[device.report.frequency]\ndeadband = 1\n",
    )
    rules = {str(point.name): point.report for point in spec.profile.points}
    assert (rules["power"].deadband, rules["power"].deadband_percent) == (0.0, 5.0)
    assert (rules["power"].min_interval_ms, rules["power"].heartbeat_ms) == (10_000, 3_600_000)
    assert (rules["frequency"].deadband, rules["frequency"].heartbeat_ms) == (1.0, 900_000)


def notes_of(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "site.toml"
    path.write_text(text, encoding="utf-8")
    return [note.removeprefix(f"{path}:") for note in load_site_with_notes(path, environ={}).notes]


def test_notes_tell_what_works_but_may_not_be_meant(tmp_path: Path) -> None:
    found = notes_of(tmp_path, BARE + DEVICE + 'points = ["power"]\n[[bus]]\nname = "idle"\nurl = "tcp://b"\n')
    assert found[0].startswith("1: file: there is no [uplink]: the gateway works alone")
    assert found[1].startswith("14: device[0].points: without their points these alarms do not work: over-voltage-l1")
    assert found[2] == "15: bus[1]: bus idle has no devices"


def test_a_file_that_anybody_may_change_is_told(tmp_path: Path) -> None:
    """Whoever may write it decides what the platform may do, and where values go."""
    path = tmp_path / "site.toml"
    path.touch()
    path.chmod(0o666)
    (told,) = [note for note in notes_of(tmp_path, BARE + DEVICE) if "anybody" in note]
    assert told == f"1: file: anybody on this machine may change the file; run: chmod o-w {path}"
    path.chmod(0o664)
    assert not [note for note in notes_of(tmp_path, BARE + DEVICE) if "anybody" in note]


def test_a_plan_that_does_not_fit_its_line_is_a_note(tmp_path: Path) -> None:
    crowded = DEVICE.replace("tcp://Gateway.Lan", "rtu+tcp://h:1").replace("2s", "100ms")
    assert any(note.startswith("5: bus[0]: the plan does not fit: ") for note in notes_of(tmp_path, BARE + crowded))
    assert not any("does not fit" in note for note in notes_of(tmp_path, BARE + crowded.replace("100ms", "5s")))


def test_the_shipped_example_is_sound_and_notes_only_that_its_port_is_not_there_and_that_it_is_one() -> None:
    loaded = load_site_with_notes(shipped_configs() / "site.example.toml", environ={})
    sample, port = loaded.notes
    assert "is not there now" in port
    assert ": gateway.sample: is true: this is the shipped example" in sample
    site = loaded.site
    assert site.sample
    assert (site.site, site.gateway) == ("lakeside", "b07")
    network = [(bus.name, bus.host, bus.port) for bus in site.buses if not bus.wire.is_port]
    assert network == [("lift", "127.0.0.1", 15021), ("plant", "127.0.0.1", 15022)]
    assert {(d.name, d.bus, d.address) for d in site.devices if d.bus != "riser"} == {
        ("lift-1", "lift", 1), ("pump-1", "plant", 1), ("pump-2", "plant", 2),
        ("main-meter", "plant", 10), ("plant-meter", "plant", 11), ("water-meter", "plant", 20),
    }  # fmt: skip


def test_what_the_example_shows_in_comments_works(tmp_path: Path) -> None:
    """Every commented-out line of the example that is TOML, taken at its word."""
    text = (shipped_configs() / "site.example.toml").read_text(encoding="utf-8")
    shown = text[text.index("# More that a device may have:") :].splitlines()[1:]
    lines = [line.removeprefix("# ").removeprefix("#") for line in shown]
    meter = text[: text.index("# More that a device may have:")].replace('every = "5s"\nlabels', 'every = "5s"\nlabels')
    extra = (
        "\n".join(lines)
        .replace('points = ["energy_import", "power"]', "")
        .replace("frequency-low", "low-pressure")
        .replace("report.power", "report.flow")
    )
    (tmp_path / "site.toml").write_text(meter + extra.replace('point = "power"', 'point = "flow"'), encoding="utf-8")
    spec = load_site(tmp_path / "site.toml").devices[-1]
    assert (spec.name, spec.stale_after_ms) == ("water-meter", 60_000)
    assert "water-meter.low-pressure" not in {rule.name for rule in spec.alarms}
    assert alarm(spec, "night-load").limit == 30.0


def test_the_library_knows_names_and_refuses_doubles(tmp_path: Path) -> None:
    library = shipped_profiles()
    assert "eastron-sdm630" in library.names()
    assert library.get("eastron-sdm630") is library.get("eastron-sdm630")
    with pytest.raises(ConfigError, match='did you mean "eastron-sdm630"'):
        library.get("eastron-sdm63")
    (tmp_path / "eastron-sdm630.toml").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="there is a profile of that name already"):
        library.with_directories([tmp_path])


def test_ones_own_profiles_stand_beside_the_shipped(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    source = shipped_configs() / "profiles" / "eastron-sdm120.toml"
    (folder / "my-meter.toml").write_text(
        source.read_text(encoding="utf-8").replace('name = "eastron-sdm120"', 'name = "my-meter"'), encoding="utf-8"
    )
    (folder / "README.txt").write_text("not a profile", encoding="utf-8")
    text = BARE + '[profiles]\ndirectories = ["mine"]\n' + DEVICE.replace("eastron-sdm630", "my-meter")
    assert load(tmp_path, text).devices[0].profile == load_profile(folder / "my-meter.toml")


def test_no_command_is_allowed_unless_it_is_named(tmp_path: Path) -> None:
    head = '[gateway]\nsite = "a"\nid = "b"\n'
    (tmp_path / "site.toml").write_text(head, encoding="utf-8")
    assert load_site(tmp_path / "site.toml").commands.allow == frozenset()
    (tmp_path / "site.toml").write_text(head + '[commands]\nallow = ["read", "config.get"]\n', encoding="utf-8")
    assert load_site(tmp_path / "site.toml").commands.allow == {"read", "config.get"}
    (tmp_path / "site.toml").write_text(head + '[commands]\nallow = ["read", "erase"]\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"site.toml:5: commands.allow\[1\]: "):
        load_site(tmp_path / "site.toml")
