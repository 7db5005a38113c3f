"""Whether a profile's rule for recognising its model makes sense, and the core values of rule and ledger. Pure."""

from collections.abc import Iterator, Mapping

from edgeguard.config.identify_model import ExpectTable, IdentifyTable, LedgerTable, RegisterCheckTable
from edgeguard.config.mistakes import Mistakes, did_you_mean
from edgeguard.config.point_check import Finding
from edgeguard.core.identify import Expectation, IdentifyRule, RegisterCheck
from edgeguard.core.ids import PointName
from edgeguard.core.ledger import Claim, Entry, Ledger
from edgeguard.core.point import Kind, Point
from edgeguard.core.profile import AddressRange
from edgeguard.core.register import RawType, RegisterField, WordOrder


def rule_of(
    raw: IdentifyTable,
    points: Mapping[PointName, Point],
    written: set[str],
    forbidden: tuple[AddressRange, ...],
    mistakes: Mistakes,
) -> IdentifyRule:
    """The rule; `written` are the names of all points in the file, also of those that have mistakes of their own."""
    checks = []
    for i, check in enumerate(raw.registers):
        findings = list(_check_register(check, forbidden))
        for key, sentence in findings:
            mistakes.add(("identify", "registers", i, key), sentence)
        if not findings:
            checks.append(_register_check(check))
    for i, expect in enumerate(raw.expect):
        for key, sentence in _check_expect(expect, points, written):
            mistakes.add(("identify", "expect", i, key), sentence)
    return IdentifyRule(
        vendor=tuple(raw.vendor),
        product=tuple(raw.product),
        server_id=tuple(raw.server_id),
        registers=tuple(checks),
        expect=tuple(_expectation(expect) for expect in raw.expect),
    )


def ledger_of(raw: LedgerTable, mistakes: Mistakes) -> Ledger:
    """The claims that the file makes, in the order of their worth."""
    entries = []
    for claim in Claim:
        entry = getattr(raw, claim.value)
        if entry is None:
            continue
        if entry.composed and claim is not Claim.RECORDED:
            mistakes.add(("ledger", claim.value, "composed"), "is for recordings only")
        entries.append(Entry(claim, entry.date, entry.done, entry.composed))
    return Ledger(tuple(entries))


def _check_register(raw: RegisterCheckTable, forbidden: tuple[AddressRange, ...]) -> Iterator[Finding]:
    given = [key for key in ("equals", "contains", "range") if getattr(raw, key)]
    if len(given) != 1:
        yield "means", "a register needs one of equals, contains and range, by which it tells the model"
    if raw.table.is_bits:
        if raw.type is not None or raw.words is not None or raw.word_order is not None:
            yield "type", f"a {raw.table.value} is a single bit; leave type, words and word_order out"
        if raw.equals and not set(raw.equals) <= {0, 1}:
            yield "equals", "a single bit is 0 or 1"
        return
    if raw.type is None:
        yield "type", "is missing: a register needs one, such as uint16 or string"
        return
    if raw.type is RawType.BIT:
        yield "type", '"bit" is for coils and discrete inputs'
        return
    is_text = raw.type is RawType.STRING
    if is_text != bool(raw.contains):
        yield "contains", "is for strings, and strings need it"
    if is_text and raw.words is None:
        yield "words", "is missing: a string needs the number of its registers"
        return
    if not is_text and raw.words is not None:
        yield "words", "is for strings only"
    field = _field(raw)
    for area in forbidden:
        if area.table is raw.table and raw.address <= area.last and field.last >= area.first:
            yield "address", f"lies in the forbidden range {area.first}..{area.last} of the {area.table.value} table"


def _field(raw: RegisterCheckTable) -> RegisterField:
    if raw.table.is_bits or raw.type is None:
        return RegisterField(raw.table, raw.address, RawType.BIT)
    order = raw.word_order or WordOrder.BIG
    return RegisterField(raw.table, raw.address, raw.type, raw.words or raw.type.words, order)


def _register_check(raw: RegisterCheckTable) -> RegisterCheck:
    return RegisterCheck(
        field=_field(raw),
        means=raw.means,
        equals=tuple(raw.equals),
        contains=tuple(raw.contains),
        minimum=raw.range[0] if raw.range else None,
        maximum=raw.range[1] if raw.range else None,
    )


def _check_expect(raw: ExpectTable, points: Mapping[PointName, Point], written: set[str]) -> Iterator[Finding]:
    for key, named in (("point", raw.point), *(("sum_of", name) for name in raw.sum_of)):
        if named not in written:
            yield key, f'there is no point "{named}"{did_you_mean(named, written)}'
    if raw.range is None and not raw.among and not raw.never_falls and not raw.sum_of:
        yield "point", "expects nothing: give range, among, never_falls or sum_of"
    if raw.range is not None and not raw.range[0] <= raw.range[1]:
        yield "range", f"[{raw.range[0]:g}, {raw.range[1]:g}] must be [least, most]"
    point = points.get(PointName(raw.point))
    if point is None:
        return
    numeric = raw.range is not None or raw.never_falls or bool(raw.sum_of) or raw.zero
    if numeric and point.kind is not Kind.NUMBER:
        yield "point", f"{point.name} is no number; use among"
    texts = {labels.en for labels in point.choices.values()}
    for value in raw.among:
        if point.kind is Kind.NUMBER or isinstance(value, bool) != (point.kind is Kind.BOOLEAN):
            yield "among", f"{value!r} cannot be a value of {point.name}"
        elif isinstance(value, str) and texts and value not in texts:
            yield "among", f'"{value}" is not the English text of a choice of {point.name}{did_you_mean(value, texts)}'


def _expectation(raw: ExpectTable) -> Expectation:
    return Expectation(
        point=PointName(raw.point),
        minimum=raw.range[0] if raw.range else None,
        maximum=raw.range[1] if raw.range else None,
        among=tuple(raw.among),
        zero=raw.zero,
        never_falls=raw.never_falls,
        sum_of=tuple(PointName(name) for name in raw.sum_of),
        within_percent=raw.within,
    )
