"""What is known of a device's wear as UTF-8 JSON, and back. Pure.

A body of another version, or one that cannot be read, is as good as none: learning begins anew, nothing is guessed.
"""

from dataclasses import replace
from typing import Any, Final

import orjson

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId
from edgeguard.core.maintenance import Usage
from edgeguard.rules.day_sample import DaySample
from edgeguard.rules.gauge import GaugeState
from edgeguard.rules.hints import Hint
from edgeguard.rules.judgement import Finding, Reference, Seen
from edgeguard.rules.maintenance import CareState, Service
from edgeguard.rules.operating_map import Bin, OperatingMap
from edgeguard.rules.trend import Reach
from edgeguard.rules.wear import Tally

VERSION: Final = 1


def dump(state: CareState) -> bytes:
    """The state without what lasts for one boot only."""
    service = state.service
    return orjson.dumps(
        {
            "v": VERSION,
            "today": state.today,
            "service": None if service is None else [service.day, service.by, service.done],
            "gauges": {name: _gauge_out(gauge) for name, gauge in state.gauges},
            "tallies": {usage.value: _tally_out(tally) for usage, tally in state.tallies},
            "hints": {name: _hint_out(hint) for name, hint in state.hints},
        }
    )


def load(body: bytes) -> CareState:
    """The state that was dumped; a fresh one if `body` is none."""
    try:
        kept = orjson.loads(body)
        if kept["v"] != VERSION:
            return CareState()
        service = kept["service"]
        return CareState(
            gauges=tuple((name, _gauge_in(gauge)) for name, gauge in kept["gauges"].items()),
            tallies=tuple((Usage(name), _tally_in(tally)) for name, tally in kept["tallies"].items()),
            hints=tuple((name, _hint_in(hint)) for name, hint in kept["hints"].items()),
            service=None if service is None else Service(*service),
            today=kept["today"],
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError, IndexError):
        return CareState()


def _short(value: float) -> float:
    return float(f"{value:.6g}")


def _gauge_out(state: GaugeState) -> list[Any]:
    sample, reference = state.sample, state.reference
    return [
        state.day,
        [sample.seen, sample.stride, *map(_short, sample.values)],
        [[b.index, b.count, _short(b.point), _short(b.value)] for b in state.map.bins],
        state.map_days,
        _short(state.top),
        state.first_day,
        state.values,
        None
        if reference is None
        else [reference.level, reference.spread, reference.first_day, reference.last_day, reference.given],
    ]  # fmt: skip


def _gauge_in(kept: list[Any]) -> GaugeState:
    day, (seen, stride, *sampled), bins, map_days, top, first_day, values, reference = kept
    return GaugeState(
        day,
        DaySample(tuple(map(float, sampled)), int(seen), int(stride)),
        OperatingMap(tuple(Bin(int(i), int(n), float(p), float(v)) for i, n, p, v in bins)),
        int(map_days),
        float(top),
        int(first_day),
        tuple(None if value is None else float(value) for value in values),
        None if reference is None else Reference(*reference),
    )


def _tally_out(tally: Tally) -> list[Any]:
    days = [[day, _short(used)] for day, used in tally.days]
    at = tally.raw_at
    read_at = None if at is None else [at.wall_ms, at.boot_ms, at.boot, at.synced]
    return [tally.raw, read_at, tally.used, tally.since_day, days, tally.breaks, tally.break_day]


def _tally_in(kept: list[Any]) -> Tally:
    raw, read_at, used, since_day, days, breaks, break_day = kept
    at = None if read_at is None else Stamp(int(read_at[0]), int(read_at[1]), BootId(read_at[2]), bool(read_at[3]))
    return Tally(raw, at, float(used), since_day, tuple((int(d), float(u)) for d, u in days), breaks, break_day)


def _hint_out(hint: Hint) -> list[Any]:
    told = None if hint.told is None else _finding_out(hint.told)
    return [
        _finding_out(hint.finding), hint.raised_ms, told, hint.told_day, hint.confirmed, hint.quiet, hint.snoozed_until,
    ]  # fmt: skip


def _hint_in(kept: list[Any]) -> Hint:
    finding, raised_ms, told, told_day, confirmed, quiet, snoozed_until = kept
    before = None if told is None else _finding_in(told)
    return Hint(_finding_in(finding), raised_ms, before, told_day, confirmed, quiet, snoozed_until)


def _finding_out(finding: Finding) -> list[Any]:
    reach = finding.reach
    return [
        finding.seen.value, finding.day, finding.onset_day, finding.onset_open, finding.level, finding.share, finding.slope,
        finding.slope_low, finding.slope_high, None if reach is None else [reach.expected, reach.earliest, reach.latest],
        finding.confidence, finding.days,
    ]  # fmt: skip


def _finding_in(kept: list[Any]) -> Finding:
    seen, day, onset_day, onset_open, level, share, slope, low, high, reach, confidence, days = kept
    found = Finding(Seen(seen), day, onset_day, onset_open, level, share, slope, low, high, None, confidence, days)
    return found if reach is None else replace(found, reach=Reach(*reach))
