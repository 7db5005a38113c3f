"""What a Modbus device is: it is asked for its identification, then for registers by which profiles tell their model. Only reads.

Identification: function 43/14 and 17 (MODBUS Application Protocol V1.1b3, 6.21 and 6.13). A profile whose first questions are
refused is not asked further, so that a device costs dozens of short reads and not hundreds.
"""

import struct
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from edgeguard.codec.identify import questions, score
from edgeguard.codec.modbus import ILLEGAL_FUNCTION, REFUSALS, check_answer, exception_code, read_request
from edgeguard.core.identify import Cell, Evidence, Score
from edgeguard.core.limits import SCAN_READS_PER_DEVICE, SCAN_SCORES
from edgeguard.core.point import Labels
from edgeguard.core.profile import DeviceProfile
from edgeguard.core.quality import Fault
from edgeguard.core.register import RegisterField, Table

Ask = Callable[[bytes], Awaitable[bytes | Fault]]
"""A PDU to one device; its answer, or the fault."""

SIGN_OF_LIFE: Final = read_request(Table.HOLDING, 0, 1)
"""The shortest question; whoever refuses it is there, too."""
_IDENTIFY: Final = 0x2B
_SERVER_ID: Final = 17
_OBJECT_READS: Final = 8
_SPAN_WORDS: Final = 60
_FIRST_QUESTIONS: Final = 3
_MIN_SCORE: Final = 0.05


class ModbusLook:
    """One device being looked at. `cells` holds what its registers held, `refused` those that it does not serve."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._left = SCAN_READS_PER_DEVICE
        self.objects: dict[int, str] = {}
        self.server_id = ""
        self.cells: dict[Cell, int] = {}
        self.refused: set[Cell] = set()
        self.absent: set[Table] = set()

    @property
    def said(self) -> Labels:
        """What the device says of itself, in a line."""
        told = " ".join(self.objects[i] for i in sorted(self.objects) if self.objects[i]) or self.server_id
        return Labels(told, told)

    @property
    def fingerprint(self) -> tuple[frozenset[tuple[int, str]], str, frozenset[Cell]]:
        """What stays the same while values change: what it says of itself, and what it refuses."""
        return frozenset(self.objects.items()), self.server_id, frozenset(self.refused)

    async def identify(self, profiles: Sequence[DeviceProfile]) -> tuple[Score, ...]:
        """The profiles that fit, the best first."""
        await self._read_objects()
        await self._read_server_id()
        candidates = [profile for profile in profiles if profile.fields and not profile.identify.is_empty]
        candidates.sort(key=lambda profile: -score(profile, self.evidence()).value)
        for profile in candidates:
            fields = questions(profile)
            await self.see(fields[:_FIRST_QUESTIONS])
            if not all(self._is_refused(field) for field in fields[:_FIRST_QUESTIONS]):
                await self.see(fields[_FIRST_QUESTIONS:])
        best = self._ranked(candidates, self.evidence())[:SCAN_SCORES]
        again = await self._counters([profile for profile in candidates if profile.name in {s.profile for s in best}])
        return self._ranked(candidates, self.evidence(again))[:SCAN_SCORES]

    def evidence(self, again: dict[Cell, int] | None = None) -> Evidence:
        """Everything seen; `again`: registers that were read a second time."""
        rounds = (self.cells,) if again is None else (self.cells, {**self.cells, **again})
        return Evidence(self.objects, self.server_id, rounds, frozenset(self.refused))

    async def see(self, fields: Iterable[RegisterField]) -> None:
        """Read what is not known yet of these fields, neighbours together."""
        missing = {field for field in fields if not self._is_known(field)}
        for field in missing:
            if field.table in self.absent:
                self._refuse((field,))
        for span in _spans([field for field in missing if field.table not in self.absent]):
            await self._read(span, self.cells)

    async def _counters(self, profiles: Iterable[DeviceProfile]) -> dict[Cell, int]:
        """Registers of counters once more: what falls is no counter."""
        again: dict[Cell, int] = {}
        fields = set()
        for profile in profiles:
            counters = {expect.point for expect in profile.identify.expect if expect.never_falls}
            places = zip(profile.points, profile.fields, strict=True)
            fields |= {field for point, field in places if point.name in counters and not self._is_refused(field)}
        for span in _spans(list(fields)):
            await self._read(span, again)
        return again

    async def _read(self, span: Sequence[RegisterField], into: dict[Cell, int]) -> None:
        """One read; a refused one is halved down to the field that is meant."""
        if self._left <= 0 or span[0].table in self.absent:
            return
        self._left -= 1
        table, first = span[0].table, span[0].address
        count = max(field.last for field in span) - first + 1
        request = read_request(table, first, count)
        answer = await self._ask(request)
        if isinstance(answer, Fault):
            return
        code = exception_code(answer)
        if code == ILLEGAL_FUNCTION:
            self.absent.add(table)
            self._refuse(span)
        elif code in REFUSALS:
            if len(span) == 1:
                self._refuse(span)
            else:
                await self._read(span[: len(span) // 2], into)
                await self._read(span[len(span) // 2 :], into)
        elif check_answer(request, answer) is None:
            words = _bits(answer[2:], count) if table.is_bits else struct.unpack(f">{count}H", answer[2:])
            into.update({(table, first + i): word for i, word in enumerate(words)})

    async def _read_objects(self) -> None:
        for code in (1, 2):
            start = 0 if code == 1 else 3
            for _ in range(_OBJECT_READS):
                answer = await self._ask(bytes((_IDENTIFY, 0x0E, code, start)))
                if isinstance(answer, Fault) or exception_code(answer) is not None:
                    if code == 1:
                        return
                    break
                objects, more = parse_objects(answer)
                self.objects.update(objects)
                if more is None or more <= start:
                    break
                start = more

    async def _read_server_id(self) -> None:
        answer = await self._ask(bytes((_SERVER_ID,)))
        if not isinstance(answer, Fault) and exception_code(answer) is None and answer[:1] == bytes((_SERVER_ID,)):
            self.server_id = _printable(answer[2:])

    def _ranked(self, profiles: Iterable[DeviceProfile], evidence: Evidence) -> tuple[Score, ...]:
        scores = [score(profile, evidence) for profile in profiles]
        return tuple(sorted((s for s in scores if s.value >= _MIN_SCORE), key=lambda s: (-s.value, s.profile)))

    def _refuse(self, fields: Iterable[RegisterField]) -> None:
        self.refused.update((field.table, field.address + i) for field in fields for i in range(field.words))

    def _is_refused(self, field: RegisterField) -> bool:
        return any((field.table, field.address + i) in self.refused for i in range(field.words))

    def _is_known(self, field: RegisterField) -> bool:
        return self._is_refused(field) or all((field.table, field.address + i) in self.cells for i in range(field.words))


def parse_objects(answer: bytes) -> tuple[dict[int, str], int | None]:
    """Objects of an answer to 43/14, and the id to go on with if there are more. Nothing of an answer that is malformed."""
    if len(answer) < 7 or answer[:2] != bytes((_IDENTIFY, 0x0E)):
        return {}, None
    more, following, count = answer[4], answer[5], answer[6]
    objects: dict[int, str] = {}
    place = 7
    for _ in range(count):
        if place + 2 > len(answer) or place + 2 + answer[place + 1] > len(answer):
            break
        objects[answer[place]] = _printable(answer[place + 2 : place + 2 + answer[place + 1]])
        place += 2 + answer[place + 1]
    return objects, following if more == 0xFF else None


def _printable(data: bytes) -> str:
    """The text in some bytes; what is none is left out."""
    return "".join(chr(byte) for byte in data if 0x20 <= byte < 0x7F).strip()


def _spans(fields: Sequence[RegisterField]) -> list[list[RegisterField]]:
    """Fields that can be read together: without holes between them, and not too many."""
    spans: list[list[RegisterField]] = []
    for field in sorted(fields, key=lambda f: (f.table, f.address, f.words)):
        span = spans[-1] if spans else None
        if (
            span is not None
            and span[0].table is field.table
            and field.address <= max(f.last for f in span) + 1
            and field.last - span[0].address < _SPAN_WORDS
        ):
            span.append(field)
        else:
            spans.append([field])
    return spans


def _bits(data: bytes, count: int) -> tuple[int, ...]:
    return tuple(data[i // 8] >> i % 8 & 1 for i in range(count))
