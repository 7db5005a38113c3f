"""What the daemon knows, as the views of the control socket."""

import os
import resource
from collections.abc import Iterable
from pathlib import Path

from edgeguard.control.views import AlarmView, DeviceView, LabelsView, PointView, WriteRuleView, WriteView
from edgeguard.core.alarm import Alarm, AlarmRule, AlarmState, severity_of
from edgeguard.core.clock import Stamp, iso_utc, passed_ms
from edgeguard.core.fate import Fate
from edgeguard.core.point import Labels, Outcome, Point, Value
from edgeguard.core.quality import Fault, Quality, Reason
from edgeguard.core.site import BusSpec
from edgeguard.core.snapshot import Snapshot
from edgeguard.runtime.alarm_desk import AlarmDesk
from edgeguard.runtime.poller import Poller
from edgeguard.runtime.record import DeviceRecord
from edgeguard.runtime.writing import End

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def labels_view(labels: Labels) -> LabelsView:
    """Labels as shown."""
    return LabelsView(labels.zh, labels.en)


def iso_or_empty(at: Stamp | None) -> str:
    """A stamp in ISO 8601, empty if there is none."""
    return "" if at is None else iso_utc(at.wall_ms)


def age_s(at: Stamp | None, now: Stamp) -> float:
    """Seconds since then, as far as the clocks can tell; 0 for never."""
    return 0.0 if at is None else round(passed_ms(at, now) / 1000.0, 1)


def rss_mib() -> float:
    """Resident memory now, from /proc/self/statm (visible under ProcSubset=pid); the most so far where that cannot be read."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:  # no descriptor is left, for one
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    return pages * _PAGE_BYTES / 2**20


def cpu_s() -> float:
    """CPU seconds, user and system, that this process has used."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def line_of(spec: BusSpec) -> str:
    """The settings of a serial line in words; empty on a network."""
    return str(spec.line) if spec.wire.is_line else ""


def device_state(record: DeviceRecord) -> str:
    """Online, degraded (some point has no good value), offline, or starting (no round has ended yet)."""
    if record.at is None:
        return "starting"
    if not record.answered:
        return "offline"
    return "degraded" if record.bad_points else "online"


def device_view(record: DeviceRecord, poller: Poller | None, now_s: float) -> DeviceView:
    """One device; `now_s` is loop time."""
    spec = record.spec
    stats = poller.device.stats if poller else None
    refused = poller.device.refused if poller else {}
    answered_at = record.answered_at
    return DeviceView(
        name=spec.name,
        bus=spec.bus,
        profile=spec.profile.name,
        address=str(spec.address),
        labels=labels_view(spec.labels),
        state=device_state(record),
        period_s=spec.period_ms / 1000.0,
        last_answer=iso_or_empty(answered_at),
        response_p50_ms=stats.response_p50_ms if stats else 0.0,
        response_p95_ms=stats.response_p95_ms if stats else 0.0,
        polls=poller.figures.rounds if poller else 0,
        failures=poller.figures.failures if poller else 0,
        errors={reason.value: count for reason, count in stats.faults.items()} if stats else {},
        requests_per_round=poller.device.requests_per_round if poller else 0,
        next_try_s=round(max(0.0, poller.figures.next_s - now_s), 1) if poller else 0.0,
        points=len(record.outcomes),
        points_bad=record.bad_points,
        refused={str(name): str(fault) for name, fault in refused.items()},
        trouble=_trouble(record),
        implausible=tuple(
            str(point.name)
            for point, outcome in zip(record.rules.points, record.outcomes, strict=True)
            if isinstance(outcome, Fault) and outcome.reason is Reason.OUT_OF_RANGE
        ),
    )


def _trouble(record: DeviceRecord) -> str:
    """Why a device is offline now; what its counters say may have been true an hour ago."""
    if device_state(record) != "offline":
        return ""
    unasked = (Reason.NOT_POLLED, Reason.NOT_DUE, Reason.REFUSED)
    reasons = (outcome.reason for outcome in record.outcomes if isinstance(outcome, Fault))
    return next((reason.value for reason in reasons if reason not in unasked), "")


def point_views(record: DeviceRecord, now: Stamp) -> Iterable[PointView]:
    """Every point of a device as it is known now."""
    for index, point in enumerate(record.rules.points):
        good_at = record.good_at[index]
        yield _point_view(record, point, record.outcomes[index], record.good[index], good_at, now)


def _point_view(
    record: DeviceRecord, point: Point, outcome: Outcome, good: Value | None, good_at: Stamp | None, now: Stamp
) -> PointView:
    quality = Quality.GOOD
    if isinstance(outcome, Fault):
        quality = Quality.STALE if outcome.reason is Reason.STALE else Quality.BAD
    return PointView(
        device=record.spec.name,
        point=point.name,
        labels=labels_view(point.labels),
        value=good,
        unit=point.unit,
        quality=quality.value,
        reason=str(outcome) if isinstance(outcome, Fault) else "",
        at=iso_or_empty(good_at),
        age_s=0.0 if good_at is None else round((now.boot_ms - good_at.boot_ms) / 1000.0, 3),
        writable=point.write is not None,
        value_zh=_chinese(point, good),
        decimals=point.decimals,
        write_rule=_write_rule_view(point),
    )


def _chinese(point: Point, value: Value | None) -> str:
    """The Chinese text of an enumeration's value; empty for all else."""
    if not isinstance(value, str):
        return ""
    return next((labels.zh for labels in point.choices.values() if labels.en == value), "")


def _write_rule_view(point: Point) -> WriteRuleView | None:
    if point.write is None:
        return None
    return WriteRuleView(
        point.write.minimum,
        point.write.maximum,
        tuple(labels.en for number, labels in point.choices.items() if point.write.allows(number)),
    )


def reading_views(record: DeviceRecord, snapshot: Snapshot) -> Iterable[PointView]:
    """Points just read for a person: what the device said, not what was known before."""
    for point, outcome in zip(snapshot.points, snapshot.outcomes, strict=True):
        value = None if isinstance(outcome, Fault) else outcome
        yield _point_view(record, point, outcome, value, snapshot.at, snapshot.at)


def write_view(end: End) -> WriteView:
    """What became of a write."""
    wish = end.wish
    return WriteView(
        device=wish.device,
        point=wish.point,
        written=wish.value if end.written is None else end.written,
        read_back=end.read_back,
        verified=end.fate is Fate.DONE,
        detail=end.detail,
        took_ms=end.took_ms,
        fate=end.fate.value,
        old=end.old,
    )


def alarm_views(desk: AlarmDesk, everything: bool) -> Iterable[AlarmView]:
    """Alarms that are not normal, or all of them; those of buses and the site come first."""
    for rule, alarm in desk.all():
        if everything or alarm.state is not AlarmState.NORMAL:
            yield alarm_view(desk, rule, alarm)


def alarm_view(desk: AlarmDesk, rule: AlarmRule, alarm: Alarm) -> AlarmView:
    """One alarm as it is now."""
    hold = alarm.reason if alarm.beneath is not None else None
    until_ms = None if hold is None else hold.until_ms
    return AlarmView(
        alarm=rule.name,
        device="" if rule.common else rule.device,
        state=alarm.state.value,
        severity=severity_of(rule, alarm).value,
        since=iso_or_empty(alarm.since),
        value=alarm.value,
        limit=rule.limit,
        text=labels_view(rule.text),
        first_out=alarm.first_out,
        latched=alarm.gone,
        escalated=alarm.escalated,
        suppressed=desk.kept_back_by(rule.name) if alarm.standing else 0,
        beneath="" if alarm.beneath is None else alarm.beneath.value,
        by="" if hold is None else hold.by,
        reason="" if hold is None else hold.reason,
        until="" if until_ms is None else iso_utc(until_ms),
    )
