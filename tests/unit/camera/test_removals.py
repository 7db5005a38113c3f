"""What is told of evidence that has gone, and in how many reports."""

import orjson

from edgeguard.camera.removals import tell_gone
from edgeguard.camera.reports import Report
from edgeguard.camera.shelf import Gone
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId
from edgeguard.core.limits import CONTROL_LINE_BYTES


def test_thousands_that_go_at_once_are_told_in_reports_that_fit_into_a_request() -> None:
    told: list[Report] = []
    gone = [Gone(f"20261124T2155{n:05d}Z-{n}", "age", unsent=False) for n in range(3000)] + [Gone("a", "disk", unsent=False)]
    tell_gone(gone, Stamp(1_795_000_000_000, 5, BootId("boot"), True), told.append)
    facts = [orjson.loads(report.sighting.facts) for report in told]
    assert [stem for one in facts for stem in one["ids"] if one["reason"] == "age"] == [piece.stem for piece in gone[:-1]]
    assert [one["ids"] for one in facts if one["reason"] == "disk"] == [["a"]]
    assert max(len(orjson.dumps(orjson.dumps(report.sighting).decode())) for report in told) < CONTROL_LINE_BYTES // 2
    assert len({report.sighting.id for report in told}) == len(told)
