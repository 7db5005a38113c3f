"""`doctor`: what it finds on a machine of files, with and without a daemon, and that everything it says has a next step."""

import json
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from cli_kit import Desk, desk

from edgeguard.cli.examination import Finding, judge_unit, look_at_clock, look_at_disk, look_at_ports, look_at_power, look_at_unit
from edgeguard.cli.examination_cameras import look_at_cameras
from edgeguard.cli.examination_links import judge_certificate, look_at_models, look_at_networks
from edgeguard.cli.session import Session
from edgeguard.codec.x509_dates import CertificateDates
from edgeguard.config import load_site
from edgeguard.control import Call
from edgeguard.control.views import StatusView
from edgeguard.core.site import Site
from edgeguard.testing.film import noise, write
from edgeguard.testing.handlers import FakeBuilding
from edgeguard.uplink.certificates import Held, Role

TEXT = """
[gateway]
site = "lakeside"
id = "b07"
[store]
directory = "state"
max_size = "4MiB"
"""
DAY_MS = 86_400_000


def site_of(folder: Path, more: str = "") -> Site:
    (folder / "site.toml").write_text(TEXT + more, encoding="utf-8")
    return load_site(folder / "site.toml")


def told(findings: Iterator[Finding]) -> dict[str, str]:
    """State by code; every finding that is not fine says what to do, in both languages."""
    found = list(findings)
    for finding in found:
        assert finding.text.zh
        assert finding.text.en
        assert (finding.fix is None) == (finding.state == "fine")
        assert finding.fix is None or (finding.fix.zh and finding.fix.en)
    return {finding.code: finding.state for finding in found}


def file(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


PORT = '[[bus]]\nname = "riser"\nport = "/dev/ttyUSB0"\nbaudrate = 9600\n'


def test_ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = site_of(tmp_path, PORT)
    root = tmp_path / "root"
    file(root / "dev/serial/by-path/usb-1")
    assert told(look_at_ports(site, root)) == {"missing": "wrong"}
    assert "usb-1" in next(iter(look_at_ports(site, root))).fix.en  # type: ignore[union-attr]
    file(root / "dev/ttyUSB0")
    assert told(look_at_ports(site, root)) == {"there": "fine"}
    timer = file(root / "sys/class/tty/ttyUSB0/device/latency_timer", "16\n")
    assert told(look_at_ports(site, root)) == {"latency": "note"}
    timer.write_text("1\n", encoding="utf-8")
    assert told(look_at_ports(site, root)) == {"there": "fine"}
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert told(look_at_ports(site, root)) == {"forbidden": "note"}


def test_networks(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        ports = {"open": server.getsockname()[1], "closed": closed.getsockname()[1]}
        rows = "".join(f'[[bus]]\nname = "{name}"\nurl = "tcp://127.0.0.1:{port}"\n' for name, port in ports.items())
        site = site_of(tmp_path, rows + '[[bus]]\nname = "u"\nurl = "udp://127.0.0.1:9"\n')
        assert told(look_at_networks(site)) == {"listens": "fine", "unreachable": "wrong"}


def test_disk(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    assert told(look_at_disk(site)) == {"free": "fine"}
    file(tmp_path / "state/quarantine/2026/outbox.db")
    assert told(look_at_disk(site)) == {"free": "fine", "quarantine": "note"}
    big = site_of(tmp_path, "").store
    (tmp_path / "site.toml").write_text(TEXT.replace("4MiB", "900000GiB"), encoding="utf-8")
    assert big.max_bytes == 4 * 2**20
    assert told(look_at_disk(load_site(tmp_path / "site.toml")))["small"] == "note"


@pytest.mark.parametrize(
    ("synced", "now_s", "code"), [(True, 1.8e9, "synced"), (False, 1.8e9, "unsynced"), (True, 0.0, "unset"), (False, 0.0, "unset")]
)
def test_clock(synced: bool, now_s: float, code: str) -> None:
    assert list(told(look_at_clock(synced, now_s))) == [code]


def test_power(tmp_path: Path) -> None:
    assert told(look_at_power(tmp_path)) == {}
    file(tmp_path / "sys/class/hwmon/hwmon0/name", "cpu_thermal\n")
    file(tmp_path / "sys/class/hwmon/hwmon1/name", "rpi_volt\n")
    alarm = file(tmp_path / "sys/class/hwmon/hwmon1/in0_lcrit_alarm", "0\n")
    assert told(look_at_power(tmp_path)) == {"voltage": "fine"}
    alarm.write_text("1\n", encoding="utf-8")
    assert told(look_at_power(tmp_path)) == {"under-voltage": "wrong"}


GOOD = {"LoadState": "loaded", "ActiveState": "active", "SubState": "running", "UnitFileState": "enabled", "NRestarts": "0"}


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({}, {"active": "fine"}),
        ({"LoadState": "not-found"}, {"missing": "note"}),
        ({"UnitFileState": "disabled"}, {"disabled": "wrong", "active": "fine"}),
        ({"ActiveState": "failed", "SubState": "failed", "ExecMainStatus": "2"}, {"down": "wrong"}),
        ({"ActiveState": "inactive", "SubState": "dead"}, {"down": "wrong"}),
        ({"NRestarts": "3"}, {"restarts": "note"}),
    ],
)
def test_unit(change: dict[str, str], codes: dict[str, str]) -> None:
    assert told(judge_unit(GOOD | change)) == codes


def test_without_systemd_that_is_said(tmp_path: Path) -> None:
    assert told(look_at_unit(tmp_path)) == {"none": "note"}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(("days", "state"), [(400, "fine"), (31, "fine"), (29, "wrong"), (0, "wrong"), (-3, "wrong")])
def test_certificates(role: Role, days: int, state: str) -> None:
    """Thirty days ahead it is a thing to be seen to."""
    now_ms = 1_790_000_000_000
    held = Held(role, CertificateDates(now_ms - DAY_MS, now_ms + days * DAY_MS))
    assert told(iter((judge_certificate(held, now_ms),))) == {f"{role.value}-certificate": state}


def test_a_certificate_that_is_not_valid_yet_points_to_the_clock() -> None:
    found = judge_certificate(Held(Role.CLIENT, CertificateDates(2000, 3000)), 1000)
    assert (found.state, "clock" in (found.fix.en if found.fix else "")) == ("wrong", True)


def test_models_are_whole() -> None:
    assert set(told(look_at_models()).values()) == {"fine"}


@pytest.fixture(scope="module")
def daemon() -> Iterator[Desk]:
    with desk(FakeBuilding()) as made:
        yield made


def test_with_a_daemon_its_problems_are_told_and_its_connections_left_alone(daemon: Desk, tmp_path: Path) -> None:
    site_of(tmp_path, '[[bus]]\nname = "closed"\nurl = "tcp://127.0.0.1:9"\n')
    printed = daemon.type("doctor", "--config", str(tmp_path / "site.toml"), "--json")
    assert printed.code == 1
    found = json.loads(printed.out)
    codes = {(one["topic"], one["code"]) for one in found["findings"]}
    assert found["well"] is False
    assert {("config", "right"), ("daemon", "runs"), ("disk", "free"), ("models", "plate_reader")} <= codes
    assert ("buses", "unreachable") not in codes
    assert ("broker", "online") in codes
    assert any(topic == "buses" and code.startswith("device.") for topic, code in codes)


def test_without_a_file_the_daemon_s_own_is_looked_at(tmp_path: Path) -> None:
    building = FakeBuilding()
    table = building.table()

    async def elsewhere(call: Call) -> object:
        return replace(cast(StatusView, await table["status"](call)), config_path=str(tmp_path / "site.toml"))

    site_of(tmp_path, "")
    with desk(building, {**table, "status": elsewhere}) as here:
        printed = here.type("doctor", "--json")
    told = [one["text"]["en"] for one in json.loads(printed.out)["findings"] if one["topic"] == "config"]
    assert told[0].startswith(f"{tmp_path}/site.toml: ")


def test_without_a_daemon_every_camera_is_asked_for_a_picture(tmp_path: Path) -> None:
    write(tmp_path / "wall.mp4", noise(8))
    secret = file(tmp_path / "secret", "x")
    secret.chmod(0o600)
    rows = {"film": "file:wall.mp4", "gone": "/dev/video61", "locked": "rtsp://127.0.0.1:1/x"}
    more = "".join(f'[[camera]]\nname = "{name}"\nurl = "{url}"\ntask = "falling"\n' for name, url in rows.items())
    site = site_of(tmp_path, more + 'username = "gateway"\npassword_file = "secret"\n')
    secret.unlink()

    states = told(look_at_cameras(Session.of({"EDGEGUARD_SOCKET": str(tmp_path / "no")}), site, running=False))

    assert states == {"gives.film": "fine", "lost.gone": "wrong", "hidden.locked": "note"}


def test_what_a_daemon_sees_is_told_of_cameras_that_are_well(daemon: Desk, tmp_path: Path) -> None:
    site = site_of(tmp_path, '[[camera]]\nname = "gate-in"\nurl = "rtsp://127.0.0.1:1/x"\ntask = "plates"\n')
    session = Session.of({"EDGEGUARD_SOCKET": str(daemon.socket)})

    assert set(told(look_at_cameras(session, site, running=True)).values()) == {"fine"}


@pytest.mark.parametrize(("kernel", "codes"), [(True, ["clock", "synced"]), (False, ["unsynced"])])
def test_of_a_clock_that_is_not_synchronised_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: bool, codes: list[str]
) -> None:
    building = FakeBuilding()
    table = building.table()

    async def unsynced(call: Call) -> object:
        status = await table["status"](call)
        assert isinstance(status, StatusView)
        return replace(status, clock_synced=False)

    monkeypatch.setattr("edgeguard.runtime.clock.kernel_says_synced", lambda: kernel)
    site_of(tmp_path, "")
    with desk(building, {**table, "status": unsynced}) as here:
        printed = here.type("doctor", "--config", str(tmp_path / "site.toml"), "--json")
    assert [one["code"] for one in json.loads(printed.out)["findings"] if one["topic"] == "clock"] == codes


@pytest.mark.parametrize(("lang", "words"), [("en", "mend it, then"), ("zh", "改正后")])
def test_a_wrong_configuration_is_told_with_its_lines_and_the_rest_looked_at_all_the_same(
    daemon: Desk, tmp_path: Path, lang: str, words: str
) -> None:
    (tmp_path / "site.toml").write_text(TEXT.replace("max_size", "max_sizes"), encoding="utf-8")
    printed = daemon.type("doctor", "--config", str(tmp_path / "site.toml"), lang=lang, width=200)
    assert printed.code == 1
    assert "site.toml:7: store.max_sizes" in printed.out
    assert words in printed.out
    assert "plate_reader" in printed.out
