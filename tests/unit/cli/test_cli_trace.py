"""`trace`: what a technician sees of a bus of the daemon, for programs and for Wireshark, and of a port with another master."""

import json
import os
import pty
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli_kit import Desk, desk
from typer import BadParameter

from edgeguard.cli.output import console
from edgeguard.cli.session import Lang
from edgeguard.cli.trace import show_summary
from edgeguard.cli.wire_source import PortChoice, WireFacts, listen_to_port
from edgeguard.codec.rtu import crc16
from edgeguard.codec.sighting import Way
from edgeguard.core.errors import Permanent
from edgeguard.core.line_figures import LineFigures, StationFigures
from edgeguard.testing.handlers import FakeBuilding


@pytest.fixture
def here() -> Iterator[Desk]:
    with desk() as made:
        yield made


def test_frames_are_told_in_words_with_names_and_response_times(here: Desk) -> None:
    printed = here.type("trace", "riser-b", "--count", "4", width=160)
    lines = printed.out.splitlines()

    assert lines[0] == "! the bus has no connection: no such device; next attempt in 1.0 s"
    assert "→ pump-1:3 read holding 16..17" in lines[1]
    assert "← pump-1:3 read holding 16..17 = 17255 0" in lines[2]
    assert "ms" in lines[2]
    assert "✗ fan-2:7 timeout: no answer within 1 s" in lines[4]
    assert any("pump-1:3" in line and "read holding 16..17" in line for line in lines[6:])
    assert printed.code == 0


def test_a_device_is_chosen_by_name_or_address(here: Desk) -> None:
    for device in ("fan-2", "7"):
        printed = here.type("trace", "riser-b", "--device", device, "--count", "2")
        shown = [line for line in printed.out.splitlines() if "→" in line or "←" in line or "✗" in line]
        assert shown
        assert all("fan-2:7" in line for line in shown)


def test_json_is_a_line_for_each_frame_and_one_for_the_summary(here: Desk) -> None:
    lines = [json.loads(line) for line in here.type("trace", "riser-b", "--count", "4", "--json").out.splitlines()]

    assert [line.get("sort") for line in lines[:4]] == ["request", "answer", "request", "failed"]
    assert lines[1]["response_ms"] == pytest.approx(30, abs=2)
    assert lines[4]["summary"]["stations"][0]["station"] == "3"
    assert lines[4]["findings"] == []


def test_bytes_are_shown_when_asked_for(here: Desk) -> None:
    assert "03 03 00 10 00 02 C4 2C" in here.type("trace", "riser-b", "--count", "1", "--raw").out


def test_a_file_for_wireshark_is_written_beside(here: Desk, tmp_path: Path) -> None:
    file = tmp_path / "wire.pcap"

    assert here.type("trace", "riser-b", "--count", "4", "--pcap", str(file)).code == 0

    data = file.read_bytes()
    assert data[:4] == bytes.fromhex("4d3cb2a1")
    assert data.count(b"mbrtu") == 3


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["riser-b", "--port", "/dev/ttyUSB0"],
        ["cellar"],
        ["riser-b", "--pcap", "/nonexistent/x"],
        ["riser-b", "--device", "nope"],
        ["riser-b", "--device", "no-such"],
        ["--port", "/dev/null", "--parity", "X"],
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_bad_usage(here: Desk, words: list[str]) -> None:
    assert here.type("trace", *words, "--count", "1").code == 2


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (LineFigures(60.0, (StationFigures("3", "rtu", 100, 100),), 900), "✓ nothing is wrong with the line"),
        (
            LineFigures(20.0, (StationFigures("3", "rtu", 100, 100), StationFigures("9", "rtu", 1)), 900),
            "! nothing was heard of 9: what is silent is asked seldom",
        ),
        (LineFigures(60.0, (StationFigures("3", "rtu", 100, 99, 0, 1),), 900), "! 1 without an answer, 0 broken"),
        (LineFigures(60.0, (StationFigures("3", "rtu", 100, 99, 0, 1, 1),), 900, broken=1), "! 1 without an answer, 1 broken"),
    ],
)
def test_a_line_is_called_well_only_if_nothing_went_wrong(line: LineFigures, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    show_summary(console(), line, (), {}, Lang.EN)

    assert told in capsys.readouterr().out


def test_a_bus_on_which_nothing_passes_is_not_called_well(here: Desk) -> None:
    here.building.lines.records = ()

    unplugged = here.type("trace", "riser-b", "--seconds", "0.2")
    idle = here.type("trace", "riser-a", "--seconds", "0.2", lang="zh")
    told = json.loads(here.type("trace", "riser-b", "--seconds", "0.2", "--json").out.splitlines()[-1])

    assert (unplugged.code, idle.code) == (1, 1)
    assert "✗ the bus has no connection: no such device" in unplugged.out
    assert "没有任何报文" in idle.out
    assert [finding["code"] for finding in told["findings"]] == ["no-connection"]


def test_without_a_daemon_it_says_so() -> None:
    assert Desk(Path("/nonexistent"), FakeBuilding()).type("trace", "riser-b").code == 3


class Notes:
    """A hearer that only notes, and has enough after so many bytes."""

    def __init__(self, enough: int, when_open: Callable[[], object] = lambda: None) -> None:
        self.facts: WireFacts | None = None
        self.data = b""
        self._enough = enough
        self._when_open = when_open

    @property
    def is_enough(self) -> bool:
        return len(self.data) >= self._enough

    def begin(self, facts: WireFacts) -> None:
        self.facts = facts
        self._when_open()

    def heard(self, _at_s: float, data: bytes, way: Way) -> None:
        assert way is Way.LINE
        self.data += data

    def failed(self, _at_s: float, _text: str) -> None:
        raise AssertionError

    def missed(self, _count: int) -> None:
        raise AssertionError


@pytest.fixture
def terminal() -> Iterator[tuple[int, Path]]:
    far, near = pty.openpty()
    tty.setraw(far)
    path = Path(os.ttyname(near))
    os.close(near)
    yield far, path
    os.close(far)


READ = bytes.fromhex("030300100002")
FRAME = READ + crc16(READ).to_bytes(2, "little")


def test_a_port_is_listened_to_and_never_written_to(terminal: tuple[int, Path]) -> None:
    far, path = terminal
    notes = Notes(2 * len(FRAME), lambda: os.write(far, FRAME + FRAME))

    listen_to_port(PortChoice.of(path, 9600, "e", 1), notes, 20.0)

    assert notes.data == FRAME + FRAME
    assert notes.facts is not None
    assert notes.facts.passive
    assert notes.facts.line == "9600 8E1"
    os.set_blocking(far, False)
    with pytest.raises((BlockingIOError, OSError)):
        os.read(far, 1)


class _Unplugs(Notes):
    """Closes the far end once the first bytes have come."""

    def __init__(self, far: int) -> None:
        super().__init__(1000, lambda: os.write(far, FRAME))
        self._far = far

    def heard(self, at_s: float, data: bytes, way: Way) -> None:
        super().heard(at_s, data, way)
        if data:
            os.close(self._far)


def test_what_was_heard_before_the_adapter_was_pulled_is_not_lost(capsys: pytest.CaptureFixture[str]) -> None:
    far, near = pty.openpty()
    tty.setraw(far)
    path = Path(os.ttyname(near))
    os.close(near)
    notes = _Unplugs(far)

    listen_to_port(PortChoice.of(path, 9600, "N", 1), notes, 20.0)

    assert notes.data == FRAME
    assert "was the adapter pulled?" in capsys.readouterr().err


def test_a_port_that_is_not_there_is_said_in_words() -> None:
    with pytest.raises(Permanent, match="is not there"):
        listen_to_port(PortChoice.of(Path("/dev/edgeguard/none"), 9600, "N", 1), Notes(1), 0.1)
    with pytest.raises(BadParameter):
        PortChoice.of(Path("/dev/null"), 9600, "Q", 1)
