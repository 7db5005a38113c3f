"""`edgeguard scan`: what it shows and proposes, and files that stay right."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from cli_kit import desk

from edgeguard.cli.scan_file import place_in
from edgeguard.cli.scan_snippet import BusPlace, snippet
from edgeguard.config import load_site
from edgeguard.control import Call
from edgeguard.control.scan_views import ScanView
from edgeguard.core.line import LineSettings, Parity
from edgeguard.testing.handlers import FakeBuilding
from edgeguard.testing.scan_handlers import FakeScan

HEAD = '[gateway]\nsite = "lakeside"\nid = "b07"\n'
OWN = BusPlace("line-1", "port", "/dev/ttyUSB0", "", exists=False)


def scanned() -> ScanView:
    fake = FakeScan()
    fake.asked = 3
    return fake.view()


def test_a_scan_through_the_daemon_shows_devices_reasons_and_rows() -> None:
    with desk(FakeBuilding()) as here:
        printed = here.type("scan", "--bus", "riser-a")
    assert printed.code == 0
    for wanted in (
        "eastron-sdm630?",
        "70%",
        "voltage_l1 = 231.4 (usual: 180 … 260)",
        "000000000161",
        "heard something at modbus 9600 8N1 9",
        "2 devices, 3 of 3 questions",
        'profile = "eastron-sdm630"',
        "# compare with the display: eastron-sdm120 fits nearly as well",
    ):
        assert wanted in printed.out
    assert "[[bus]]" not in printed.out
    told = printed.err.splitlines()
    assert told == [
        "3 questions: about 20 s if nobody answers, and 1 s to 5 s for each device that does",
        "found modbus 9600 8N1 1: eastron-sdm630? 70%",
        "found dlt645 2400 8E1 000000000161: —",
    ]


def test_for_programs() -> None:
    with desk(FakeBuilding()) as here:
        printed = here.type("scan", "--bus", "riser-a", "--json")
    assert "found modbus 9600 8N1 1" in printed.err, "told while it goes on, beside the document"
    told = json.loads(printed.out)
    assert [found["address"] for found in told["scan"]["found"]] == ["1", "000000000161"]
    assert "[[device]]" in told["snippet"]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--bus", "a", "--port", "b"],
        ["--tcp", ":502"],
        ["--tcp", "h:x"],
        ["--tcp", "rtu+tcp://h"],
        ["--tcp", "tls://h"],
        ["--tcp", "rtu+tcp://h:8001", "--baud", "9600"],
        ["--tcp", "mqtt://h"],
        ["--port", "/dev/null", "--baud", "12"],
        ["--bus", "a", "--profiles", "x"],
    ],
)
def test_it_wants_one_wire_and_sensible_settings(words: list[str]) -> None:
    with desk(FakeBuilding()) as here:
        assert here.type("scan", *words).code == 2


def test_a_port_that_the_daemon_uses_is_left_alone() -> None:
    with desk(FakeBuilding()) as here:
        printed = here.type("scan", "--port", "/dev/edgeguard/rs485-riser-a")
    assert printed.code == 1
    assert "edgeguard scan --bus riser-a" in printed.err


def test_the_proposal_is_a_configuration_that_holds(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    view = scanned()
    other = replace(view.found[0], line="9600 8E1", address="2")
    twin = replace(view.found[0], line="19200 8N1")
    path.write_text(HEAD + snippet(replace(view, found=(*view.found, other, twin)), OWN), encoding="utf-8")
    site = load_site(path)
    assert (site.buses[0].name, site.buses[0].line) == ("line-1", LineSettings())
    assert [(device.name, device.address, device.line) for device in site.devices] == [
        ("electricity-meter-1", 1, None),
        ("electricity-meter-2", 2, LineSettings(9600, Parity.EVEN)),
        ("electricity-meter-1-2", 1, LineSettings(19200)),
    ]


def test_meters_get_rows_with_their_addresses_and_settings(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    view = scanned()
    none = view.found[0].scores[0]
    electric = replace(none, profile="generic-dlt645-2007-three", kind="electricity-meter")
    water = replace(none, profile="generic-cjt188-water", kind="water-meter")
    modbus = replace(view.found[0], line="9600 8N1")
    meters = (
        replace(view.found[1], protocol="dlt645", address="003411001043", line="2400 8E1", scores=(electric,), every_s=60.0),
        replace(view.found[1], protocol="cjt188", address="1000924040000018", line="2400 8E1", scores=(water,), every_s=900.0),
    )
    path.write_text(HEAD + snippet(replace(view, found=(modbus, *meters)), OWN), encoding="utf-8")
    site = load_site(path)
    assert site.buses[0].line == LineSettings(2400, Parity.EVEN)
    assert [(device.name, device.address, device.line) for device in site.devices] == [
        ("electricity-meter-1", 1, LineSettings(9600)),
        ("electricity-meter-3411001043", "003411001043", None),
        ("water-meter-1000924040000018", "1000924040000018", None),
    ]
    assert [device.profile.name for device in site.devices[1:]] == ["generic-dlt645-2007-three", "generic-cjt188-water"]


def test_rows_are_added_to_a_file_or_make_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    bus = '[[bus]]\nname = "riser-a"\nport = "/dev/edgeguard/rs485-riser-a"\nparity = "E"\n'
    row = '[[device]]\nname = "electricity-meter-1"\nbus = "riser-a"\naddress = 9\nprofile = "eastron-sdm120"\nevery = "2s"'
    path.write_text(HEAD + bus + row, encoding="utf-8")
    with desk(FakeBuilding()) as here:
        printed = here.type("scan", "--bus", "riser-a", "--write", str(path))
        assert printed.code == 0, printed.err
    assert [device.name for device in load_site(path).devices] == ["electricity-meter-1", "electricity-meter-1-2"]


def test_a_second_line_gets_a_name_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(HEAD + '[[bus]]\nname = "line-1"\nport = "/dev/ttyUSB7"\n', encoding="utf-8")

    assert place_in(path, OWN) == replace(OWN, name="line-2")
    assert place_in(tmp_path / "new.toml", OWN) == place_in(None, OWN) == OWN


@pytest.mark.parametrize(("key", "row", "where"), [("port", "/dev/ttyUSB0", ""), ("url", "tcp://H.lan", "tcp://h.lan:502")])
def test_a_wire_that_the_file_has_already_is_not_named_twice_nor_are_its_devices(
    tmp_path: Path, key: str, row: str, where: str
) -> None:
    path = tmp_path / "site.toml"
    meter = '[[device]]\nname = "shop"\nbus = "riser"\naddress = 1\nprofile = "eastron-sdm120"\nevery = "2s"\n'
    path.write_text(f'{HEAD}[[bus]]\nname = "riser"\n{key} = "{row}"\n{meter}', encoding="utf-8")

    place = place_in(path, replace(OWN, key=key, where=where or row))
    text = snippet(scanned(), place)

    assert (place.name, place.exists, place.configured) == ("riser", True, {"1": "shop"})
    assert "[[bus]]" not in text
    assert "# shop is in the configuration already; it answers at 9600 8N1\n" in text
    assert text.count("[[device]]") == 1


def test_a_configured_device_that_answers_at_other_settings_is_named_and_not_written_again(tmp_path: Path) -> None:
    async def silent(_: Call) -> ScanView:
        return replace(scanned(), ended="complete", found=(replace(scanned().found[0], configured="pump-1"),))

    path = tmp_path / "site.toml"
    path.write_text(HEAD, encoding="utf-8")
    with desk(handlers={**FakeBuilding().table(), "scan-start": silent}) as here:
        printed = here.type("scan", "--bus", "riser-a", "--write", str(path))
    assert (printed.code, path.read_text(encoding="utf-8")) == (0, HEAD)
    assert "pump-1 is in the configuration already; it answers at 9600 8N1" in printed.out
    assert "nothing new for" in printed.out


def test_a_file_that_would_become_wrong_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(HEAD, encoding="utf-8")
    with desk(FakeBuilding()) as here:
        printed = here.type("scan", "--bus", "riser-a", "--write", str(path))
        assert printed.code == 2
        assert 'there is no bus "riser-a"' in printed.err
        assert path.read_text(encoding="utf-8") == HEAD
        missing = tmp_path / "new.toml"
        assert here.type("scan", "--bus", "riser-a", "--write", str(missing)).code == 2
        assert not missing.exists()


def test_a_scan_that_finds_nothing_proposes_no_bus_either(tmp_path: Path) -> None:
    with desk(FakeBuilding()) as here:
        printed = here.type("scan", "--port", str(tmp_path / "gone"), "--units", "1")
    assert printed.code == 1
    assert "is the adapter plugged in?" in printed.out
    assert "[[bus]]" not in printed.out


def test_a_scan_that_has_nothing_to_ask_says_why() -> None:
    async def nothing(_: Call) -> ScanView:
        return replace(scanned(), questions=0, asked=0, found=(), noises=())

    with desk(handlers={**FakeBuilding().table(), "scan-start": nothing}) as here:
        printed = here.type("scan", "--bus", "riser-a", "--units", "3")
    assert printed.code == 1
    assert "what was chosen is in the configuration already" in printed.out


@pytest.mark.parametrize("name", ["no/site.toml", "junk.toml", "folder"])
def test_a_file_that_cannot_be_added_to_is_told_before_anything_is_asked(tmp_path: Path, name: str) -> None:
    (tmp_path / "junk.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "folder").mkdir()
    building = FakeBuilding()
    with desk(building) as here:
        printed = here.type("scan", "--bus", "riser-a", "--write", str(tmp_path / name), width=300)
    assert (printed.code, "cannot be" in printed.err, printed.out) == (2, True, "")
    assert "Traceback" not in printed.err
