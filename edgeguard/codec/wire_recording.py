"""What passed on a wire as a file that can be kept, sent and replayed: frames with their times, nothing secret in them. Pure.

The file is one JSON object:
- `format`: `edgeguard-wire/1`; `origin`: how the recording was made, said honestly; `made`: when (UTC);
- `network`: true for Modbus TCP, false for all that a serial line carries; `line`: its setting in words (`9600 8E1`), or empty;
- `frames`, in the order of time: `t` and `end`, seconds from the beginning to the first and behind the last byte; `way`: `out`
  for what the master sent, `in` for what it heard; `hex`; and `text`, words for people that no program needs.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from edgeguard.codec.sighting import Way
from edgeguard.core.errors import Permanent
from edgeguard.core.limits import RECORDING_FRAME_BYTES, RECORDING_FRAMES

FORMAT: Final = "edgeguard-wire/1"


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """Bytes that passed between `t_s` and `end_s`, seconds from the beginning of the recording."""

    t_s: float
    end_s: float
    way: Way
    data: bytes
    text: str = ""


@dataclass(frozen=True, slots=True)
class WireRecording:
    """A recording; see the module for its fields."""

    origin: str
    made: str
    network: bool
    line: str
    frames: tuple[TimedFrame, ...]


def dump_recording(recording: WireRecording) -> str:
    """The file's text; a frame stands in a line, so that two recordings can be compared."""
    head = {
        "format": FORMAT,
        "origin": recording.origin,
        "made": recording.made,
        "network": recording.network,
        "line": recording.line,
    }
    lines = ",\n".join(f"  {_line(frame)}" for frame in recording.frames)
    return f'{json.dumps(head, ensure_ascii=False, indent=1)[:-2]},\n "frames": [\n{lines}\n ]\n}}\n'


def _line(frame: TimedFrame) -> str:
    told = {
        "t": round(frame.t_s, 6),
        "end": round(frame.end_s, 6),
        "way": frame.way.value,
        "hex": frame.data.hex(),
        "text": frame.text,
    }
    return json.dumps(told, ensure_ascii=False)


def parse_recording(text: str, name: str) -> WireRecording:
    """The recording in a file's text. Permanent, with the file's `name` and what is wrong, if it is none."""
    try:
        data: Any = json.loads(text)
        frames = _frames(data)
        return WireRecording(str(data["origin"]), str(data["made"]), data["network"] is True, str(data["line"]), frames)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise Permanent(f"{name} is not a recording of a wire: {_why(error)}") from error


def _frames(data: Any) -> tuple[TimedFrame, ...]:
    if data["format"] != FORMAT:
        raise ValueError(f"its format is {data['format']!r}, not {FORMAT!r}")
    frames = tuple(_timed(frame) for frame in data["frames"])
    if len(frames) > RECORDING_FRAMES:
        raise ValueError(f"it has more than {RECORDING_FRAMES} frames")
    _check_order(frames)
    return frames


def _why(error: Exception) -> str:
    return f"it lacks {error}" if isinstance(error, KeyError) else str(error)


def _timed(frame: Any) -> TimedFrame:
    data = bytes.fromhex(frame["hex"])
    if not 1 <= len(data) <= RECORDING_FRAME_BYTES:
        raise ValueError(f"a frame has {len(data)} bytes")
    way = Way(frame["way"])
    return TimedFrame(float(frame["t"]), float(frame["end"]), way, data, str(frame.get("text", "")))


def _check_order(frames: Iterable[TimedFrame]) -> None:
    before_s = 0.0
    for frame in frames:
        if not before_s <= frame.t_s <= frame.end_s < 1e9:
            raise ValueError(f"its times do not go on at {frame.t_s:g} s")
        before_s = frame.t_s
