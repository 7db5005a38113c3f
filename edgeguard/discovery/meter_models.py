"""What a meter is: a few of its values are read, and each profile is judged by how many of its data the meter has. Only reads."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

from edgeguard.codec.identify import DOUBT, score
from edgeguard.codec.meter_frame import ERROR_BIT
from edgeguard.core.identify import Evidence, Finding, Score
from edgeguard.core.ids import PointName
from edgeguard.core.limits import SCAN_SCORES
from edgeguard.core.line import Protocol
from edgeguard.core.meter import MeterField, Part, PartKind, UnitPlace, layout_of
from edgeguard.core.point import Labels, Outcome
from edgeguard.core.profile import Cjt188Limits, DeviceProfile, Dlt645Limits
from edgeguard.core.quality import Fault

Ask = Callable[[bytes], Awaitable[bytes | Fault]]

_IDENTIFIERS_PER_PROFILE: Final = 12
_FIRST: Final[Mapping[str, tuple[tuple[str, str, str, str], ...]]] = {
    "2007": (
        ("00010000", "XXXXXX.XX", "kWh", "forward active energy"),
        ("02010100", "XXX.X", "V", "voltage A"),
        ("02010200", "XXX.X", "V", "voltage B"),
        ("02800002", "XX.XX", "Hz", "frequency"),
    ),
    "1997": (("9010", "XXXXXX.XX", "kWh", "forward active energy"), ("B611", "XXXX", "V", "voltage A")),
}
"""Read from every electricity meter, whatever profiles there are: a person wants to see a value."""
_CURRENT: Final = "901F"
_FORM_WORTH: Final = 5.0
_KINDS: Final[Mapping[str, tuple[str, ...]]] = {"1": ("water",), "2": ("heat", "heat-unit-first"), "3": ("gas",)}
"""CJ/T 188 forms by the first digit of the type byte."""


class MeterLook:
    """One meter being looked at. `data` holds what it gave by identifier, None where it refused."""

    def __init__(self, ask: Ask, protocol: Protocol, station: str, variant: str) -> None:
        self._ask = ask
        self._protocol = protocol
        self._station = station
        self._variant = variant
        self._ser = 1
        self.data: dict[str, bytes | None] = {}
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
            self._say_volume()
        scores = [await self._score(profile) for profile in candidates]
        return tuple(sorted((s for s in scores if s.value > 0), key=lambda s: (-s.value, s.profile)))[:SCAN_SCORES]

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
        said = []
        for identifier, layout, unit, name in _FIRST.get(self._variant, ()):
            data = await self.read(identifier)
            value = None if data is None else number_at(layout_of(layout), 0, data)
            if value is not None:
                said.append(f"{name} {value:g} {unit}")
        self.said = Labels(*[", ".join(said)] * 2)

    def _say_volume(self) -> None:
        data = self.data.get(_CURRENT)
        value = None if data is None else number_at(layout_of("XXXXXX.XX+U"), 0, data)
        if value is not None and self._station.startswith("1"):
            self.said = Labels(*[f"volume {value:g}"] * 2)

    async def _score(self, profile: DeviceProfile) -> Score:
        """What the profile asks for is there, and what it expects of the values holds."""
        findings: list[Finding] = []
        identifiers = tuple(dict.fromkeys(field.identifier for field in profile.data))[:_IDENTIFIERS_PER_PROFILE]
        for identifier in identifiers:
            has = await self.read(identifier) is not None
            zh, en = ("有", "has") if has else ("没有", "does not have")
            findings.append(Finding(float(has), 1.0, Labels(f"电表{zh}数据 {identifier}", f"the meter {en} {identifier}")))
        if isinstance(profile.limits, Cjt188Limits):
            fits = self._fits_form(profile)
            sign = ("符合", "fits") if fits else ("不符", "does not fit")
            text = Labels(f"数据格式{sign[0]} {profile.limits.form}", f"the form of the data {sign[1]} {profile.limits.form}")
            findings.append(Finding(_FORM_WORTH if fits else 0.0, _FORM_WORTH, text))
        findings += score(profile, Evidence(readings=(dict(self._readings(profile)),))).findings
        worth = sum(finding.worth for finding in findings)
        if not worth or not any(finding.gained for finding in findings):
            return Score(profile.name, 0.0, ())
        fit = sum(finding.gained for finding in findings) / worth
        ordered = tuple(sorted(findings, key=lambda finding: -finding.worth))
        return Score(profile.name, fit * fit * worth / (worth + DOUBT), ordered)

    def _fits_form(self, profile: DeviceProfile) -> bool:
        """The data is as long as the profile's layout, and its numbers are decimal digits."""
        field = next((field for field in profile.data if field.identifier == _CURRENT), None)
        data = self.data.get(_CURRENT)
        if field is None or data is None or len(data) < sum(part.width for part in field.layout):
            return False
        numbers = [i for i, part in enumerate(field.layout) if part.kind is PartKind.NUMBER]
        return all(number_at(field.layout, i, data) is not None for i in numbers)

    def _readings(self, profile: DeviceProfile) -> Iterable[tuple[PointName, Outcome]]:
        for point, field in zip(profile.points, profile.data, strict=True):
            data = self.data.get(field.identifier)
            if data is not None and field.part.kind is PartKind.NUMBER:
                value = _value(field, data)
                if value is not None:
                    yield point.name, value


def _value(field: MeterField, data: bytes) -> float | None:
    value = number_at(field.layout, field.item, data)
    return None if value is None else value * field.scale


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
