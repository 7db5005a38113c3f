"""What meters say as items of the stream of events, in the form that platforms read."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import orjson

from edgeguard.core.clock import Stamp, iso_utc
from edgeguard.core.item import Item, Stream
from edgeguard.core.metering import MICRO, QUARTER_MS, Incident, MeterEvent, MeterSpec
from edgeguard.core.point import Labels
from edgeguard.rules.intervals import Gap, Slot
from edgeguard.rules.tariff import Rate

TEXTS: Final[Mapping[Incident, Labels]] = MappingProxyType(
    {
        Incident.BEGIN: Labels("开始计量", "metering begins"),
        Incident.ROLLOVER: Labels("计数器翻转,已计入", "the counter rolled over; counted"),
        Incident.REPLACEMENT: Labels("按登记换表,已计入", "the meter was exchanged as declared; counted"),
        Incident.LATE_REPLACEMENT: Labels("换表为事后登记,已更正用量", "the meter was exchanged as declared afterwards; corrected"),
        Incident.MISMATCH: Labels("换表登记与读数不符,未计入", "a declared exchange does not fit the readings; not counted"),
        Incident.RESET: Labels("计数器变小(复位或换表),期间用量未知", "the counter shows less (reset or exchanged); not counted"),
        Incident.JUMP: Labels("计数器跳变过大,未计入", "the counter jumped by more than can have flowed; not counted"),
        Incident.GLITCH: Labels("个别读数异常,已忽略", "a reading did not fit and was left out"),
        Incident.CORRECTION: Labels("先前读数偏高,已冲回", "an earlier reading was too high; taken back"),
        Incident.GAP: Labels("长时间无读数,用量不分摊到时段", "nothing was read for very long; the amount is not divided"),
    }
)


def interval_items(meter: MeterSpec, slots: Sequence[Slot], rates: Sequence[Rate | None], at: Stamp) -> list[Item]:
    """`{"type":"energy","meter":…,"from":…,"to":…,"value":…,"unit":…,"quality":"measured|partial|spread","period":…}`.

    Quarters that were only divided evenly are one item for all that follow each other. What comes again of an interval is added
    to what was told of it before. The sum of all values is what the meter has counted.
    """
    items: list[Item] = []
    run: list[Slot] = []
    for slot, rate in zip(slots, rates, strict=True):
        if slot.spread and run and run[-1].quarter + 1 == slot.quarter:
            run.append(slot)
            continue
        if run:
            items.append(_item(meter, run, None, at))
            run = []
        if slot.spread:
            run = [slot]
        else:
            items.append(_item(meter, (slot,), rate, at))
    return [*items, _item(meter, run, None, at)] if run else items


def _item(meter: MeterSpec, slots: Sequence[Slot], rate: Rate | None, at: Stamp) -> Item:
    quality = "spread" if any(slot.spread for slot in slots) else "measured" if slots[0].whole else "partial"
    begin, end = slots[0].quarter * QUARTER_MS, (slots[-1].quarter + 1) * QUARTER_MS
    return _amount(meter, (begin, end), sum(slot.amount for slot in slots), quality, rate, at)


def gap_item(meter: MeterSpec, gap: Gap, at: Stamp) -> Item:
    """An amount over a time too long to be divided: quality `undivided`."""
    return _amount(meter, (gap.from_ms, gap.to_ms), gap.amount, "undivided", None, at)


def _amount(meter: MeterSpec, span: tuple[int, int], amount: int, quality: str, rate: Rate | None, at: Stamp) -> Item:
    body = {
        "type": "energy",
        "meter": meter.name,
        "device": meter.device,
        "medium": meter.medium.value,
        "from": iso_utc(span[0]),
        "to": iso_utc(span[1]),
        "value": amount / MICRO,
        "unit": meter.unit,
        "quality": quality,
    }
    if rate is not None:
        body["period"] = rate.period
    return Item(Stream.EVENTS, at, orjson.dumps(body))


def incident_item(meter: MeterSpec, event: MeterEvent) -> Item:
    """`{"type":"energy","meter":…,"incident":…,"before":…,"after":…,"counted":…,"since":…,"unit":…,"text":{…}}`."""
    text = TEXTS[event.incident]
    since = {} if event.since_ms is None else {"since": iso_utc(event.since_ms)}
    body = {
        "type": "energy",
        "meter": meter.name,
        "device": meter.device,
        "medium": meter.medium.value,
        "incident": event.incident.value,
        "before": event.before / MICRO,
        "after": event.after / MICRO,
        "counted": event.counted / MICRO,
        "unit": meter.unit,
        **since,
        "text": {"zh": text.zh, "en": text.en},
    }
    return Item(Stream.EVENTS, event.at, orjson.dumps(body))
