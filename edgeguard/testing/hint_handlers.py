"""A fake daemon's maintenance hints: a door that slows down, a service that is due, and what is watched besides."""

from collections.abc import Mapping

from edgeguard.control import Call, Handler, UnknownName
from edgeguard.control.hint_views import HintsView, HintView, ServiceView, SnoozeView, WatchedView
from edgeguard.control.views import LabelsView

DOOR = HintView(
    id="lift-1.door-close-time",
    device="lift-1",
    kind="door-close-time",
    seen="trend",
    since="2026-11-12T00:00:09.000Z",
    onset="2026-10-30",
    onset_open=False,
    confidence=0.998,
    text=LabelsView(
        "关门时间自 2026-10-30 起持续上升:2.90 s → 3.42 s",
        "Door closing time has been going up since 2026-10-30, from 2.90 s to 3.42 s",
    ),
    check=LabelsView("检查门地坎", "Check sill and rollers"),
    limit_date="2026-12-14",
    earliest="2026-12-08",
    latest="2026-12-23",
    evidence={"reference": 2.9, "level": 3.42, "limit": 4.06, "unit": "s", "share": 0.45},
    history=(2.9, 2.91, None, 2.95, 3.1, 3.2, 3.3, 3.42),
)
HOURS = HintView(
    id="pump-1.wear-run-hours",
    device="pump-1",
    kind="wear",
    seen="passed",
    since="2026-11-20T00:00:02.000Z",
    onset="2025-11-02",
    onset_open=False,
    confidence=0.999,
    text=LabelsView("运行时间:已用 8012 / 8000 h,保养周期已到", "Run hours: 8012 of 8000 h used; the service is due"),
    check=LabelsView("安排保养", "Plan the service"),
    evidence={"used": 8012.0, "interval": 8000.0},
)


class FakeHints:
    """`serviced` and `snoozed` are what was asked for."""

    def __init__(self) -> None:
        self.hints = [DOOR, HOURS]
        self.serviced: list[tuple[str, str, tuple[str, ...]]] = []
        self.snoozed: list[tuple[str, object]] = []

    def table(self) -> Mapping[str, Handler]:
        """Method name -> handler."""
        return {"hints": self._hints, "service": self._service, "snooze-hint": self._snooze}

    async def _hints(self, call: Call) -> HintsView:
        device = call.text("device")
        watched = (
            WatchedView("lift-1", "door-close-time", DOOR.text, "watched", "s", 60, 2.9, 3.42, 4.06, 0.45),
            WatchedView("lift-1", "start-current", LabelsView("启动电流", "Start current"), "learning", "A", 5),
            WatchedView("pump-1", "wear-run-hours", HOURS.text, "counting", "h", 380, 0.0, 8012.0, 8000.0, 1.0015, assumed=True),
        )
        return HintsView(
            tuple(hint for hint in self.hints if device in ("", hint.device)), watched if call.flag("all") else ()
        )  # fmt: skip

    async def _service(self, call: Call) -> ServiceView:
        device, about = call.text("device"), call.texts("about")
        gone = tuple(hint.id for hint in self.hints if hint.device == device)
        if not gone:
            raise UnknownName(f"nothing is watched on a device {device}")
        self.serviced.append((device, call.text("done"), about))
        self.hints = [hint for hint in self.hints if hint.device != device]
        return ServiceView(device, "2026-11-23", gone, about or ("wear-run-hours",))

    async def _snooze(self, call: Call) -> SnoozeView:
        self.snoozed.append((call.text("hint"), call.value("days")))
        return SnoozeView(call.text("hint"), "2026-12-07")
