"""What `doctor` looks at of cameras: what the daemon says of them, or a first picture of each where there is none."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edgeguard.cli.examination import Finding, fine, note, wrong
from edgeguard.cli.session import Session
from edgeguard.cli.text import clean
from edgeguard.control import methods
from edgeguard.control.client import call
from edgeguard.core.afar_limits import DOCTOR_CAMERA_S
from edgeguard.core.camera import CameraSpec
from edgeguard.core.errors import EdgeguardError
from edgeguard.core.site import Site

if TYPE_CHECKING:
    from edgeguard.camera.still import StillCamera

_LOOK_S: Final = 0.2


def look_at_cameras(session: Session, site: Site, running: bool) -> Iterator[Finding]:
    """Each camera of the site. What is wrong with one that the daemon looks at stands among its problems already."""
    if not site.cameras:
        yield fine("cameras", "none", "未配置摄像头", "no camera is configured")
    elif running:
        yield from _told(session)
    else:
        yield from _tried(site.cameras)


def _told(session: Session) -> Iterator[Finding]:
    try:
        cameras = call(session.socket, methods.CAMERAS)
    except EdgeguardError:
        return  # it has been told that the daemon does not answer
    for one in cameras:
        if one.state == "well":
            size = f"{one.width} x {one.height}"
            yield fine("cameras", f"well.{one.name}", f"{one.name}:{size}", f"{one.name} gives {size}, {one.rate:.0f} pictures/s")


def _tried(cameras: tuple[CameraSpec, ...]) -> Iterator[Finding]:
    """All are called at once, and left when each has given a picture, or failed once, or its time is over."""
    from edgeguard.camera.live import access_of
    from edgeguard.camera.still import StillCamera

    with ExitStack() as closing:
        called: list[tuple[CameraSpec, StillCamera | None]] = []
        for spec in cameras:
            secret = _password(spec)
            stills = StillCamera(access_of(spec, secret)) if secret is not None else None
            if stills is not None:
                stills.start()
                closing.callback(stills.stop, 1.0)
            called.append((spec, stills))
        for spec, stills in called:
            yield _picture_of(spec, stills)


def _picture_of(spec: CameraSpec, stills: "StillCamera | None") -> Finding:
    name = spec.name
    if stills is None:
        text = (f"{name}:密码只有服务可读,未尝试", f"{name}: its password is for the service alone, so that it was not called")
        return note("cameras", f"hidden.{name}", text, ("启动服务后再看", "start the service, then look again"))
    until_s = time.monotonic() + DOCTOR_CAMERA_S
    while (still := stills.still(_LOOK_S)) is None and not stills.trouble and time.monotonic() < until_s:
        pass
    if still is not None:
        size = f"{still.size[0]} x {still.size[1]}"
        return fine("cameras", f"gives.{name}", f"{name}:有图像,{size}", f"{name} gives pictures, {size}")
    why = clean(stills.trouble, 200).removeprefix(f"{name}: ")
    text = (f"{name}:无图像({why or '无应答'})", f"{name} gives no picture: {why or f'nothing came within {DOCTOR_CAMERA_S:g} s'}")
    return wrong(
        "cameras",
        f"lost.{name}",
        text,
        (
            f"检查摄像头供电、网络、url、用户名和密码;看画面:edgeguard camera {name} --setup",
            f"power, network, url, user and password of the camera; to see its picture: edgeguard camera {name} --setup",
        ),
    )


def _password(spec: CameraSpec) -> str | None:
    """Empty where none is needed, None where it may not be read here."""
    if spec.username is None or spec.password_file is None:
        return ""
    try:
        return Path(spec.password_file).read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeError):
        return None
