"""Frames in a capture file that Wireshark decodes without being told how.

Sources: the libpcap file format (magic, 24-byte header, 16-byte record headers) and the list of link types of tcpdump.org.
A network is written as raw IPv4 with TCP from and to port 502 (LINKTYPE_RAW); a serial line as "exported PDUs"
(LINKTYPE_WIRESHARK_UPPER_PDU, tags of epan/exported_pdu.h), each of which names its dissector: `mbrtu` for RTU frames, `data`
for what Wireshark has no dissector for.
"""

import struct
from typing import Final

from edgeguard.codec.sighting import Form, Sighting, Way

LINKTYPE_RAW: Final = 101
LINKTYPE_UPPER_PDU: Final = 252
_MAGIC: Final = 0xA1B23C4D
"""Times with nanoseconds."""
_SNAP_BYTES: Final = 65535
_TAG_END, _TAG_DISSECTOR = 0, 12
_MODBUS_PORT: Final = 502
_MASTER_PORT: Final = 49152
_MASTER, _DEVICE = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))
_TCP: Final = 6
_PUSH_ACK: Final = 0x18


def header(network: bool) -> bytes:
    """The file's beginning."""
    return struct.pack("<IHHiIII", _MAGIC, 2, 4, 0, 0, _SNAP_BYTES, LINKTYPE_RAW if network else LINKTYPE_UPPER_PDU)


class PcapWriter:
    """Records of one wire; TCP sequence numbers go on from one to the next."""

    def __init__(self, network: bool) -> None:
        self._network = network
        self._sequence = {_MASTER: 1, _DEVICE: 1}

    def record(self, seen: Sighting, at_s: float) -> bytes:
        """A sighting that passed at this time (seconds since 1970)."""
        packet = self._segment(seen) if self._network else _exported(seen)
        seconds, rest_s = divmod(at_s, 1.0)
        return struct.pack("<IIII", int(seconds), int(rest_s * 1e9), len(packet), len(packet)) + packet

    def _segment(self, seen: Sighting) -> bytes:
        source, target = (_MASTER, _DEVICE) if seen.way is Way.OUT else (_DEVICE, _MASTER)
        ports = (_MASTER_PORT, _MODBUS_PORT) if seen.way is Way.OUT else (_MODBUS_PORT, _MASTER_PORT)
        sequence, acknowledged = self._sequence[source], self._sequence[target]
        self._sequence[source] = (sequence + len(seen.data)) & 0xFFFFFFFF
        tcp = struct.pack(">HHIIBBHHH", *ports, sequence, acknowledged, 5 << 4, _PUSH_ACK, 8192, 0, 0) + seen.data
        checksum = _internet_checksum(source + target + struct.pack(">HH", _TCP, len(tcp)) + tcp)
        tcp = tcp[:16] + struct.pack(">H", checksum) + tcp[18:]
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, _TCP, 0) + source + target
        return ip[:10] + struct.pack(">H", _internet_checksum(ip)) + ip[12:] + tcp


def _exported(seen: Sighting) -> bytes:
    name = b"mbrtu" if seen.form is Form.RTU else b"data"
    padded = name + bytes(-len(name) % 4)
    return struct.pack(">HH", _TAG_DISSECTOR, len(padded)) + padded + struct.pack(">HH", _TAG_END, 0) + seen.data


def _internet_checksum(data: bytes) -> int:
    """RFC 1071."""
    padded = data + bytes(len(data) % 2)
    total = sum(int.from_bytes(padded[i : i + 2], "big") for i in range(0, len(padded), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
