"""What decoding costs per point: a block of registers from its bytes to checked values, beside pymodbus' own conversion.

Three blocks of the commonest kinds: 60 float32 points as they are, 100 uint16 points with scale and range, 60 scaled uint32 with
the low word first. pymodbus converts each point by itself and checks nothing; its bytes are split into registers beforehand, which
is not counted. Runs alternate, the lowest of each counts. Prints one JSON object a kind.
use: bench_decode.py [--rounds 400] [--runs 5]
"""

import argparse
import json
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from pymodbus.client.mixin import ModbusClientMixin

from edgeguard.codec.block import compile_block
from edgeguard.codec.plan import Span
from edgeguard.core.ids import PointName
from edgeguard.core.point import Kind, Labels, Point
from edgeguard.core.quality import Fault
from edgeguard.core.register import RawType, RegisterField, Table, WordOrder

NAME = Labels("点", "point")


@dataclass(frozen=True, slots=True)
class Case:
    """`count` points of one kind; `raw` is the number in each."""

    name: str
    count: int
    type: RawType
    scale: float
    order: WordOrder
    raw: float

    def words(self) -> list[int]:
        """All registers of the block."""
        form = {RawType.FLOAT32: ">f", RawType.UINT16: ">H", RawType.UINT32: ">I"}[self.type]
        data = struct.pack(form, self.raw if self.type is RawType.FLOAT32 else int(self.raw))
        one = [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]
        return (one[::-1] if self.order is WordOrder.LITTLE else one) * self.count


CASES = (
    Case("float32", 60, RawType.FLOAT32, 1.0, WordOrder.BIG, 231.5),
    Case("uint16 scaled", 100, RawType.UINT16, 0.1, WordOrder.BIG, 2315),
    Case("uint32 scaled, low word first", 60, RawType.UINT32, 0.01, WordOrder.LITTLE, 1_234_567),
)


def ours(case: Case) -> Callable[[], object]:
    """Decode the answer to a block's request."""
    words = case.type.words
    points = tuple(
        Point(PointName(f"p{i}"), Kind.NUMBER, NAME, unit="V", minimum=0.0, maximum=1e6, decimals=2) for i in range(case.count)
    )
    fields = tuple(
        RegisterField(Table.HOLDING, i * words, case.type, words, case.order, scale=case.scale) for i in range(case.count)
    )
    block = compile_block(Span(Table.HOLDING, 0, case.count * words, tuple(range(case.count))), points, fields)
    answer = block.head + struct.pack(f">{case.count * words}H", *case.words())
    values = block.decode(answer)
    assert not isinstance(values, Fault), values
    assert abs(float(values[0]) - case.raw * case.scale) < 1e-3, values[0]  # type: ignore[arg-type]
    return lambda: block.decode(answer)


def pymodbus(case: Case) -> Callable[[], object]:
    """Convert register by register, as its documentation shows."""
    kinds = ModbusClientMixin.DATATYPE
    kind = {RawType.FLOAT32: kinds.FLOAT32, RawType.UINT16: kinds.UINT16, RawType.UINT32: kinds.UINT32}[case.type]
    registers, words = case.words(), case.type.words
    parts = [registers[at : at + words] for at in range(0, len(registers), words)]
    convert = ModbusClientMixin.convert_from_registers
    order = "little" if case.order is WordOrder.LITTLE else "big"
    return lambda: [convert(part, kind, word_order=order) * case.scale for part in parts]  # type: ignore[operator,arg-type]


def per_point_ns(work: Callable[[], object], rounds: int, points: int) -> float:
    """CPU nanoseconds per point."""
    begun_ns = time.process_time_ns()
    for _ in range(rounds):
        work()
    return (time.process_time_ns() - begun_ns) / rounds / points


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=400)
    options.add_argument("--runs", type=int, default=5)
    given = options.parse_args()
    for case in CASES:
        works = ours(case), pymodbus(case)
        runs = [[per_point_ns(work, given.rounds, case.count) for work in works] for _ in range(given.runs)]
        own, theirs = (min(run[i] for run in runs) for i in (0, 1))
        told = {"bench": "decode", "block": case.name, "ns_per_point": round(own), "pymodbus_ns_per_point": round(theirs)}
        print(json.dumps(told | {"ratio": round(own / theirs, 3)}))


if __name__ == "__main__":
    main()
