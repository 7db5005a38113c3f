"""A hint's news as an item of the events' stream. Pure."""

from typing import Final

import orjson

from edgeguard.core.clock import Stamp
from edgeguard.core.hint import HintReport
from edgeguard.core.item import Item, Stream

_ALWAYS: Final = ("id", "device", "kind", "state", "seen", "since", "onset", "onset_open", "confidence")
_IF_KNOWN: Final = ("limit_date", "earliest", "latest", "gone", "snoozed_until")


def hint_item(report: HintReport, at: Stamp) -> Item:
    """`{"type":"hint","id":…,"device":…,"kind":…,"state":"raised|updated|withdrawn","since":…,"evidence":{…},"text":{…},…}`."""
    body: dict[str, object] = {"type": "hint", **{key: getattr(report, key) for key in _ALWAYS}}
    body |= {key: value for key in _IF_KNOWN if (value := getattr(report, key)) is not None}
    body |= {
        "evidence": dict(report.evidence),
        "text": {"zh": report.text.zh, "en": report.text.en},
        "check": {"zh": report.check.zh, "en": report.check.en},
    }
    return Item(Stream.EVENTS, at, orjson.dumps(body))
