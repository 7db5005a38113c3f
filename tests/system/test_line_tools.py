"""The tools of a technician on a real line: the daemon polls three protocols on one pair, and trace, pcap, listening, capture,
replay and the flight recorder tell what passes there and what is wrong with it."""

import json
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from harness import Running, consumer, daemon, free_port, listens, mosquitto, process, site_text, subscribe, wait_for
from simulated_line import SimulatedLine, simulated

from edgeguard.codec.dissect import Dissector
from edgeguard.codec.sighting import Form, Way
from edgeguard.core.line import LineSettings, Parity
from edgeguard.simulator.faults import Kind

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

T = TypeVar("T")
LINE = LineSettings(9600, Parity.EVEN)
FLAT, WATER = "000000000101", "1078330012345678"
DEVICES = (
    """
[[bus]]
name = "riser"
port = "{port}"
baudrate = 9600
parity = "E"
""",
    """
[[device]]
name = "io"
bus = "riser"
profile = "eastron-sdm120"
address = 1
every = "250ms"
points = ["voltage", "energy_import"]
[[device]]
name = "flat"
bus = "riser"
profile = "generic-dlt645-2007-single"
address = "{flat}"
baudrate = 9600
parity = "E"
every = "1s"
points = ["voltage", "energy_import"]
[[device]]
name = "water"
bus = "riser"
profile = "generic-cjt188-water"
address = "{water}"
baudrate = 9600
parity = "E"
every = "1s"
""",
)
NAMES = {"io": "1", "flat": FLAT, "water": WATER}


@dataclass
class Site:
    """The daemon, the line it polls, and the folder of both."""

    running: Running
    line: SimulatedLine
    folder: Path

    def tell(self, *words: str, code: int | None = 0) -> str:
        """What `edgeguard` prints for these words."""
        command = [sys.executable, "-m", "edgeguard", "--socket", f"{self.folder}/control.sock", "--lang", "en", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert code is None or done.returncode == code, f"{words}: {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def finding(self, code: str, *words: str) -> dict[str, Any]:
        """The finding of a trace, which comes sooner or later."""
        found: list[dict[str, Any]] = []

        def has_come() -> bool:
            told = json.loads(self.tell("trace", *words, "--json", code=None).splitlines()[-1])
            found[:] = [finding for finding in told["findings"] if finding["code"] == code]
            return bool(found)

        wait_for(has_come, f"the finding {code}", 60)
        return found[0]

    def event(self, code: str, about: str = "") -> dict[str, Any]:
        """The health event with this code and word, as it comes to a subscriber of the broker."""
        found: list[dict[str, Any]] = []

        def has_come() -> bool:
            items = consumer(self.folder).stream("events")
            found[:] = [item for item in items if item["type"] == "health" and not item["ok"]]
            found[:] = [item for item in found if item.get("code") == code and about in str(item["text"])]
            return bool(found)

        wait_for(has_come, f"the event {code}", 60)
        return found[0]

    def are_online(self, *names: str) -> bool:
        """Whether these devices answer, with values."""
        views = self.running.ask("devices")
        assert isinstance(views, list)
        return {view["name"] for view in views if view["state"] in ("online", "degraded")} >= set(names)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("line")
    bus, devices = DEVICES
    port = free_port()
    text = site_text(folder, port, {}, bus.format(port=folder / "pty" / "riser") + devices.format(flat=FLAT, water=WATER))
    (folder / "site.toml").write_text(text, encoding="utf-8")
    with (
        mosquitto(folder, port),
        subscribe(folder, port),
        simulated(folder / "site.toml", folder / "pty") as line,
        daemon(folder, text) as running,
    ):
        made = Site(running, line, folder)
        wait_for(lambda: made.are_online(*NAMES), "the three devices", 60)
        yield made


def records(pcap: bytes) -> list[bytes]:
    """The packets of a capture file, each with the length that its header says."""
    magic, _, _, _, _, snap, link = struct.unpack_from("<IHHiIII", pcap)
    assert (magic, link) == (0xA1B23C4D, 252)
    found, at = [], 24
    while at < len(pcap):
        _, nanoseconds, kept, whole = struct.unpack_from("<IIII", pcap, at)
        assert nanoseconds < 1_000_000_000
        assert kept == whole <= snap
        found.append(pcap[at + 16 : at + 16 + kept])
        at += 16 + kept
    assert at == len(pcap)
    return found


def undisturbed(trace: Callable[[int], T], is_well: Callable[[T], bool]) -> T:
    """The first trace of which that is true, or the fifth: while a machine stands still answers are late, and are told as that."""
    for turn in range(5):
        told = trace(turn)
        if is_well(told):
            break
    return told


def is_sound(lines: list[dict[str, Any]]) -> bool:
    """Whether all three stations have answered at once, and nothing was wrong."""
    stations = lines[-1]["summary"]["stations"]
    quick = [station["station"] for station in stations if 0 < (station["response_p95_s"] or 0) < 1]
    return set(quick) == set(NAMES.values()) and not lines[-1]["findings"]


def test_a_trace_shows_three_protocols_with_times_and_how_well_each_station_is(site: Site, tmp_path: Path) -> None:
    def trace(turn: int) -> tuple[Path, list[dict[str, Any]]]:
        file = tmp_path / f"{turn}.pcap"
        told = site.tell("trace", "riser", "--seconds", "4", "--pcap", str(file), "--json", code=None)
        return file, [json.loads(line) for line in told.splitlines()]

    file, lines = undisturbed(trace, lambda told: is_sound(told[1]))
    frames, told = lines[:-1], lines[-1]
    printed = undisturbed(
        lambda _: site.tell("trace", "riser", "--seconds", "4", code=None), lambda told: "nothing is wrong with the line" in told
    )

    assert {frame["form"] for frame in frames} == {"rtu", "dlt645", "cjt188"}
    answers = [frame for frame in frames if frame["sort"] == "answer" and frame["response_ms"] is not None]
    assert {frame["station"] for frame in answers} == {1, FLAT, WATER}
    assert all(frame["gap_ms"] >= 0 for frame in frames[1:])
    stations = {station["station"]: station for station in told["summary"]["stations"]}
    assert stations.keys() == set(NAMES.values())
    assert all(0 < station["response_p50_s"] <= station["response_p95_s"] < 1 for station in stations.values())
    assert told["findings"] == []
    assert all(f"{name}:{station}" in printed for name, station in NAMES.items())
    assert "nothing is wrong with the line" in printed

    packets = records(file.read_bytes())
    assert [packet.hex().endswith(frame["hex"]) for packet, frame in zip(packets, frames, strict=True)] == [True] * len(frames)
    if tshark := shutil.which("tshark"):
        fields = ("-T", "fields", "-e", "frame.protocols")
        done = subprocess.run([tshark, "-r", str(file), *fields], capture_output=True, text=True, timeout=60, check=False)
        read = done.stdout.splitlines()
        assert len(read) == len(packets), done.stderr
        modbus = sum(frame["form"] == "rtu" for frame in frames)
        assert sum("mbrtu" in protocols or "modbus" in protocols for protocols in read) == modbus


def test_who_only_listens_hears_the_same_and_with_a_wrong_parity_is_told_so(site: Site) -> None:
    right, wrong = site.line.ear("riser", LINE), site.line.ear("riser", LineSettings(9600, Parity.NONE))

    def listen(_: int) -> str:
        return site.tell("trace", "--port", right, "--baud", "9600", "--parity", "E", "--seconds", "4", "--json", code=None)

    heard = undisturbed(listen, lambda told: is_sound([json.loads(told.splitlines()[-1])]))
    finding = site.finding("wrong-settings", "--port", wrong, "--baud", "9600", "--parity", "N", "--seconds", "4")

    told = json.loads(heard.splitlines()[-1])
    stations = {station["station"]: station for station in told["summary"]["stations"]}
    assert stations.keys() == set(NAMES.values())
    assert all(station["answers"] > 0 for station in stations.values())
    assert told["findings"] == []
    assert finding["text"]["en"] == "wrong baud rate or parity"


def test_a_recording_of_three_protocols_is_served_again_without_what_tells_whose_it_was(site: Site, tmp_path: Path) -> None:
    file, port = tmp_path / "riser.json", free_port()
    site.tell("capture", "riser", "--seconds", "5", "-o", str(file))
    before = values(site.running)

    text = file.read_text(encoding="utf-8")
    wire = Dissector(network=False, character_s=LINE.character_s)
    frames = json.loads(text)["frames"]
    seen = [one for n, frame in enumerate(frames) for one in wire.feed(float(n), bytes.fromhex(frame["hex"]), Way.LINE)]
    (flat,) = {str(one.station) for one in seen if one.form is Form.DLT645}
    (water,) = {str(one.station) for one in seen if one.form is Form.CJT188}
    assert (flat != FLAT, water != WATER) == (True, True)
    assert FLAT not in text

    with process([sys.executable, "-m", "edgeguard", "replay", str(file), "--tcp", f"127.0.0.1:{port}"], tmp_path / "replay.log"):
        wait_for(lambda: listens(port), "the replay")
        bus = f'[[bus]]\nname = "riser"\nurl = "rtu+tcp://127.0.0.1:{port}"\n'
        devices = DEVICES[1].format(flat=flat, water=water).replace('baudrate = 9600\nparity = "E"\n', "")
        with daemon(tmp_path, site_text(tmp_path, None, {}, bus + devices)) as second:
            wait_for(lambda: all(value is not None for value in values(second).values()), "values of the replay", 60)
            assert values(second) == pytest.approx(before, rel=0.05)


def values(running: Running) -> dict[str, float | None]:
    """A value of each device that hardly changes."""
    views = running.ask("points")
    assert isinstance(views, list)
    wanted = {("io", "energy_import"), ("flat", "voltage"), ("water", "volume")}
    return {view["device"]: view["value"] for view in views if (view["device"], view["point"]) in wanted}


def test_what_passed_before_a_device_fell_silent_is_kept_and_goes_out_with_the_event(site: Site) -> None:
    site.line.begin("water", Kind.DEAD)
    try:
        event = site.event("device-silent", "water")
        flights = json.loads(site.tell("bus", "riser", "--flight", "--json"))
        trace = site.tell("trace", "riser", "--last", "30", "--seconds", "1", code=None)
    finally:
        site.line.begin("water", Kind.WELL)

    assert (event["source"], event["text"]["en"]) == ("bus.riser", "device water has fallen silent")
    ways = [frame["way"] for frame in event["frames"]]
    assert {"out", "in"} <= set(ways)
    assert any(frame["text"]["en"].startswith(f"{WATER}: read data") and frame["hex"] for frame in event["frames"])
    assert any("timeout" in frame["text"]["en"] for frame in event["frames"])
    kept = [flight for flight in flights if (flight["code"], flight["device"]) == ("device-silent", "water")]
    rests = [iter([frame["hex"] for frame in flight["frames"]]) for flight in kept]
    assert any(all(frame["hex"] in rest for frame in event["frames"]) for rest in rests), (
        "frames of the event that are kept in another order, or not at all"
    )
    assert f"✗ water:{WATER} timeout" in trace
    wait_for(lambda: site.are_online("water"), "the meter again", 60)


def test_a_bad_cable_is_called_one(site: Site) -> None:
    site.line.begin("riser", Kind.NOISY)
    try:
        finding = site.finding("cable", "riser", "--last", "20", "--seconds", "1")
    finally:
        site.line.begin("riser", Kind.WELL)

    assert (finding["text"]["en"], "broken" in finding["evidence"]["en"]) == ("cable or termination", True)


def test_a_second_master_is_found_out(site: Site) -> None:
    site.line.begin("riser", Kind.FOREIGN_MASTER)
    try:
        finding = site.finding("two-masters", "riser", "--last", "5", "--seconds", "3")
        event = site.event("second-master")
        problems = json.loads(site.tell("status", "--json", code=1))["problems"]
    finally:
        site.line.begin("riser", Kind.WELL)

    assert finding["text"]["en"] == "two masters"
    assert event["frames"]
    rows = [problem["text"]["en"] for problem in problems if problem["code"] == "bus.riser"]
    assert len(rows) == 1
    assert "a second master asks on this bus" in rows[0]
