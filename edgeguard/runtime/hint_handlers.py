"""Maintenance hints for people: which stand, what is watched, a service done, a hint put aside. Each deed is on record."""

from typing import Final

from edgeguard.config.mistakes import did_you_mean
from edgeguard.control import BadArguments, Call, Handler, UnknownName
from edgeguard.control.hint_views import HintsView, HintView, ServiceView, SnoozeView, WatchedView
from edgeguard.control.views import LabelsView
from edgeguard.core.clock import Stamp
from edgeguard.core.hint import HintReport
from edgeguard.core.ids import DeviceName
from edgeguard.core.limits import HINT_SERVICE_CHARS, HINT_SNOOZE_DAYS
from edgeguard.core.point import Labels
from edgeguard.rules.hint_table import WatchedReport, report_watched
from edgeguard.rules.hint_words import day_text
from edgeguard.rules.items import command_item
from edgeguard.rules.maintenance import DAY_MS, Service
from edgeguard.runtime.gateway import Gateway
from edgeguard.runtime.hints_watch import HintsWatch
from edgeguard.runtime.watches import Findings
from edgeguard.runtime.writing import Put
from edgeguard.store import Batch

_COMPLAINT: Final = "{} was not recorded: the disk takes nothing, so nobody would know"


class HintHandlers:
    """The handlers of `hints`, `service` and `snooze-hint`."""

    def __init__(self, gateway: Gateway, put: Put) -> None:
        self._gateway = gateway
        self._put = put

    def table(self) -> dict[str, Handler]:
        """Method name -> handler."""
        return {"hints": self.hints, "service": self.service, "snooze-hint": self.snooze}

    async def hints(self, call: Call) -> HintsView:
        """The hints that stand, of one device or of all; with `all` everything that is watched."""
        watch = self._watch()
        name = call.text("device")
        device = DeviceName(name) if name else None
        if device is not None and device not in self._gateway.pipeline.records:
            raise UnknownName(f"there is no device {name}{did_you_mean(name, self._gateway.pipeline.records)}")
        names = [device] if device is not None else list(self._gateway.pipeline.records)
        watched: list[WatchedView] = []
        for one in names if call.flag("all") else ():
            care = watch.watched(one)
            if care is not None:
                watched += [_watched_view(one, report) for report in report_watched(care, watch.state(one))]
        return HintsView(tuple(map(_hint_view, watch.reports(device))), tuple(watched))

    async def service(self, call: Call) -> ServiceView:
        """A technician has serviced a device: on record first, then counting and learning begin anew."""
        watch, device = self._watch(), DeviceName(call.text("device"))
        done, about = call.text("done").strip(), call.texts("about")
        care = watch.watched(device)
        if care is None:
            raise UnknownName(f"nothing is watched on a device {device}, so a service of it would reset nothing")
        if not done or len(done) > HINT_SERVICE_CHARS:
            raise BadArguments(f"say what was done, in {HINT_SERVICE_CHARS} characters at most")
        names = [report.name for report in report_watched(care, watch.state(device))]
        unknown = [name for name in about if name not in names]
        if unknown:
            raise UnknownName(f"{device} has no {unknown[0]} to be reset (there are: {', '.join(names)})")
        reset = [name for name in names if not about or name in about]
        stood = [report.id for report in watch.reports(device) if report.id.partition(".")[2] in reset]
        now = self._gateway.clock.now()
        day = now.wall_ms // DAY_MS
        findings = watch.serviced(device, Service(day, call.author, done), lambda name: name in reset, now)
        await self._record(findings, "service", device, now, call, f"{done} [{', '.join(reset)}]")
        return ServiceView(device, day_text(day), tuple(stood), tuple(reset))

    async def snooze(self, call: Call) -> SnoozeView:
        """Put a hint aside for some days."""
        watch, name = self._watch(), call.text("hint")
        device, _, what = name.partition(".")
        days = call.value("days")
        if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= HINT_SNOOZE_DAYS:
            raise BadArguments(f"days is a whole number from 1 to {HINT_SNOOZE_DAYS}")
        now = self._gateway.clock.now()
        until = now.wall_ms // DAY_MS + days
        try:
            findings = watch.snoozed(DeviceName(device), what, until, now)
        except KeyError:
            raise UnknownName(f"no hint {name} stands") from None
        await self._record(findings, "snooze-hint", name, now, call, f"until {day_text(until)}")
        return SnoozeView(name, day_text(until))

    async def _record(self, findings: Findings, deed: str, target: str, now: Stamp, call: Call, detail: str) -> None:
        told = command_item(deed, target, now, call.author, "done", detail=detail)
        await self._put(Batch((told, *findings.items), states=findings.states), _COMPLAINT.format(f"{deed} of {target}"))

    def _watch(self) -> HintsWatch:
        for watch in self._gateway.pipeline.watches:
            if isinstance(watch, HintsWatch):
                return watch
        raise UnknownName("no hints are made here: [maintenance] enabled = false")


def _labels(labels: Labels) -> LabelsView:
    return LabelsView(labels.zh, labels.en)


def _hint_view(report: HintReport) -> HintView:
    return HintView(
        id=report.id,
        device=report.device,
        kind=report.kind,
        seen=report.seen,
        since=report.since,
        onset=report.onset,
        onset_open=report.onset_open,
        confidence=report.confidence,
        text=_labels(report.text),
        check=_labels(report.check),
        limit_date=report.limit_date,
        earliest=report.earliest,
        latest=report.latest,
        snoozed_until=report.snoozed_until,
        evidence=dict(report.evidence),
        history=report.history,
    )


def _watched_view(device: DeviceName, report: WatchedReport) -> WatchedView:
    return WatchedView(
        device, report.name, _labels(report.labels), report.state.value, report.unit, report.days, report.reference, report.level,
        report.limit, report.share, report.assumed,
    )  # fmt: skip
