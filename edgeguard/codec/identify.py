"""How well a profile fits what was seen of a device: each thing that can be judged weighs for or against it. Pure.

value = fit squared x weight / (weight + DOUBT): `fit` is the share of the weighed things that agree, squared because one number
that cannot be (a line voltage of 3000 V) says more than several that could be anything; the second factor lets a profile
that was tested by much stand before one that was tested by little. What was not seen weighs nothing, and a template only half.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

from edgeguard.codec.single import outcome_of, raw_of
from edgeguard.core.identify import Evidence, Expectation, Finding, RegisterCheck, Score
from edgeguard.core.ids import PointName
from edgeguard.core.point import Labels, Outcome, Point
from edgeguard.core.profile import DeviceProfile
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.register import RegisterField

PRODUCT_WEIGHT: Final = 6.0
REGISTER_WEIGHT: Final = 5.0
SERVER_ID_WEIGHT: Final = 4.0
VENDOR_WEIGHT: Final = 2.0
SUM_WEIGHT: Final = 2.0
POINT_WEIGHT: Final = 1.0
PRESENCE_WEIGHT: Final = 0.25
"""Of a bit that may be either: all it says is that it is there, and servers there are that have every bit."""
DOUBT: Final = 3.0
TEMPLATE_SHARE: Final = 0.5
"""A pattern fits many devices a little: a model that fits as well stands before it."""
_VENDOR: Final = 0
_PRODUCT: Final = (1, 4, 5)
_IMPOSSIBLE: Final = frozenset({Reason.OUT_OF_RANGE, Reason.UNDECODABLE})

Readings = Mapping[PointName, Outcome]


def questions(profile: DeviceProfile) -> tuple[RegisterField, ...]:
    """The registers that the profile's rule is about, in the order in which they weigh; to be read once, counters twice."""
    rule = profile.identify
    fields = {point.name: field for point, field in _places(profile)}
    wanted = [check.field for check in rule.registers]
    for expect in rule.expect:
        wanted += [fields[name] for name in (expect.point, *expect.sum_of) if name in fields]
    return tuple(dict.fromkeys(wanted))


def score(profile: DeviceProfile, evidence: Evidence) -> Score:
    """How well the profile fits; 0 without findings if its rule says nothing about what was seen."""
    findings = sorted(_findings(profile, evidence), key=lambda finding: -finding.worth)
    worth = sum(finding.worth for finding in findings)
    if worth == 0:
        return Score(profile.name, 0.0, ())
    fit = sum(finding.gained for finding in findings) / worth
    share = TEMPLATE_SHARE if profile.template else 1.0
    return Score(profile.name, share * fit * fit * worth / (worth + DOUBT), tuple(findings))


def _findings(profile: DeviceProfile, evidence: Evidence) -> Iterator[Finding]:
    yield from _words(profile, evidence)
    for check in profile.identify.registers:
        yield from _register(check, evidence)
    rounds = [*_decoded(profile, evidence), *evidence.readings]
    yield from _refused(profile, evidence)
    for expect in profile.identify.expect:
        seen = [readings[expect.point] for readings in rounds if expect.point in readings]
        if seen:
            yield from _expected(expect, seen, [r for r in rounds if expect.point in r])


def _words(profile: DeviceProfile, evidence: Evidence) -> Iterator[Finding]:
    """What the device says of itself."""
    rule = profile.identify
    vendor = evidence.objects.get(_VENDOR, "")
    product = " ".join(evidence.objects.get(i, "") for i in _PRODUCT).strip()
    for wanted, said, worth, zh, en in (
        (rule.product, product, PRODUCT_WEIGHT, "型号", "product"),
        (rule.vendor, vendor, VENDOR_WEIGHT, "厂家", "vendor"),
        (rule.server_id, evidence.server_id, SERVER_ID_WEIGHT, "从站标识", "server id"),
    ):
        if wanted and said:
            fits = any(word.casefold() in said.casefold() for word in wanted)
            sign = ("符合", "fits") if fits else ("不符", "does not fit")
            yield _finding(fits, worth, f'{zh}"{said}"{sign[0]}', f'the {en} "{said}" {sign[1]}')
    if vendor and not rule.vendor and not rule.product:
        fits = profile.maker.casefold() in vendor.casefold()
        zh, en = f'设备自称厂家"{vendor}"', f'the device says that "{vendor}" made it'
        yield _finding(fits, VENDOR_WEIGHT, zh, en)


def _register(check: RegisterCheck, evidence: Evidence) -> Iterator[Finding]:
    """A register that tells the model."""
    place = f"{check.field.table.value} {check.field.address}"
    if _is_refused(check.field, evidence):
        yield _finding(False, REGISTER_WEIGHT, f"{place} 被拒绝读取({check.means})", f"{place} is refused ({check.means})")
        return
    for cells in evidence.rounds[-1:]:
        raw = raw_of(check.field, cells)
        if raw is None:
            continue
        shown = _text(raw) if isinstance(raw, bytes) else raw
        if isinstance(shown, str):
            fits = any(word.casefold() in shown.casefold() for word in check.contains)
        elif check.equals:
            fits = shown in check.equals
        else:
            fits = (check.minimum is None or shown >= check.minimum) and (check.maximum is None or shown <= check.maximum)
        worth = REGISTER_WEIGHT if check.equals or check.contains else POINT_WEIGHT
        sign = ("符合", "as expected") if fits else ("不符", "which is not expected")
        yield _finding(fits, worth, f"{place} = {shown},{sign[0]}({check.means})", f"{place} = {shown}, {sign[1]} ({check.means})")


def _text(raw: bytes) -> str:
    return "".join(c if c.isprintable() else "." for c in raw.partition(b"\0")[0].decode("ascii", "replace")).strip()


def _is_refused(field: RegisterField, evidence: Evidence) -> bool:
    return any((field.table, field.address + i) in evidence.refused for i in range(field.words))


def _named(profile: DeviceProfile) -> list[tuple[Point, RegisterField]]:
    """The points that the rule speaks of."""
    named = {name for expect in profile.identify.expect for name in (expect.point, *expect.sum_of)}
    return [(point, field) for point, field in _places(profile) if point.name in named]


def _places(profile: DeviceProfile) -> tuple[tuple[Point, RegisterField], ...]:
    """Points with their registers; none where a device has no registers."""
    return tuple(zip(profile.points, profile.fields, strict=True)) if profile.fields else ()


def _refused(profile: DeviceProfile, evidence: Evidence) -> Iterator[Finding]:
    """Points that the rule speaks of and that the device does not have."""
    for point, field in _named(profile):
        if _is_refused(field, evidence):
            yield _finding(False, POINT_WEIGHT, f"{point.labels.zh}:设备拒绝读取", f"the device refuses {point.name}")


def _decoded(profile: DeviceProfile, evidence: Evidence) -> list[dict[PointName, Outcome]]:
    """Those points as far as each round of registers tells them, but for those that are refused."""
    named = [(point, field) for point, field in _named(profile) if not _is_refused(field, evidence)]
    rounds = []
    for cells in evidence.rounds:
        readings: dict[PointName, Outcome] = {}
        for point, field in named:
            outcome = outcome_of(point, field, cells)
            if outcome is not None:
                readings[point.name] = outcome
        rounds.append(readings)
    return rounds


def _expected(expect: Expectation, seen: list[Outcome], rounds: list[Readings]) -> Iterator[Finding]:
    name, last = expect.point, seen[-1]
    if isinstance(last, Fault):
        if last.reason in _IMPOSSIBLE:
            yield _finding(False, POINT_WEIGHT, f"{name} 的值不可能:{last.detail}", f"{name} cannot be: {last.detail}")
        return
    if expect.among:
        fits = any(last == value and isinstance(last, bool) == isinstance(value, bool) for value in expect.among)
        either = {True, False}.issubset(expect.among) and isinstance(last, bool)
        yield _finding(fits, PRESENCE_WEIGHT if either else POINT_WEIGHT, f"{name} = {last}", f"{name} = {last}")
    if isinstance(last, bool | str):
        return
    if expect.minimum is not None and expect.maximum is not None and not (expect.zero and last == 0):
        fits = expect.minimum <= last <= expect.maximum
        usual = f"{expect.minimum:g} … {expect.maximum:g}"
        yield _finding(fits, POINT_WEIGHT, f"{name} = {last:g}(常见 {usual})", f"{name} = {last:g} (usual: {usual})")
    if expect.never_falls:
        yield from _counter(expect, seen)
    if expect.sum_of:
        yield from _sum(expect, last, rounds[-1])


def _counter(expect: Expectation, seen: list[Outcome]) -> Iterator[Finding]:
    """A counter that was read twice and is not at zero."""
    numbers = [value for value in seen if not isinstance(value, bool | str | Fault)]
    if len(numbers) < 2 or numbers[-1] == 0:
        return
    fits = all(later >= earlier for earlier, later in pairwise(numbers))
    said = ("没有下降", "did not fall") if fits else ("下降了", "fell")
    yield _finding(fits, POINT_WEIGHT, f"计数 {expect.point} {said[0]}", f"the counter {expect.point} {said[1]}")


def _sum(expect: Expectation, total: float | int, readings: Readings) -> Iterator[Finding]:
    parts = [readings.get(name) for name in expect.sum_of]
    numbers = [part for part in parts if isinstance(part, int | float) and not isinstance(part, bool)]
    largest = max((abs(number) for number in (*numbers, total)), default=0.0)
    if len(numbers) != len(parts) or largest == 0:
        return
    fits = abs(sum(numbers) - total) <= largest * expect.within_percent / 100
    names = " + ".join(expect.sum_of)
    zh, en = ("等于", "is") if fits else ("不等于", "is not")
    yield _finding(fits, SUM_WEIGHT, f"{expect.point} {zh} {names}", f"{expect.point} {en} {names}")


def _finding(fits: bool, worth: float, zh: str, en: str) -> Finding:
    return Finding(worth if fits else 0.0, worth, Labels(zh=zh, en=en))
