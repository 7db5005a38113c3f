"""What a meter is: a few of its values are read, and each profile is judged by how many of its data the meter has. Only reads."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from edgeguard.codec.identify import DOUBT, TEMPLATE_SHARE, score
from edgeguard.codec.meter_frame import ERROR_BIT
from edgeguard.codec.meter_value import outcome_of
from edgeguard.core.cjt188_table import TYPES
from edgeguard.core.identify import Evidence, Finding, Score
from edgeguard.core.ids import PointName
from edgeguard.core.limits import SCAN_METER_READS, SCAN_SCORES
from edgeguard.core.line import Protocol
from edgeguard.core.meter import Control, MeterField, Part, PartKind, UnitPlace, layout_of
from edgeguard.core.point import Labels, Outcome
from edgeguard.core.profile import Cjt188Limits, DeviceProfile, Dlt645Limits
from edgeguard.core.quality import Fault, Reason

Ask = Callable[[bytes], Awaitable[bytes | Fault]]

_FIRST: Final[Mapping[str, tuple[tuple[str, str, str, Labels], ...]]] = {
    "2007": (
        ("00010000", "XXXXXX.XX", "kWh", Labels("正向有功电能", "forward active energy")),
        ("02010100", "XXX.X", "V", Labels("A相电压", "voltage A")),
        ("02010200", "XXX.X", "V", Labels("B相电压", "voltage B")),
        ("02010300", "XXX.X", "V", Labels("C相电压", "voltage C")),
        ("02800002", "XX.XX", "Hz", Labels("频率", "frequency")),
    ),
    "1997": (
        ("9010", "XXXXXX.XX", "kWh", Labels("正向有功电能", "forward active energy")),
        ("B611", "XXXX", "V", Labels("A相电压", "voltage A")),
        ("B612", "XXXX", "V", Labels("B相电压", "voltage B")),
        ("B613", "XXXX", "V", Labels("C相电压", "voltage C")),
    ),
}
"""Read from every electricity meter, whatever profiles there are: a person wants to see a value."""
_OTHER_PHASES: Final[Mapping[str, Mapping[str, str]]] = {
    "2007": {"02010200": "XXX.X", "02010300": "XXX.X"},
    "1997": {"B612": "XXXX", "B613": "XXXX"},
}
"""Voltages that a single-phase meter does not have, or gives as 0; with their layouts."""
_CURRENT: Final = "901F"
_FORM_WORTH: Final = 5.0
_PHASES_WORTH: Final = 4.0
_VALVE_WORTH: Final = 4.0
_NO_VALVE_WORTH: Final = 0.25
"""A meter without a valve says that it is open, as one with an open valve does: that is hardly a sign."""
_SAID: Final = 2
_KINDS: Final[Mapping[str, tuple[str, ...]]] = {"1": ("water",), "2": ("heat", "heat-unit-first"), "3": ("gas",)}
"""CJ/T 188 forms by the first digit of the type byte."""


class MeterLook:
    """One meter being looked at. `data` holds what it gave by identifier, None where it refused; `again` what it gave later."""

    def __init__(self, ask: Ask, protocol: Protocol, station: str, variant: str) -> None:
        self._ask = ask
        self._protocol = protocol
        self._station = station
        self._variant = variant
        self._ser = 1
        self.data: dict[str, bytes | None] = {}
        self.again: dict[str, bytes | None] = {}
        self.said = Labels("", "")

    async def identify(self, profiles: Sequence[DeviceProfile]) -> tuple[Score, ...]:
        """The profiles that fit, the best first."""
        if self._protocol is Protocol.DLT645:
            await self._first_values()
            candidates = [
                p for p in profiles if isinstance(p.limits, Dlt645Limits) and str(p.limits.edition.value) == self._variant
            ]
        else:
            await self.read(_CURRENT)
            kinds = _KINDS.get(self._station[:1], ())
            candidates = [p for p in profiles if isinstance(p.limits, Cjt188Limits) and p.limits.form in kinds]
        for profile in candidates:
            for identifier in _wanted(profile):
                await self.read(identifier)
        for identifier in dict.fromkeys(identifier for profile in candidates for identifier in _counters(profile)):
            if self.data.get(identifier) is not None:
                self.again[identifier] = await self._read(identifier)
        scores = [self._score(profile) for profile in candidates]
        ranked = tuple(sorted((s for s in scores if s.value > 0), key=lambda s: (-s.value, s.profile)))[:SCAN_SCORES]
        if self._protocol is Protocol.CJT188:
            best = next((p for p in candidates if ranked and p.name == ranked[0].profile), None)
            self.said = self._introduction(best)
        return ranked

    async def read(self, identifier: str) -> bytes | None:
        """The data of an identifier; None if the meter does not have it or does not answer."""
        if identifier not in self.data:
            self.data[identifier] = await self._read(identifier)
        return self.data[identifier]

    async def _read(self, identifier: str) -> bytes | None:
        name = bytes.fromhex(identifier)
        if self._protocol is Protocol.DLT645:
            answer = await self._ask((b"\x11" if self._variant == "2007" else b"\x01") + name[::-1])
            head = 1 + len(name)
        else:
            self._ser = self._ser % 255 + 1
            wire = name[::-1] if self._variant == "1F90" else name
            answer = await self._ask(b"\x01" + wire + bytes((self._ser,)))
            head = 4
        if isinstance(answer, Fault) or answer[0] & ERROR_BIT:
            return None
        return answer[head:]

    async def _first_values(self) -> None:
        zh, en = [], []
        for identifier, layout, unit, name in _FIRST.get(self._variant, ()):
            data = await self.read(identifier)
            value = None if data is None else number_at(layout_of(layout), 0, data)
            if value is not None:
                zh.append(f"{name.zh} {value:g} {unit}")
                en.append(f"{name.en} {value:g} {unit}")
        self.said = Labels(", ".join(zh), ", ".join(en))

    def _introduction(self, profile: DeviceProfile | None) -> Labels:
        """What sort of meter its type byte says that it is, and the first of its numbers as the profile reads them."""
        sort = TYPES.get(self._station[:2], Labels("", ""))
        zh, en = ([sort.zh], [sort.en]) if sort.en else ([], [])
        if profile is not None:
            readings = dict(self._readings(profile, self.data))
            for point in profile.points:
                value = readings.get(point.name)
                if isinstance(value, float | int) and not isinstance(value, bool) and len(en) <= _SAID:
                    zh.append(f"{point.labels.zh} {value:g} {point.unit}".rstrip())
                    en.append(f"{point.labels.en} {value:g} {point.unit}".rstrip())
        return Labels(", ".join(zh), ", ".join(en))

    def _score(self, profile: DeviceProfile) -> Score:
        """What the profile asks for is there, and what it expects of the values holds."""
        findings: list[Finding] = []
        for identifier in _wanted(profile):
            has = self.data.get(identifier) is not None
            zh, en = ("有", "has") if has else ("没有", "does not have")
            findings.append(Finding(float(has), 1.0, Labels(f"电表{zh}数据 {identifier}", f"the meter {en} {identifier}")))
        findings += self._form(profile) if isinstance(profile.limits, Cjt188Limits) else self._phases(profile)
        first = dict(self._readings(profile, self.data))
        later = {**first, **dict(self._readings(profile, self.again))}
        findings += score(profile, Evidence(readings=(first, later))).findings
        worth = sum(finding.worth for finding in findings)
        if not worth or not any(finding.gained for finding in findings):
            return Score(profile.name, 0.0, ())
        fit = sum(finding.gained for finding in findings) / worth
        share = TEMPLATE_SHARE if profile.template else 1.0
        ordered = tuple(sorted(findings, key=lambda finding: -finding.worth))
        return Score(profile.name, share * fit * fit * worth / (worth + DOUBT), ordered)

    def _phases(self, profile: DeviceProfile) -> Iterator[Finding]:
        """Whether meter and profile have as many phases; nothing if the meter tells no voltage."""
        others = _OTHER_PHASES.get(self._variant, {})
        volts = [number_at(layout_of(layout), 0, self.data.get(identifier) or b"") for identifier, layout in others.items()]
        if not any(self.data.get(identifier) is not None for identifier, *_ in _FIRST.get(self._variant, ())[1:4]):
            return
        meter = any(volt for volt in volts)
        wanted = any(field.identifier in others for field in profile.data)
        fits = meter is wanted
        zh, en = ("三相", "three phases") if meter else ("单相", "one phase")
        text = Labels(f"电表为{zh}", f"the meter measures {en}")
        yield Finding(_PHASES_WORTH if fits else 0.0, _PHASES_WORTH, text)

    def _form(self, profile: DeviceProfile) -> Iterator[Finding]:
        """Whether the data reads as the profile reads it, and whether it tells of a valve where the profile has one."""
        data = self.data.get(_CURRENT)
        places = [(point, field) for point, field in zip(profile.points, profile.data, strict=True) if field.identifier == _CURRENT]
        numbers = [field for _, field in places if field.part.kind is PartKind.NUMBER]
        readings = dict(self._readings(profile, self.data))
        fits = data is not None and bool(numbers) and all(_is_read(readings[p.name]) for p, f in places if f in numbers)
        form = profile.limits.form if isinstance(profile.limits, Cjt188Limits) else ""
        sign = ("符合", "fits") if fits else ("不符", "does not fit")
        text = Labels(f"数据格式{sign[0]} {form}", f"the form of the data {sign[1]} {form}")
        yield Finding(_FORM_WORTH if fits else 0.0, _FORM_WORTH, text)
        for point, field in places:
            if field.control is Control.VALVE and data is not None:
                moved = bool(_bits(field, data))
                worth = _VALVE_WORTH if moved else _NO_VALVE_WORTH
                told = ("阀门不在开位", "a valve that is not open") if moved else ("没有阀门的迹象", "no sign of a valve")
                yield Finding(worth if moved else 0.0, worth, Labels(f"{point.labels.zh}:{told[0]}", f"{point.name}: {told[1]}"))

    def _readings(self, profile: DeviceProfile, data: Mapping[str, bytes | None]) -> Iterable[tuple[PointName, Outcome]]:
        for point, field in zip(profile.points, profile.data, strict=True):
            given = data.get(field.identifier)
            if given is not None:
                yield point.name, outcome_of(point, field, _item(field, given))


def _wanted(profile: DeviceProfile) -> tuple[str, ...]:
    """The identifiers by which a profile is judged: those that its rule speaks of, then the first others."""
    named = {name for expect in profile.identify.expect for name in (expect.point, *expect.sum_of)}
    places = list(zip(profile.points, profile.data, strict=True))
    first = [field.identifier for point, field in places if point.name in named]
    return tuple(dict.fromkeys([*first, *(field.identifier for field in profile.data)]))[:SCAN_METER_READS]


def _counters(profile: DeviceProfile) -> Iterator[str]:
    """Identifiers to be read twice: what falls is no counter."""
    counters = {expect.point for expect in profile.identify.expect if expect.never_falls}
    for point, field in zip(profile.points, profile.data, strict=True):
        if point.name in counters:
            yield field.identifier


def _item(field: MeterField, data: bytes) -> bytes:
    """The field's own bytes in the data of its identifier."""
    start = sum(part.width for part in field.layout[: field.item])
    return data[start : start + field.part.width]


def _bits(field: MeterField, data: bytes) -> int:
    """The bits that a field selects."""
    low, high = field.bits or (0, 8 * field.part.size - 1)
    return int.from_bytes(_item(field, data), "little") >> low & (1 << high - low + 1) - 1


def _is_read(outcome: Outcome) -> bool:
    """It is a value, or one that is merely unusual: not digits that are none, an unknown unit or missing bytes."""
    return not isinstance(outcome, Fault) or outcome.reason is Reason.OUT_OF_RANGE


def number_at(layout: Sequence[Part], item: int, data: bytes) -> float | None:
    """The number of an item in BCD, low byte first; None if the bytes are not there or are no digits."""
    part = layout[item]
    start = sum(before.width for before in layout[:item]) + (part.unit is UnitPlace.BEFORE)
    raw = bytearray(data[start : start + part.size][::-1])
    if len(raw) != part.size:
        return None
    negative = part.signed and bool(raw[0] & 0x80)
    if negative:
        raw[0] &= 0x7F
    digits = raw.hex()
    if not digits.isdecimal():
        return None
    value = int(digits) / float(10**part.decimals)
    return -value if negative else value
