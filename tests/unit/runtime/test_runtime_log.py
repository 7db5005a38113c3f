"""The log: a line per event, whatever the text in it, and never a reason to stop."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from edgeguard.core.site import LogSpec
from edgeguard.runtime.library_words import LibraryWords
from edgeguard.runtime.log import configure_log

HOSTILE = 'a\nb\r\x1b[31mred\x1b[0m\u2028c"d\\\x00\x7f\x9b\ud800电梯'


class Broken(io.StringIO):
    """A standard error that nobody reads any more."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before, handlers = structlog.get_config(), list(logging.getLogger().handlers)
    yield
    structlog.configure(**before)
    logging.getLogger().handlers[:] = handlers


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log(LogSpec(format="json"))
    log = structlog.get_logger()
    log.info("bus.opened", bus="riser-a")
    log.warning("device.silent", device="pump-1", fault=object())
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (first["event"], first["level"], first["bus"]) == ("bus.opened", "info", "riser-a")
    assert first["at"].endswith("Z")
    assert (second["event"], second["level"]) == ("device.silent", "warning")


def test_no_line_holds_a_plate(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log(LogSpec(format="json"))
    structlog.get_logger().info("command.ended", error='line 1: "浙A12345" is no column')
    assert json.loads(capsys.readouterr().err)["error"] == 'line 1: "浙*****5" is no column'


@pytest.mark.parametrize("format_", ["json", "human"])
def test_no_plate_hides_in_a_list_a_path_or_an_error(format_: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_log(LogSpec(format=format_))
    plate = "浙A12345"
    told = {
        "many": [plate, (plate,)],
        "by_name": {plate: {"plate": plate}},
        "path": Path(plate),
        "error": ValueError(plate),
        "n": 7,
    }
    structlog.get_logger().info("command.ended", **told)
    written = capsys.readouterr().err
    assert "1234" not in written
    assert written.count("*****5") == 6
    assert "7" in written


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


@pytest.mark.parametrize("text", ["\x1b]0;owned\x07", "\x1b[2J", "\x9b31m", "\u202egnp.exe", "\ud800"])
def test_a_single_word_does_not_command_a_terminal(capsys: pytest.CaptureFixture[str], text: str) -> None:
    """A renderer quotes texts with blanks in them; a word without any is as dangerous."""
    configure_log(LogSpec(format="human"))
    structlog.get_logger().info("scan.found", model=text, models=[text])
    structlog.get_logger().error("child.failed", exc_info=ValueError(f"{text}\nnext"))
    lines = capsys.readouterr().err.splitlines()
    assert all(line.isprintable() for line in lines)
    assert lines[-1] == "next"


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


def test_what_a_library_says_is_a_line_of_the_log_too(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        configure_log(LogSpec(format="json"))
    foreign = logging.getLogger("some.library")
    foreign.info("of no interest")
    foreign.error("a callback\nfailed: %s", "why", exc_info=ZeroDivisionError("x"))
    foreign.warning("%d arguments", "no")
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (first["event"], first["level"], first["library"]) == ("library.said", "error", "some.library")
    assert first["words"] == "a callback\nfailed: why"
    assert "ZeroDivisionError: x" in first["exception"]
    assert (second["level"], second["words"]) == ("warning", "%d arguments")


def test_a_library_that_babbles_is_heard_once_a_minute_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log(LogSpec(format="json"))
    now_s = 5.0
    words = LibraryWords(lambda: now_s)
    for now_s in (5.0, 5.0, 6.0, 64.9, 65.1):
        words.handle(logging.makeLogRecord({"name": "a", "levelno": logging.WARNING, "msg": f"{now_s:g} fails".partition(" ")[2]}))
    for index in range(200):
        words.handle(logging.makeLogRecord({"name": "a", "levelno": logging.ERROR, "msg": f"kind {index}"}))
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["words"], line["held_back"]) for line in told[:2]] == [("fails", 0), ("fails", 3)]
    assert len(told) == 202
    assert len(words._said) <= 64
