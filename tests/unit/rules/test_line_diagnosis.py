"""From figures to what is wrong with a line: each trouble alone, its evidence, and no trouble where there is none."""

from dataclasses import replace

import pytest

from edgeguard.core.line_figures import LineFigures, StationFigures
from edgeguard.rules.line_diagnosis import diagnose

GOOD = StationFigures("3", "rtu", requests=100, answers=100, response_p50_s=0.03, response_p95_s=0.05)


def line(*stations: StationFigures, **counts: int) -> LineFigures:
    return LineFigures(60.0, stations, **{"received_bytes": 900, **counts})


def test_a_good_line_has_no_finding() -> None:
    assert diagnose(line(GOOD, StationFigures("4", "rtu", requests=100, answers=98, exceptions=2))) == ()
    assert diagnose(line(GOOD), passive=True) == ()


def test_a_single_lost_answer_or_one_that_may_still_come_says_nothing_about_the_line() -> None:
    assert diagnose(line(GOOD, StationFigures("4", "rtu", requests=9, answers=8, unanswered=1))) == ()
    assert diagnose(line(GOOD, StationFigures("4", "rtu", requests=2, unanswered=1))) == ()


SILENT = StationFigures("7", "rtu", requests=20, unanswered=20)

CASES = [
    ("nobody-answers", line(SILENT, received_bytes=0), "20 requests, not a single byte"),
    (
        "nobody-answers",
        line(StationFigures("7", "rtu", requests=2, unanswered=2), received_bytes=0),
        "2 requests, not a single byte",
    ),
    ("wrong-settings", line(SILENT, received_bytes=300, junk_bytes=300), "300 bytes came in and not one whole frame"),
    ("wrong-settings", line(SILENT, received_bytes=90, junk_bytes=90, uart_errors=17), "17 framing or parity errors"),
    ("two-masters", line(GOOD, foreign=5), "5 requests of somebody else"),
    ("two-masters", line(GOOD, unasked=4), "4 answers that nobody asked for"),
    ("cable", line(GOOD, broken=9, bursts=1), "9 / 109 (8.3 %) frames broken, 1 bursts"),
    ("station-silent", line(GOOD, SILENT), "20 requests, no answer"),
    ("one-station-broken", line(GOOD, StationFigures("5", "rtu", 3, 0, 1, 2, crowded=3), junk_bytes=12), "after 3 / 3 requests"),
    (
        "answers-late",
        line(StationFigures("5", "rtu", 4, unanswered=4, late=4, late_s=1.5)),
        "4 / 4 answers came after the request was",
    ),
    ("answers-late", line(GOOD, StationFigures("5", "rtu", 9, 5, unanswered=4, late=4, late_s=1.5)), "the slowest 1.5 s"),
    ("answers-lost", line(StationFigures("3", "rtu", 100, 90, 0, 10, response_p95_s=0.9)), "10 / 100 requests"),
    ("station-silent", line(GOOD, StationFigures("7", "rtu", requests=2, unanswered=2)), "2 requests, no answer"),
    (
        "answers-lost",
        line(*(StationFigures(str(unit), "rtu", 4, 2, 0, 2) for unit in (3, 4, 5))),
        "6 / 12 requests without an answer, of 3, 4, 5",
    ),
    ("bias", line(GOOD, junk_bytes=60, noise_bytes=60), "60 bytes of 00 and FF"),
]


@pytest.mark.parametrize(("code", "figures", "evidence"), CASES, ids=[f"{row[0]}-{i}" for i, row in enumerate(CASES)])
def test_each_trouble_is_found_alone_with_its_evidence(code: str, figures: LineFigures, evidence: str) -> None:
    (finding,) = diagnose(figures)

    assert finding.code == code
    assert evidence in finding.evidence.en
    assert finding.text.zh
    assert finding.evidence.zh
    assert finding.advice.zh
    assert finding.advice.en


def test_what_a_second_master_spoils_is_not_laid_to_the_cable() -> None:
    hit = tuple(StationFigures(name, "rtu", requests=30, answers=24, broken=4, unanswered=6) for name in ("3", "9"))
    spoilt = line(*hit, received_bytes=2000, junk_bytes=110, broken=8, noise_bytes=9, bursts=1)

    assert [finding.code for finding in diagnose(spoilt)] == ["cable", "answers-lost", "bias"]
    assert [finding.code for finding in diagnose(replace(spoilt, foreign=12, unasked=9))] == ["two-masters"]
    dead = replace(spoilt, stations=(*spoilt.stations, SILENT), foreign=12)
    assert [finding.code for finding in diagnose(dead)] == ["two-masters", "station-silent"]


def test_a_time_out_that_would_do_is_proposed() -> None:
    (finding,) = diagnose(line(GOOD, StationFigures("5", "rtu", 4, unanswered=4, late=4, late_s=1.52)))

    assert 'timeout = "2.5s"' in finding.advice.en


def test_where_nothing_whole_is_heard_two_devices_at_one_address_are_thought_of() -> None:
    crowded = StationFigures("5", "rtu", requests=3, unanswered=3, crowded=3)
    (finding,) = diagnose(line(crowded, SILENT, received_bytes=30, junk_bytes=30))

    assert (finding.code, "two devices at address 5" in finding.advice.en) == ("wrong-settings", True)


def test_frames_that_break_at_one_station_of_several_are_not_the_cables_fault() -> None:
    bad = StationFigures("9", "rtu", requests=100, answers=80, broken=20, unanswered=20)

    assert [finding.code for finding in diagnose(line(GOOD, bad, broken=20))] == ["one-station-broken"]


@pytest.mark.parametrize(("received", "code"), [(0, "nothing-passes"), (500, "wrong-settings")])
def test_a_listener_who_understands_nothing_is_told_why(received: int, code: str) -> None:
    (finding,) = diagnose(LineFigures(30.0, received_bytes=received, junk_bytes=received), passive=True)

    assert finding.code == code
