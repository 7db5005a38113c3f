"""Damaged inputs for every face that takes bytes or text from outside, for as long as it is given: `fuzz_inputs.py --seconds 600`.

Each target takes an input and may refuse it in its own words; any other exception, and more than CASE_CPU_S of CPU for one input,
is a finding. Inputs are good ones, changed a little: bits flipped, pieces cut, doubled, moved, spliced with another's, numbers and
brackets where none belong. The seed is printed; a finding is written to a folder, as it was, and the exit code is 1.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from edgeguard.codec.ascii import AsciiFraming
from edgeguard.codec.cjt188_framing import Cjt188Framing
from edgeguard.codec.cjt188_framing import build_frame as water_frame
from edgeguard.codec.dissect import Dissector
from edgeguard.codec.dlt645_framing import Dlt645Framing
from edgeguard.codec.dlt645_framing import build_frame as meter_frame
from edgeguard.codec.fire_frame import FireFrames
from edgeguard.codec.fire_units import decode_units
from edgeguard.codec.framing import Framing, StreamBroken
from edgeguard.codec.mbap import MbapFraming
from edgeguard.codec.modbus import read_request
from edgeguard.codec.rtu import RtuFraming, crc16
from edgeguard.codec.sighting import Way
from edgeguard.codec.wire_recording import parse_recording
from edgeguard.config import load_profile, load_site, shipped_configs
from edgeguard.control.message import check_arguments, parse_request
from edgeguard.control.methods import METHODS
from edgeguard.core.errors import EdgeguardError
from edgeguard.core.ids import GatewayId, SiteId
from edgeguard.core.line import Station
from edgeguard.core.register import Table
from edgeguard.release import Signer, signers_of
from edgeguard.release.signature import signed_by
from edgeguard.uplink.inbox import Inbound, read_command
from edgeguard.uplink.topics import Topics

CASE_CPU_S = 5.0
"""Reading the largest of our own configurations takes a tenth of it."""
LONGEST = 70_000
FINDINGS_MOST = 20
METER, WATER = "003411001043", "1092000010000192"
ODD = (
    *(
        b"\x00",
        b"\xff" * 9,
        b"\x68",
        b"\x3a",
        b"\r\n",
        b"@@",
        b"##",
        b"9" * 400,
        b"-1",
        b"1e999",
        b"NaN",
        b"true",
        b"null",
        b"{" * 90,
    ),
    *(
        b"[" * 90,
        b'"',
        b"'",
        b"\\u0000",
        "\u202e".encode(),
        b"\xed\xa0\x80",
        b"..",
        b"/",
        b"= ",
        b"[[a]]\n",
        b"'''",
        b'"""',
        b"#",
        b",",
    ),
)

Target = Callable[[bytes], object]


class TooLong(BaseException):
    """One input has taken more CPU than any may."""


@dataclass(frozen=True, slots=True)
class Face:
    """What takes inputs, good inputs to begin with, and how it refuses others. `weight`: how often it has its turn."""

    take: Target
    seeds: Sequence[bytes]
    refuses: tuple[type[Exception], ...] = (EdgeguardError,)
    weight: int = 20


def changed(seed: bytes, other: bytes, chance: random.Random) -> bytes:
    """`seed` after one to six changes."""
    data = bytearray(seed)
    for _ in range(chance.randint(1, 6)):
        at, to = sorted(chance.randrange(len(data) + 1) for _ in range(2))
        match chance.randrange(8):
            case 0 if data:
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            case 1:
                del data[at : min(to, at + 40)]
            case 2:
                data[at:at] = data[at : min(to, at + 200)] * chance.randint(1, 5)
            case 3:
                data[at:at] = chance.choice(ODD)
            case 4:
                data[at : at + 1] = bytes((chance.randrange(256),))
            case 5:
                data[at:to] = other[at:to]
            case 6:
                del data[at:]
            case _:
                data[at:at] = chance.randbytes(chance.randint(1, 12))
    return bytes(data[:LONGEST])


def framed(make: Callable[[], Framing], station: Station, pdu: bytes) -> Target:
    """A framing that waits for an answer gets the bytes in two pieces, and is asked what it thinks."""

    def take(data: bytes) -> object:
        framing = make()
        framing.request(1, station, pdu)
        half = len(data) // 2
        found = [*framing.feed(data[:half]), *framing.feed(data[half:])]
        silent = not any(answer.transaction == 1 for answer in found)
        return found, framing.damaged, framing.torn, framing.junk_bytes, framing.forget(1) if silent else None

    return take


def _overheard(data: bytes) -> object:
    line = Dissector()
    third = len(data) // 3 or 1
    seen = [sight for i in range(0, len(data), third) for sight in line.feed(i / 1000, data[i : i + third], chance_way(i))]
    return seen, line.quiet(9.0), line.finish()


def chance_way(place: int) -> Way:
    """Ways take turns."""
    ways = tuple(Way)
    return ways[place % len(ways)]


def _fire(data: bytes) -> object:
    return [decode_units(packet.data) for packet in FireFrames().feed(data)], decode_units(data)


def _command(data: bytes) -> object:
    topics = Topics.of(SiteId("lakeside"), GatewayId("b07"))
    name, _, payload = data.partition(b"\n")
    topic = f"{topics.commands}/{name.decode('utf-8', 'replace')}"
    return read_command(Inbound(topic, payload, response_topic=name.decode("latin-1"), correlation=name), topics)


def _asked(data: bytes) -> object:
    request = parse_request(data)
    for method in METHODS.values():
        try:
            check_arguments(method, request.args)
        except EdgeguardError:
            continue
    return request


def _signed(data: bytes) -> object:
    text = data.decode("utf-8", "replace")
    try:
        signers_of(text, "keys")
    except EdgeguardError:
        return signed_by(b"sums", text, [Signer(bytes(32))], "sums.sig")
    return None


def _from_file(folder: Path, read: Callable[[Path], object]) -> Target:
    path = folder / "input.toml"

    def take(data: bytes) -> object:
        path.write_bytes(data)
        return read(path)

    return take


def faces(folder: Path) -> Mapping[str, Face]:
    """Every face, by name. `folder` is for those that read files."""
    answer = bytes((3, 3, 4, 1, 2, 3, 4))
    rtu = answer + crc16(answer).to_bytes(2, "little")
    ascii_frame = b":" + (answer + bytes((-sum(answer) & 0xFF,))).hex().upper().encode() + b"\r\n"
    mbap = bytes((0, 1, 0, 0, 0, 7)) + answer
    told = meter_frame(METER, 0x91, bytes.fromhex("02010100")[::-1] + b"\x33\x22")
    volume = water_frame(WATER, 0x81, bytes.fromhex("901f01") + bytes(19))
    question = read_request(Table.HOLDING, 0, 2)
    wires = (rtu, ascii_frame, mbap, told, volume, rtu * 3, b"\xfe" * 4 + told, volume + rtu)
    example, profiles = shipped_configs() / "site.example.toml", sorted((shipped_configs() / "profiles").glob("*.toml"))
    packet = b"@@\x01\x00\x01\x01" + bytes(18) + b"\x0a\x00\x02\x02\x01\x01\x01" + bytes(7) + b"\x00##"
    write = b'{"id":1,"method":"write","args":{"device":"pump-1","point":"setpoint","value":4.5,"by":"li"}}'
    command = b'write\n{"id":"w-1","issued_at":"2026-11-23T05:40:00.123Z","ttl_s":30,"args":{"device":"p","point":"x","value":1}}'
    armour = b"-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg\n-----END SSH SIGNATURE-----\n"
    key = b"me ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAhbmcAaVWzJp4LlyEPsdM2a5RCCt1JcxNvnYT5PHtoy words\n"
    recording = b'{"edgeguard":"wire-recording","line":"9600 8N1","frames":[{"at_s":0.0,"way":"out","hex":"0103"}]}'
    small = b'[gateway]\nsite = "s"\nid = "g"\n[uplink]\nurl = "mqtts://h"\n[[bus]]\nname = "b"\nurl = "tcp://10.0.0.1"\n'
    broken = (StreamBroken,)
    return {
        "rtu": Face(framed(RtuFraming, 3, question), wires, broken),
        "ascii": Face(framed(AsciiFraming, 3, question), wires, broken),
        "mbap": Face(framed(MbapFraming, 3, question), wires, broken),
        "dlt645": Face(framed(Dlt645Framing, METER, b"\x11" + bytes.fromhex("02010100")[::-1]), wires, broken),
        "cjt188": Face(framed(Cjt188Framing, WATER, bytes.fromhex("01901F01")), wires, broken),
        "line": Face(_overheard, wires, ()),
        "fire": Face(_fire, (packet, packet * 2), ()),
        "command": Face(_command, (command, b"reload\n{}"), ()),
        "socket": Face(_asked, (write, b'{"method":"status"}')),
        "release": Face(_signed, (armour, key)),
        "recording": Face(lambda data: parse_recording(data.decode("utf-8", "replace"), "x"), (recording,)),
        "site": Face(_from_file(folder, load_site), (small, example.read_bytes()), weight=4),
        "profile": Face(_from_file(folder, load_profile), [path.read_bytes() for path in profiles], weight=2),
    }


@contextmanager
def bounded(cpu_s: float) -> Iterator[None]:
    """TooLong once the block has used so much CPU."""

    def over(_number: int, _frame: FrameType | None) -> None:
        raise TooLong

    before = signal.signal(signal.SIGVTALRM, over)
    signal.setitimer(signal.ITIMER_VIRTUAL, cpu_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def finding(face: Face, data: bytes, cpu_s: float = CASE_CPU_S) -> str:
    """What is wrong with how the face took this, as a trace; empty if nothing is."""
    try:
        with bounded(cpu_s):
            face.take(data)
    except face.refuses:
        return ""
    except (Exception, TooLong):  # noqa: BLE001 (whatever it is, it is a finding)
        return traceback.format_exc()
    return ""


def fuzz(named: Mapping[str, Face], seconds: float, seed: int, keep: Path) -> tuple[dict[str, int], list[str]]:
    """How many inputs each face was given, and the findings: where the input lies, and the trace's last line."""
    chance, until_s = random.Random(seed), time.monotonic() + seconds
    given, found = dict.fromkeys(named, 0), list[str]()
    turns = tuple(name for name, face in named.items() for _ in range(face.weight))
    while time.monotonic() < until_s and len(found) < FINDINGS_MOST:
        name = chance.choice(turns)
        seeds = named[name].seeds
        data = changed(chance.choice(seeds), chance.choice(seeds), chance)
        given[name] += 1
        if trace := finding(named[name], data):
            keep.mkdir(parents=True, exist_ok=True)
            place = keep / f"{name}-{given[name]}"
            place.write_bytes(data)
            place.with_suffix(".txt").write_text(trace, encoding="utf-8")
            found.append(f"{place}: {trace.strip().splitlines()[-1]}")
    return given, found


def main() -> int:
    """Exit code 1 with findings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--only", action="append", help="a face by its name; may be given again")
    asked = parser.parse_args()
    print("seed", asked.seed, flush=True)
    with tempfile.TemporaryDirectory(prefix="edgeguard-fuzz-") as folder:
        chosen = {name: face for name, face in faces(Path(folder)).items() if not asked.only or name in asked.only}
        given, found = fuzz(chosen, asked.seconds, asked.seed, asked.keep)
    print(", ".join(f"{name} {count}" for name, count in given.items()))
    print("\n".join(found) or f"{sum(given.values())} inputs, nothing found")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
