"""Events of gates: decisions and what became of them, vehicles inside, lists."""

from collections.abc import Mapping
from typing import Final

from edgeguard.core.camera import PlateShape
from edgeguard.core.gate import Way
from edgeguard.core.gate_list import ListKind
from edgeguard.rules.gate import Reason, Verdict
from edgeguard.rules.passage import Told
from edgeguard.rules.stays import Happened
from edgeguard.uplink.schema_parts import COUNT, ID, LABELS, MOMENT, Schema, empty_or, one_of, record, shared, text

_ENDS: Final = (Told.PASSED, Told.PASSED_UNSEEN, Told.NOT_PASSED, Told.UNSEEN, Told.NOT_WAITED, Told.TAILGATED)
GATE_STATES: Final = (
    *("decided", "opened", "not-opened", "confirmed", "passed-unread"),
    *(word.value for word in _ENDS),
)
_PLATE: Final = "the plate in the shape that the camera's setting allows; null: it could not be read"


def _gate() -> Schema:
    return record(
        {
            "state": one_of(GATE_STATES, "decided first; what became of it since, in further events with the same id"),
            "gate": shared(ID),
            "id": empty_or(text("that of the pass, as the event of type plate has it; null: a vehicle that nobody decided upon")),
        },
        {
            "camera": shared(ID),
            "way": one_of(Way),
            "plate": empty_or(text(_PLATE)),
            "shape": one_of(PlateShape),
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
            "verdict": one_of(Verdict, "ask: a person has to decide"),
            "reason": one_of(Reason),
            "text": shared(LABELS),
            "list": empty_or(one_of(ListKind)),
            "near": text("the listed plate that the reading is, or nearly is, in the same shape"),
            "relay_ms": {"type": "integer", "minimum": 0, "description": "from the reading to the relay"},
            "detail": text("why it did not open"),
            "by": text("who let it in"),
        },
        "a vehicle before a gate, and what became of it",
    )


def _stay() -> Schema:
    return record(
        {
            "state": one_of(Happened),
            "zone": shared(ID),
            "gate": empty_or(shared(ID)),
            "plate": empty_or(text(_PLATE)),
            "shape": one_of(PlateShape),
            "duration_s": empty_or({"type": "number", "minimum": 0}),
            "since": empty_or(shared(MOMENT)),
            "count": {**shared(COUNT), "description": "vehicles in the zone from now on"},
        },
        {"by": text("who has corrected it")},
        "a vehicle has come in or gone out; duration_s null: nobody knows, for its entry or exit was missed or a clock was wrong",
    )


def _list() -> Schema:
    return record(
        {
            "list": one_of(ListKind),
            "entries": shared(COUNT),
            "added": shared(COUNT),
            "changed": shared(COUNT),
            "removed": shared(COUNT),
            "version": empty_or(shared(COUNT)),
            "local": {**shared(COUNT), "description": "changes made on the gateway since that version"},
            "by": text("who has changed it"),
        },
        {},
        "a list of plates is another from now on",
    )


def gate_schemas() -> Mapping[str, Schema]:
    """By the events' `type`."""
    return {"gate": _gate(), "stay": _stay(), "gate-list": _list()}
