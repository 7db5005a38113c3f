"""What an item of `events` may be, by its `type`. A new type of event is one entry here: tests refuse events that have none.

An entry lists the fields beside `at`, `clock` and `boot_ms`, which every item has. After a change: `make schemas`.
"""

from collections.abc import Mapping
from typing import Final

from edgeguard.core.camera import PlateShape
from edgeguard.core.command import Outcome
from edgeguard.core.fate import Fate
from edgeguard.core.item import Stream
from edgeguard.core.limits import COMMAND_DETAIL_CHARS
from edgeguard.core.metering import QUALITIES, Incident, Medium
from edgeguard.core.reaction import Result
from edgeguard.uplink.gate_schemas import gate_schemas
from edgeguard.uplink.hint_schema import hint_schema
from edgeguard.uplink.schema_parts import (
    COUNT,
    ID,
    LABELS,
    MAYBE,
    Schema,
    empty_or,
    listed,
    one_of,
    record,
    shared,
    text,
)

COMMAND_RESULTS: Final = tuple(dict.fromkeys(word.value for word in (*Outcome, *Fate, *Result)))
GAP_REASONS: Final = ("store-full", "too-old", "disk-full", "damaged", "dead-letter", "thinned", "erased", "restored", "replaced")


def _health() -> Schema:
    frame = record({"at": text(), "way": one_of(("out", "in", "")), "hex": text(), "text": shared(LABELS)})
    return record(
        {
            "source": text("the part that speaks: uplink, store, clock, config, bus.NAME ..."),
            "code": text("stable word for the cause", pattern="^[a-z0-9-]+$"),
            "ok": {"type": "boolean", "description": "true: the trouble is over"},
            "text": shared(LABELS),
            "detail": text("what was seen, for people; may be empty"),
        },
        {"frames": listed(frame)},
        "a change in the state of the gateway itself",
    )


def _command() -> Schema:
    return record(
        {
            "name": text("what was asked for: write, ack, config.put ..."),
            "target": text("device.point, an alarm's name, or what else it was about"),
            "value": shared(MAYBE),
            "by": text("who asked: a Unix user, or platform"),
            "result": one_of(COMMAND_RESULTS),
            "read_back": shared(MAYBE),
            "old": shared(MAYBE),
        },
        {"detail": text("the rule that refused it, or what is not as it should be", maxLength=COMMAND_DETAIL_CHARS)},
        "something that a person or the platform had done",
    )


def _gap() -> Schema:
    return record(
        {
            "stream": one_of(Stream),
            "from": empty_or({"type": "integer", "minimum": 1}),
            "to": empty_or({"type": "integer", "minimum": 1}),
            "reason": one_of(GAP_REASONS),
        },
        {
            "items": shared(COUNT),
            "epoch": text("of the numbers, where it was another one"),
            "kept": listed({"type": "integer", "minimum": 1}) | {"description": "numbers of that range that do come, rising"},
        },
        "numbers that will never come, and why; without numbers, how many items never got one",
    )


def _fall() -> Schema:
    place = listed({"type": "number"}, least=2, maxItems=2)
    link = record({"log": text(), "n": shared(COUNT), "sha256": text("of the line, which covers all before it")})
    custody = {**link, "description": "the line that says so in the list of what was kept and removed"}
    evidence = record({key: text() for key in ("id", "clip", "clip_sha256", "picture", "picture_sha256")}, {"custody": custody})
    return record(
        {
            "id": text("the same if it is told again; its evidence has a name of its own"),
            "camera": shared(ID),
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
            "duration_s": {"type": "number", "minimum": 0},
            "calibrated": {"type": "boolean", "description": "false: nothing is known of the facade, so there is no floor"},
            "origin": {**place, "description": "x and y in px of the picture"},
            "end": {**place, "description": "where it was seen last"},
            "evidence": empty_or(evidence),
        },
        {
            "class": {"enum": ["free", "slow"], "description": "slow: it sank, as bags and paper do; free: it fell"},
            "floor": {"type": "integer"},
            "height_m": {"type": "number"},
            "column": empty_or({"type": "integer"}),
            "size_px": {"type": "number"},
            "speed_px_s": {"type": "number"},
            "merged": shared(COUNT),
            "purpose": shared(LABELS) | {"description": "what its pictures are taken for, and by which law"},
            "evidence_lost": text("why there is no evidence"),
            "revision": {"type": "integer", "minimum": 2, "description": "it takes the place of what was told under the same id"},
            "also": listed(_also(evidence)) | {"description": "what other cameras of the same wall saw of the same throw"},
            "moved": {
                "const": True,
                "description": "the camera was turned: no floor, masks do not fit",
            },
        },
        "something fell past a facade",
    )


def _also(evidence: Schema) -> Schema:
    kept = {"camera": shared(ID), "id": text(), "evidence": empty_or(evidence)}
    known = {"confidence": {"type": "number"}, "floor": {"type": "integer"}, "column": empty_or({"type": "integer"})}
    return record(kept, {**known, "calibrated": {"type": "boolean"}})


def _energy() -> Schema:
    number: Schema = {"type": "number"}
    return record(
        {
            "meter": text("the meter's name"),
            "device": text("the device whose counter it is"),
            "medium": one_of(Medium),
            "unit": text("of all amounts and readings: kWh, m3, GJ; empty for counts"),
        },
        {
            "from": text("an interval's beginning, UTC"),
            "to": text("its end, UTC"),
            "value": {"type": "number", "description": "what flowed in it; what comes again of an interval is added to it"},
            "quality": one_of(QUALITIES),
            "period": text("the tariff's period, where one is in force"),
            "incident": one_of(Incident),
            "before": number,
            "after": number,
            "counted": {
                "type": "number",
                "description": "what it counted; late-replacement: what the amounts told are corrected by",
            },
            "since": text("when the reading before was taken, UTC; of a mismatch that fits nothing: the declared time"),
            "text": shared(LABELS),
        },
        "a closed interval of a meter (from, to, value, quality), or an incident of its counter (incident, before, after ...)",
    )


def _plate() -> Schema:
    return record(
        {
            "id": text("the same if it is told again"),
            "camera": shared(ID),
            "text": empty_or(text("the plate in the shape that the site allows; null: it could not be read")),
            "shape": one_of(PlateShape),
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
            "direction": one_of(("towards", "away", "unknown"), "as the camera sees it"),
            "duration_s": {"type": "number", "minimum": 0, "description": "how long it was in view before it was told"},
            "sightings": shared(COUNT),
        },
        {
            "kind": empty_or(text("kind of plate: ordinary, energy-small ...")),
            "color": empty_or(text("colour of the plate")),
            "width_px": empty_or({"type": "integer"}),
            "lane": text("the lane in which it was last"),
            "crossed": {"type": "boolean", "description": "whether it has crossed the lane's line"},
            "evidence": empty_or(record({key: text() for key in ("id", "picture_sha256")}, {"crop_sha256": text()}))
            | {"description": "of its pictures, which stay on the gateway"},
            "evidence_lost": text("why there is no picture"),
        },
        "a vehicle has passed a gate camera",
    )


def event_schemas() -> Mapping[str, Schema]:
    """Every type of event, by its `type`."""
    own = {"health": _health(), "command": _command(), "gap": _gap()}
    return {**own, "hint": hint_schema(), "energy": _energy(), "fall": _fall(), "plate": _plate(), **gate_schemas()}
