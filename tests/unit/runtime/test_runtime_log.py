"""The log: a line per event, whatever the text in it, and never a reason to stop."""

import io
import json
import sys
from collections.abc import Iterator

import pytest
import structlog

from edgeguard.core.site import LogSpec
from edgeguard.runtime.log import configure_log

HOSTILE = 'a\nb\r\x1b[31mred\x1b[0m\u2028c"d\\\x00\x7f\x9b\ud800电梯'


class Broken(io.StringIO):
    """A standard error that nobody reads any more."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log(LogSpec(format="json"))
    log = structlog.get_logger()
    log.info("bus.opened", bus="riser-a")
    log.warning("device.silent", device="pump-1", fault=object())
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (first["event"], first["level"], first["bus"]) == ("bus.opened", "info", "riser-a")
    assert first["at"].endswith("Z")
    assert (second["event"], second["level"]) == ("device.silent", "warning")


def test_hostile_text_stays_within_its_json_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log(LogSpec(format="json"))
    structlog.get_logger().info("uplink.refused", reason=HOSTILE)
    written = capsys.readouterr().err
    assert written.isascii()
    assert written.endswith("\n")
    assert written[:-1].isprintable()
    assert json.loads(written)["reason"] == HOSTILE


def test_hostile_text_does_not_command_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log(LogSpec(format="human"))
    structlog.get_logger().info("uplink.refused", reason=HOSTILE)
    line, end, rest = capsys.readouterr().err.partition("\n")
    assert (end, rest) == ("\n", "")
    assert line.isprintable()
    assert "电梯" in line


def test_a_traceback_is_part_of_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log(LogSpec(format="json"))
    structlog.get_logger().error("child.failed", exc_info=ZeroDivisionError("x"))
    (line,) = capsys.readouterr().err.splitlines()
    assert "ZeroDivisionError" in json.loads(line)["exception"]


def test_a_traceback_is_readable_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log(LogSpec(format="human"))
    structlog.get_logger().error("child.failed", exc_info=ZeroDivisionError("x"))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 1
    assert lines[-1] == "ZeroDivisionError: x"


@pytest.mark.parametrize("format_", ["json", "human", "auto"])
@pytest.mark.parametrize("closed", [False, True], ids=["broken pipe", "closed"])
def test_a_standard_error_that_is_gone_stops_nothing(format_: str, closed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO() if closed else Broken()
    if closed:
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    configure_log(LogSpec(format=format_))
    structlog.get_logger().error("daemon.failed", error="x")


@pytest.mark.parametrize("format_", ["auto", "json"])
def test_no_standard_error_at_all_stops_nothing(format_: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    configure_log(LogSpec(format=format_))
    structlog.get_logger().error("daemon.failed", error="x")


def test_below_the_level_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log(LogSpec(level="warning", format="json"))
    log = structlog.get_logger()
    log.info("a.b")
    log.debug("a.b")
    assert capsys.readouterr().err == ""
    log.warning("a.b")
    assert capsys.readouterr().err != ""


def test_auto_is_json_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log(LogSpec())
    structlog.get_logger().info("a.b")
    assert json.loads(capsys.readouterr().err)["event"] == "a.b"


def test_a_new_level_holds_for_loggers_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log(LogSpec(level="error", format="json"))
    log = structlog.get_logger()
    log.info("a.b")
    configure_log(LogSpec(level="debug", format="json"))
    log.debug("c.d")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["c.d"]
