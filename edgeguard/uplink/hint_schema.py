"""What an event of type `hint` holds."""

from edgeguard.core.maintenance import HintKind
from edgeguard.rules.hints import Gone, Telling
from edgeguard.rules.judgement import Seen
from edgeguard.uplink.schema_parts import ID, LABELS, MAYBE, MOMENT, Schema, one_of, record, shared, table, text


def hint_schema() -> Schema:
    """A maintenance hint as it is raised, updated or withdrawn."""
    return record(
        {
            "id": text("device.what: one hint per cause, the same in all its news"),
            "device": shared(ID),
            "kind": one_of(HintKind),
            "state": one_of(Telling),
            "seen": one_of(Seen, "how the change shows itself"),
            "since": {**shared(MOMENT), "description": "when it was raised"},
            "onset": _day("from which the change is seen; of wear: of the last service"),
            "onset_open": {"type": "boolean", "description": "it may have begun earlier"},
            "confidence": {
                "type": "number",
                "minimum": 0.5,
                "maximum": 1,
                "description": "how sure it is that the change is real; the date's own doubt is in earliest and latest",
            },
            "evidence": table(shared(MAYBE), about="the figures: reference, level, limit, share, per_day, days ...; of wear: used"),
            "text": shared(LABELS),
            "check": {**shared(LABELS), "description": "what to look at on the spot"},
        },
        {
            "limit_date": _day("on which the limit is expected to be met"),
            "earliest": _day("the beginning of the date's 90 % interval"),
            "latest": _day("its end; absent if it may be that the limit is never met"),
            "gone": one_of(Gone, "why it is withdrawn"),
            "snoozed_until": _day("until which a person has put it aside"),
        },
        "something wears out: what was seen, since when, by which figures, and what to check",
    )


def _day(about: str) -> Schema:
    return text(f"the day {about}", pattern=r"^\d{4}-\d\d-\d\d$")
