"""A scan that exists only on the control socket: three questions, two devices, one that is doubtful, one noise."""

from collections.abc import Mapping
from dataclasses import replace

from edgeguard.control.call import Call, Handler
from edgeguard.control.scan_views import FoundView, NoiseView, ScanView, ScoreView
from edgeguard.control.views import LabelsView

_VOLTAGE = LabelsView("voltage_l1 = 231.4(常见 180 … 260)", "voltage_l1 = 231.4 (usual: 180 … 260)")
_NOTHING = LabelsView("", "")


class FakeScan:
    """Ends at the third question for its progress."""

    def __init__(self) -> None:
        self.asked = 0
        self.stopped = False

    def table(self) -> Mapping[str, Handler]:
        """The handlers, by method."""
        return {"scan-start": self._start, "scan-progress": self._progress, "scan-stop": self._stop}

    def view(self) -> ScanView:
        """The scan now."""
        ended = "complete" if self.asked >= 3 else "stopped" if self.stopped else ""
        rest_s = 30.0 - 10 * self.asked
        return ScanView("riser-a", self.asked, 3, 4.2, 30.0, rest_s, "modbus 9600 8N1 2", ended, _FOUND, _NOISES, 20.0, (0.3, 4.8))

    async def _start(self, call: Call) -> ScanView:
        self.asked, self.stopped = 0, False
        return replace(self.view(), found=(), noises=())

    async def _progress(self, call: Call) -> ScanView:
        self.asked += 1
        return self.view()

    async def _stop(self, call: Call) -> ScanView:
        self.stopped = True
        return self.view()


_FOUND = (
    FoundView(
        "modbus",
        "1",
        "9600 8N1",
        "",
        _NOTHING,
        True,
        (
            ScoreView("eastron-sdm630", "electricity-meter", 0.7, (_VOLTAGE,), ()),
            ScoreView("eastron-sdm120", "electricity-meter", 0.66, (_VOLTAGE,), ()),
        ),
        10.0,
    ),
    FoundView("dlt645", "000000000161", "2400 8E1", "2007", LabelsView("voltage A 229.7 V", "voltage A 229.7 V"), False, ()),
)
_NOISES = (NoiseView("modbus", "9", "9600 8N1", "checksum: the CRC of 7 bytes is wrong"),)
