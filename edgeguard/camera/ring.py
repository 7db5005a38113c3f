"""The newest encoded packets of a stream, whole groups of pictures at a time, so that every cut can begin at a key frame."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from edgeguard.core.camera_limits import VIDEO_RING_BYTES, VIDEO_RING_S


@dataclass(frozen=True, slots=True)
class EncodedPacket:
    """A packet as the camera sent it; stamps in ticks of the stream, `t_s` on the timeline of its pictures."""

    data: bytes
    pts: int | None
    dts: int | None
    duration_ticks: int
    is_key: bool
    t_s: float


class PacketRing:
    """At most so many seconds and bytes of packets. Bytes win: where one group alone is too big, it is dropped and counted."""

    def __init__(self, span_s: float = VIDEO_RING_S, max_bytes: int = VIDEO_RING_BYTES) -> None:
        self._span_s = span_s
        self._max_bytes = max_bytes
        self._groups: deque[list[EncodedPacket]] = deque()
        self.bytes = 0
        self.dropped = 0
        """Packets that were given up before their time because of the bound in bytes, or that came before any key frame."""

    def add(self, packet: EncodedPacket) -> None:
        """Keep one more packet, in decoding order."""
        if packet.is_key:
            self._groups.append([packet])
        elif self._groups:
            self._groups[-1].append(packet)
        else:
            self.dropped += 1
            return
        self.bytes += len(packet.data)
        while len(self._groups) > 1 and self._groups[1][0].t_s <= packet.t_s - self._span_s:
            self._forget()
        while self.bytes > self._max_bytes:
            self.dropped += len(self._groups[0])
            self._forget()

    def _forget(self) -> None:
        self.bytes -= sum(len(packet.data) for packet in self._groups.popleft())

    @property
    def newest_s(self) -> float:
        """The second of the newest packet, -1.0 when there is none."""
        return self._groups[-1][-1].t_s if self._groups else -1.0

    def cut(self, from_s: float, to_s: float) -> Sequence[EncodedPacket]:
        """Packets from the last key frame at or before `from_s` (the oldest one, if all are later) to `to_s`."""
        groups = [group for group in self._groups if group[0].t_s <= to_s]
        first = max((i for i, group in enumerate(groups) if group[0].t_s <= from_s), default=0)
        return [packet for group in groups[first:] for packet in group if packet.t_s <= to_s]
