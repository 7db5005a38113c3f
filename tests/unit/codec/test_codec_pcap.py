"""Capture files: their header and records byte by byte, and what Wireshark's own decoder makes of them where it is installed."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from edgeguard.codec.dissect import Dissector
from edgeguard.codec.pcap import LINKTYPE_RAW, LINKTYPE_UPPER_PDU, PcapWriter, header
from edgeguard.codec.rtu import crc16
from edgeguard.codec.sighting import Way


def rtu(body: str) -> bytes:
    data = bytes.fromhex(body)
    return data + crc16(data).to_bytes(2, "little")


SERIAL = [(rtu("03 03 0010 0002"), Way.OUT), (rtu("03 03 04 43670000"), Way.IN), (b"\x00\xff\x13", Way.IN)]
NETWORK = [
    (bytes.fromhex("0007 0000 0006 03 03 0010 0001"), Way.OUT),
    (bytes.fromhex("0007 0000 0005 03 03 02 1234"), Way.IN),
    (bytes.fromhex("0008 0000 0006 03 06 0010 0001"), Way.OUT),
    (bytes.fromhex("0008 0000 0003 03 86 02"), Way.IN),
]


def written(frames: list[tuple[bytes, Way]], network: bool) -> bytes:
    wire, writer = Dissector(network), PcapWriter(network)
    seen = [one for at, (data, way) in enumerate(frames) for one in wire.feed(float(at), data, way)] + wire.finish()
    return header(network) + b"".join(writer.record(one, 1_790_000_000.25 + one.start_s) for one in seen)


def packets(data: bytes) -> list[tuple[int, int, bytes]]:
    found, at = [], 24
    while at < len(data):
        seconds, nanoseconds, kept, size = struct.unpack_from("<IIII", data, at)
        assert kept == size
        found.append((seconds, nanoseconds, data[at + 16 : at + 16 + size]))
        at += 16 + size
    assert at == len(data)
    return found


def test_a_serial_line_is_written_as_pdus_that_name_their_dissector() -> None:
    data = written(SERIAL, network=False)

    assert struct.unpack_from("<IHHiIII", data) == (0xA1B23C4D, 2, 4, 0, 0, 65535, LINKTYPE_UPPER_PDU)
    first, second, third = packets(data)
    assert first == (1_790_000_000, 250_000_000, bytes.fromhex("000c0008 6d62727475000000 00000000") + SERIAL[0][0])
    assert second[2].endswith(SERIAL[1][0])
    assert b"data" in third[2]


def test_a_network_is_written_as_tcp_segments_with_right_checksums() -> None:
    data = written(NETWORK, network=True)

    assert struct.unpack_from("<I", data, 20) == (LINKTYPE_RAW,)
    sequences = []
    for (_, _, packet), (payload, way) in zip(packets(data), NETWORK, strict=True):
        assert len(packet) == 40 + len(payload) == int.from_bytes(packet[2:4], "big")
        assert packet[40:] == payload
        ports = struct.unpack_from(">HH", packet, 20)
        assert (ports[1] if way is Way.OUT else ports[0]) == 502
        assert _sum(packet[:20]) == 0xFFFF
        assert _sum(packet[12:20] + struct.pack(">HH", 6, len(packet) - 20) + packet[20:]) == 0xFFFF
        sequences.append(struct.unpack_from(">II", packet, 24))
    assert sequences == [(1, 1), (1, 13), (13, 12), (12, 25)]


def _sum(data: bytes) -> int:
    padded = data + bytes(len(data) % 2)
    total = sum(int.from_bytes(padded[i : i + 2], "big") for i in range(0, len(padded), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize(
    ("frames", "network", "told"),
    [(SERIAL, False, ["Query", "Response"]), (NETWORK, True, ["Query", "Response", "Query", "Response"])],
    ids=["serial", "network"],
)
def test_wireshark_decodes_it_unasked(frames: list[tuple[bytes, Way]], network: bool, told: list[str], tmp_path: Path) -> None:
    file = tmp_path / "wire.pcap"
    file.write_bytes(written(frames, network))

    done = subprocess.run(["tshark", "-r", str(file), "-o", "tcp.check_checksum:TRUE"], capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [word for line in lines for word in ("Query", "Response") if f"{word}:" in line] == told, done.stdout
    assert "incorrect" not in done.stdout
    assert all("Func:   3: Read Holding Registers" in line for line in lines[:2])
