"""A fake daemon's cameras: one that sees well and one that was moved."""

from collections.abc import Mapping
from dataclasses import replace

from edgeguard.control import Call, Handler, UnknownName
from edgeguard.control.camera_views import CameraTroubleView, CameraView
from edgeguard.control.errors import NotAllowed
from edgeguard.control.views import CountView, LabelsView

_WELL = CameraView(
    name="facade-east",
    labels=LabelsView("东立面", "east facade"),
    task="falling",
    url="rtsp://10.0.8.21/1",
    state="well",
    troubles=(),
    pid=4711,
    restarts=0,
    rate=25.0,
    width=1920,
    height=1080,
    codec="h264",
    pictures=90_000,
    skipped=12,
    broken=0,
    connections=1,
    rss_mib=140.0,
    cpu_s=512.0,
    sightings=2,
)
_MOVED = CameraTroubleView("moved", "2026-11-23T05:40:00.123Z", LabelsView("镜头已移位", "has been moved"))


class FakeCameras:
    """`accepted` are the cameras whose present view was said to be right, `looked_at` what was done with which evidence."""

    def __init__(self) -> None:
        west = replace(_WELL, name="facade-west", labels=LabelsView("西立面", "west facade"), state="blind", troubles=(_MOVED,))
        self.cameras = {_WELL.name: _WELL, west.name: west}
        self.accepted: list[str] = []
        self.looked_at: list[tuple[str, str]] = []

    def table(self) -> Mapping[str, Handler]:
        """Method name -> handler."""
        own = dict.fromkeys(("camera-beat", "camera-saw", "camera-lost"), self._refuse)
        return {"cameras": self._list, "accept-view": self._accept, "evidence-access": self._note, **own}

    async def _list(self, _: Call) -> tuple[CameraView, ...]:
        return tuple(self.cameras.values())

    async def _accept(self, call: Call) -> CameraView:
        name = call.text("camera")
        if name not in self.cameras:
            raise UnknownName(f"there is no camera {name}")
        self.accepted.append(name)
        self.cameras[name] = replace(self.cameras[name], state="well", troubles=())
        return self.cameras[name]

    async def _note(self, call: Call) -> CountView:
        self.looked_at.append((call.text("what"), f"{call.text('camera')}.{call.text('id')}"))
        return CountView(1)

    async def _refuse(self, call: Call) -> CameraView:
        raise NotAllowed(f"only the process that looks at {call.text('camera')} may speak for it")
