"""A fake daemon's meters: three clocks, of which one is too far off for a broadcast."""

from collections.abc import Mapping

from edgeguard.control import Call, Handler, UnknownName
from edgeguard.control.time_views import MeterClockView, SetTimeView
from edgeguard.core.errors import WriteRefused


class FakeMeterClocks:
    """`times`: how often the time was broadcast; a second time is refused."""

    def __init__(self) -> None:
        self.times = 0
        self.meters: tuple[MeterClockView, ...] = (
            MeterClockView("flat-101", -74.0, 0.3, "set"),
            MeterClockView("flat-102", 0.4, 0.4, "right"),
            MeterClockView("flat-103", 4210.0, 4210.0, "too-far"),
            MeterClockView("flat-104", None, None, "unknown", "timeout: no answer within 1.5 s"),
        )

    def table(self) -> Mapping[str, Handler]:
        """Method name -> handler."""
        return {"set-time": self._set_time}

    async def _set_time(self, call: Call) -> SetTimeView:
        if call.text("bus") != "riser-a":
            raise UnknownName(f"there is no bus {call.text('bus')} (there are: riser-a)")
        if self.times:
            raise WriteRefused(f"the time was not broadcast on {call.text('bus')}: it has been broadcast today")
        self.times += 1
        fate = "done" if all(meter.verdict in ("right", "set") for meter in self.meters) else "unverified"
        return SetTimeView(call.text("bus"), "2026-11-23T05:40:00.123Z", 1, fate, self.meters)
