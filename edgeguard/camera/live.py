"""A camera that is called again and again: pictures while there are any, and between them the word of what went wrong.

Knows nothing of what is looked for in the pictures.
"""

import random
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

from edgeguard.camera.video import V4L2, Picture, StreamAccess, VideoError, VideoSource, open_stream
from edgeguard.core.camera import CameraSpec
from edgeguard.core.camera_limits import CAMERA_BACKOFF_MAX_S, CAMERA_BACKOFF_MIN_S, CAMERA_OPEN_S, CAMERA_READ_S

_HEALTHY_S: Final = 30.0
"""A connection that has given pictures for so long was no mistake: the next failure is called again at once."""
_SLICE_S: Final = 0.5
_NETWORK: Final = "rtsp,rtsps,rtp,srtp,udp,tcp,tls,http,https,httpproxy,crypto,hls,data"
"""What a stream may lead to; a playlist of a camera must not open files of this machine."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The stream ended or could not be opened; `why` is for people."""

    why: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Still no picture; given now and then, so that whoever iterates can show that it is alive."""


Happening = tuple[VideoSource, Picture] | Lost | Waiting


def access_of(spec: CameraSpec, password: str | None) -> StreamAccess:
    """How to reach the camera; the password goes into the URL here and nowhere else."""
    if spec.url.startswith("/"):
        device = {"video_size": spec.video_size, "framerate": spec.video_fps, "input_format": spec.video_format}
        return StreamAccess(spec.url, spec.name, V4L2, {key: str(value) for key, value in device.items() if value})
    if spec.url.startswith("file:"):
        return StreamAccess(spec.url, spec.name)
    parts = urlsplit(spec.url)
    url = spec.url
    if spec.username is not None:
        user = quote(spec.username, safe="") + (f":{quote(password, safe='')}" if password is not None else "")
        url = urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc}"))
    options = {"protocol_whitelist": _NETWORK}
    if parts.scheme in ("rtsp", "rtsps"):
        options |= {"rtsp_transport": spec.transport, "timeout": str(round(CAMERA_READ_S * 1e6)), "max_delay": "500000"}
    else:
        options["rw_timeout"] = str(round(CAMERA_OPEN_S * 1e6))
    return StreamAccess(url, spec.name, None, options)


class LiveCamera:
    """One camera for as long as the process lives. `connections` counts how often a stream was opened."""

    def __init__(
        self,
        access: StreamAccess,
        entropy: random.Random,
        open_source: Callable[[StreamAccess], VideoSource] = open_stream,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._access = access
        self._entropy = entropy
        self._open = open_source
        self._clock = clock
        self._sleep = sleep
        self.connections = 0
        self.broken = 0
        """Packets that could not be decoded, of all connections."""

    def happenings(self) -> Generator[Happening, None, None]:
        """Pictures with the source that they come from, and what happens between them; never ends by itself.

        The source is still open while its `Lost` is looked at, so that evidence can be taken from it.
        """
        pause_s = CAMERA_BACKOFF_MIN_S
        while True:
            began_s = self._clock()
            yield Waiting()
            if (yield from self._connection()):
                continue
            if self._clock() - began_s >= _HEALTHY_S:
                pause_s = CAMERA_BACKOFF_MIN_S
            yield from self._pause(pause_s * self._entropy.uniform(0.5, 1.0))
            pause_s = min(2 * pause_s, CAMERA_BACKOFF_MAX_S)

    def _connection(self) -> Generator[Happening, None, bool]:
        """One connection from opening to end. True when a film came to its end and may begin anew at once."""
        try:
            source = self._open(self._access)
        except VideoError as error:
            yield Lost(str(error))
            return False
        is_film = self._access.url.startswith("file:")
        with source:
            self.connections += 1
            began_s = self._clock()
            try:
                for picture in source:
                    if is_film:
                        self._sleep(max(0.0, began_s + picture.t_s - self._clock()))
                    yield source, picture
                why = source.counts.ended
            except VideoError as error:
                why = str(error)
            self.broken += source.counts.broken
            yield Lost(f"{self._access.shown}: {why or 'the stream ended'}")
            return is_film and not why

    def _pause(self, span_s: float) -> Generator[Happening, None, None]:
        until_s = self._clock() + span_s
        while (left_s := until_s - self._clock()) > 0:
            self._sleep(min(_SLICE_S, left_s))
            yield Waiting()
