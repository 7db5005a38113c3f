"""Commands as a technician types them: what they print, what they return, in both languages and for programs."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cli_kit import Desk, desk
from rich.cells import cell_len

from edgeguard.cli.session import LATER
from edgeguard.control import Call, Handler
from edgeguard.control.views import LabelsView, WritesView, WriteView
from edgeguard.core.errors import ConfigError, EdgeguardError
from edgeguard.testing.handlers import FakeBuilding


@pytest.fixture
def here() -> Iterator[Desk]:
    with desk() as made:
        yield made


@pytest.fixture
def healthy() -> Iterator[Desk]:
    building = FakeBuilding()
    building.healthy = True
    with desk(building) as made:
        yield made


def answering(result: object) -> Handler:
    async def handler(_call: Call) -> object:
        if isinstance(result, EdgeguardError):
            raise result
        return result

    return handler


READING = [
    ["status"],
    ["devices"],
    ["points"],
    ["points", "pump-1"],
    ["alarms"],
    ["alarms", "--all"],
    ["outbox"],
    ["read", "pump-1"],
    ["top"],
]


@pytest.mark.parametrize("words", READING, ids=" ".join)
@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("width", [80, 160])
def test_no_line_is_wider_than_the_terminal(here: Desk, words: list[str], lang: str, width: int) -> None:
    printed = here.type(*words, lang=lang, width=width)

    assert printed.out
    assert max(cell_len(line) for line in printed.out.splitlines()) <= width


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_json_is_one_document_in_a_line(here: Desk, words: list[str]) -> None:
    printed = here.type(*words, "--json", *(["--count", "1"] if words == ["top"] else []))

    assert len(printed.out.splitlines()) == 1
    assert json.loads(printed.out)


def test_status_names_what_is_wrong_first_and_exits_1(here: Desk) -> None:
    printed = here.type("status", width=80)
    lines = printed.out.splitlines()

    assert printed.code == 1
    assert "lakeside/b07" in lines[0]
    assert lines[2].startswith("✗ critical alarm pump-1.dry-run")
    assert "edgeguard trace riser-b" in printed.out
    assert "5 of 6 answer" in printed.out


def test_status_of_a_healthy_gateway_exits_0(healthy: Desk) -> None:
    printed = healthy.type("status")

    assert printed.code == 0
    assert "all is well" in printed.out


def test_status_for_programs_is_the_view_and_the_problems(here: Desk) -> None:
    printed = here.type("status", "--json")
    told = json.loads(printed.out)

    assert printed.code == 1
    assert (told["site"], told["gateway"], told["config_sha256"][:4]) == ("lakeside", "b07", "9b74")
    assert [problem["code"] for problem in told["problems"]][:3] == ["alarm.pump-1.dry-run", "bus.riser-b", "device.fan-2"]


def test_devices(here: Desk) -> None:
    printed = here.type("devices", width=80)

    assert printed.code == 0
    assert "fan-2       offline" in printed.out
    assert "745 (1.4 %)" in printed.out
    assert "lift-2.load: refused" in printed.out


def test_points_show_quality_in_words(here: Desk) -> None:
    printed = here.type("points", "fan-2")

    assert "bad: timeout" in printed.out
    assert "fan-2.frequency ✎" in printed.out
    assert "pump-1" not in printed.out


def test_labels_and_enumerations_follow_the_language(here: Desk) -> None:
    assert "自动" in here.type("points", "pump-1", lang="zh").out
    assert "压力设定" in here.type("--lang", "zh", "points", "pump-1").out
    assert "Pressure setpoint" in here.type("points", "pump-1", "--lang", "en", lang="zh").out


def test_alarms_are_sorted_and_tell_how_to_acknowledge(here: Desk) -> None:
    printed = here.type("alarms")

    places = [printed.out.index(name) for name in ("pump-1.dry-run", "fan-2.comms-lost", "lift-1.door-blocked")]
    assert places == sorted(places)
    assert "edgeguard ack ALARM" in printed.out
    assert "over-voltage" not in printed.out
    assert "over-voltage" in here.type("alarms", "--all").out


def test_an_alarm_is_shelved_for_a_time_and_a_reason_and_taken_out_of_service(here: Desk) -> None:
    told = here.type("shelve", "pump-1.dry-run", "--for", "2h", "--reason", "painting the pit").out
    assert "pump-1.dry-run: shelved (beneath: active, " in told
    assert "painting the pit, until" in told
    assert here.type("shelve", "pump-1.dry-run", "--reason", "x").code == 2
    assert here.type("shelve", "pump-1.dry-run", "--for", "2h").code == 2
    assert "pump-1.dry-run: active" in here.type("unshelve", "pump-1.dry-run").out
    assert "out of service" in here.type("out-of-service", "fan-2.comms-lost", "--reason", "rewired").out
    assert "fan-2.comms-lost: active" in here.type("in-service", "fan-2.comms-lost").out
    shown = json.loads(here.type("shelve", "pump-1.dry-run", "--for", "2h", "--reason", "r", "--json").out)
    assert (shown["state"], shown["beneath"], shown["reason"]) == ("shelved", "active", "r")


def test_an_alarm_is_acknowledged(here: Desk) -> None:
    assert "fan-2.comms-lost: acked" in here.type("ack", "fan-2.comms-lost").out
    assert "pump-1.dry-run: acked" in here.type("alarms", "--ack", "pump-1.dry-run").out
    refused = here.type("alarms", "--ack", "pump-1.nix")
    assert (refused.code, refused.err) == (2, "edgeguard: there is no alarm pump-1.nix\n")


def test_no_alarms(healthy: Desk) -> None:
    assert "no alarms" in healthy.type("alarms").out


def test_read_exits_1_when_a_value_is_not_good(here: Desk) -> None:
    assert here.type("read", "pump-1.pressure", "pump-1.flow").code == 0
    assert here.type("read", "pump-1.pressure", "fan-2").code == 1
    assert here.type("read", "pump-1.nix").code == 2


def test_write_shows_what_it_would_do_and_does_it_when_told_to(here: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeguard.cli.wire.somebody_is_here", lambda: True)

    printed = here.type("write", "pump-1.setpoint", "4.25", answer="y\n")

    assert printed.code == 0
    for wanted in ("Pressure setpoint", "3.50 bar", "4.25 bar", "1 … 6 bar", "Write this?", "✓ pump-1.setpoint = 4.25 bar"):
        assert wanted in printed.out
    assert "4.25" in here.type("points", "pump-1").out


def test_write_does_nothing_when_told_not_to(here: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeguard.cli.wire.somebody_is_here", lambda: True)

    for answer in ("n\n", "\n"):
        printed = here.type("write", "pump-1.setpoint", "4.25", answer=answer)
        assert printed.code == 1
        assert "nothing was written" in printed.out
    assert "4.25" not in here.type("points", "pump-1").out


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["pump-1.setpoint", "4"], 2, "--yes writes without asking"),
        (["pump-1.setpoint", "4", "--json"], 2, "--yes writes without asking"),
        (["pump-1", "4", "--yes"], 2, "is not DEVICE.POINT"),
        (["pump-1.setpoint", "6.1", "--yes"], 1, "6.1 is outside 1 … 6 bar"),
        (["pump-1.setpoint", "-2", "--yes"], 1, "-2 is outside"),
        (["pump-1.setpoint", "much", "--yes"], 1, "'much' is not a number"),
        (["pump-1.setpoint", "nan", "--yes"], 1, "'nan' is not a number"),
        (["pump-1.setpoint", "inf", "--yes"], 1, "'inf' is not a number"),
        (["pump-1.mode", "turbo", "--yes"], 1, "not one of auto, manual, off"),
        (["pump-1.flow", "3", "--yes"], 1, "read-only"),
        (["pump-1.nix", "3", "--yes"], 2, "edgeguard points pump-1"),
        (["nix.nix", "3", "--yes"], 2, "there is no device nix"),
        (["fan-2.frequency", "30", "--yes"], 1, "could not be read back"),
    ],
)
def test_write_refuses(here: Desk, words: list[str], code: int, told: str) -> None:
    printed = here.type("write", *words)

    assert printed.code == code
    assert told in printed.err
    assert "Traceback" not in printed.err


def test_write_for_programs(here: Desk) -> None:
    printed = here.type("write", "pump-1.mode", "manual", "--yes", "--json")

    assert printed.code == 0
    assert json.loads(printed.out)["read_back"] == "manual"


def test_several_writes_are_one_command_and_each_is_told(here: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeguard.cli.wire.somebody_is_here", lambda: True)

    printed = here.type("write", "pump-1.setpoint=4.25", "pump-1.mode=manual", answer="y\n")

    assert printed.code == 0
    for wanted in ("3.50 bar", "4.25 bar", "✓ pump-1.setpoint = 4.25 bar", "✓ pump-1.mode = manual", "→ done"):
        assert wanted in printed.out
    assert printed.out.count("Write this?") == 1


def test_of_several_writes_what_was_not_done_is_named() -> None:
    building = FakeBuilding()
    writes = (
        WriteView("pump-1", "setpoint", 4.0, 4.0, True, "", 12.0),
        WriteView("pump-1", "mode", "off", None, False, "the interlock requires tank.level > 1", 12.0, "refused"),
    )
    with desk(building, {**building.table(), "write-several": answering(WritesView("half-done", writes))}) as made:
        printed = made.type("write", "pump-1.setpoint=4", "pump-1.mode=off", "--yes")
        assert printed.code == 1
        assert "✗ pump-1.mode = off: refused; the interlock requires tank.level > 1" in printed.out
        assert "→ half done" in printed.out
        programs = made.type("write", "pump-1.setpoint=4", "pump-1.mode=off", "--yes", "--json")
        assert [write["fate"] for write in json.loads(programs.out)["writes"]] == ["done", "refused"]


def test_of_several_writes_each_has_its_value(here: Desk) -> None:
    printed = here.type("write", "pump-1.setpoint=4", "pump-1.mode", "--yes")
    assert printed.code == 2
    assert "'pump-1.mode' has no value" in printed.err


def test_a_write_that_is_not_seen_exits_1() -> None:
    building = FakeBuilding()
    done = WriteView("pump-1", "setpoint", 4.0, 3.5, False, "the device keeps 3.5", 12.0)
    with desk(building, {**building.table(), "write": answering(done)}) as made:
        printed = made.type("write", "pump-1.setpoint", "4", "--yes")

    assert printed.code == 1
    assert "✗ pump-1.setpoint" in printed.out
    assert "the device keeps 3.5" in printed.out


def test_names_from_the_bus_cannot_paint_the_terminal() -> None:
    building = FakeBuilding()
    labels = LabelsView("\x1b[2J\u202e", "\x1b[31mred\x07[bold]x[/bold]")
    devices = tuple(replace(view, labels=labels, profile="a\x1bb") for view in building.devices())
    points = tuple(replace(view, labels=labels, value="\x1b]0;title\x07", quality="\x1b[5m") for view in building.points())
    handlers = {**building.table(), "devices": answering(devices), "points": answering(points)}
    with desk(building, handlers) as made:
        for words in (["devices"], ["points"], ["points", "--json"], ["devices", "--json"]):
            printed = made.type(*words, width=200)
            assert printed.out.replace("\n", "").isprintable()
    assert json.loads(printed.out)[0]["labels"] == {"zh": labels.zh, "en": labels.en}


def test_an_error_of_the_store_exits_1() -> None:
    building = FakeBuilding()
    with desk(building, {"outbox": answering(replace(building.outbox(), error="disk full", dropped=3))}) as made:
        printed = made.type("outbox")

    assert printed.code == 1
    assert "disk full" in printed.out
    assert "3 items dropped" in printed.out


def test_a_daemon_that_is_not_there_is_code_3(tmp_path: Path) -> None:
    absent = Desk(tmp_path / "none.sock", FakeBuilding())
    for words in READING:
        printed = absent.type(*words)
        assert printed.code == 3
        assert "systemctl start edgeguard" in printed.err
    told = absent.type("status", "--json")
    assert (told.code, json.loads(told.out)["error"]["code"]) == (3, "daemon-silent")


def test_the_socket_is_named_before_or_behind_the_command(here: Desk, tmp_path: Path) -> None:
    elsewhere = Desk(tmp_path / "none.sock", here.building)

    assert elsewhere.type("--socket", str(here.socket), "devices").code == 0
    assert elsewhere.type("devices", "--socket", str(here.socket)).code == 0
    assert json.loads(elsewhere.type("--socket", str(here.socket), "--json", "devices").out)


@pytest.mark.parametrize(
    "words",
    [["nix"], ["points", "a", "b"], ["read"], ["write", "x"], ["--lang", "de", "status"], ["top", "-i", "0"], ["top", "-i", "60"]],
    ids=" ".join,
)
def test_bad_usage_is_code_2(here: Desk, words: list[str]) -> None:
    assert here.type(*words).code == 2


def test_top_without_a_terminal_prints_pictures(here: Desk) -> None:
    printed = here.type("top", "--count", "2", "--interval", "0.2", width=100)

    assert printed.code == 0
    assert printed.out.count("lakeside/b07") == 2
    assert "\x1b" not in printed.out


@pytest.mark.slow
def test_top_asks_a_large_building_only_for_what_it_shows() -> None:
    building = FakeBuilding(extra_devices=2100)
    with desk(building) as made:
        told = json.loads(made.type("top", "--json", "--count", "1").out)

    assert len(told["devices"]) == 2106
    assert 0 < len({point["device"] for point in told["points"]}) <= 16


def test_reload_says_what_is_in_force(here: Desk) -> None:
    printed = here.type("reload")
    assert (printed.code, printed.err) == (0, "")
    assert "the configuration is in force  9b74" in printed.out
    assert json.loads(here.type("reload", "--json").out)["config_sha256"].startswith("9b74")


def test_a_refused_reload_names_every_mistake_and_exits_2() -> None:
    mistakes = ("site.toml:3: gateway.id: is missing", "site.toml:9: bus[0].url: is missing")
    building = FakeBuilding()
    with desk(building, {**building.table(), "reload": answering(ConfigError(mistakes))}) as there:
        printed = there.type("reload")
        told = there.type("reload", "--json")
    assert (printed.code, printed.out) == (2, "")
    assert printed.err.splitlines() == list(mistakes)
    assert told.code == 2
    assert json.loads(told.out)["error"] == {"code": "config-error", "message": "\n".join(mistakes)}


def test_status_counts_alarms_by_state(here: Desk) -> None:
    here.type("alarms", "--ack", "pump-1.dry-run")
    assert re.search(r"alarms +1 active, 2 acked \(1 critical\)", here.type("status").out)


@pytest.mark.parametrize("name", LATER)
def test_a_command_of_a_later_version_says_so(here: Desk, name: str) -> None:
    printed = here.type(name)
    assert printed.code == 2
    assert f"there is no {name} in this version" in printed.err


def test_a_mistyped_command_names_the_nearest(here: Desk) -> None:
    printed = here.type("statsu")
    assert printed.code == 2
    assert "Did you mean" in printed.err
    assert "status" in printed.err
