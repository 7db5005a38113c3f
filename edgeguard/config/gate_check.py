"""`[[gate]]`: what a `barrier` command opens, checked against the devices whose relay and input it names."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from edgeguard.config.fields import Duration, Id, LabelsTable, ReportTime
from edgeguard.config.gate_plates import GatePlatesTable, build_plate_rule, overlap
from edgeguard.config.mistakes import Mistakes, Table, did_you_mean
from edgeguard.config.positions import KeyPath
from edgeguard.core.afar_limits import GATE_INTERVAL_MS, GATE_WITHIN_MS, GATES_MAX
from edgeguard.core.camera import CameraSpec
from edgeguard.core.gate import GateSpec, PlateRule, ZoneSpec
from edgeguard.core.gate_limits import GATE_DOWN_MS, GATE_INPUT_OLD_MS
from edgeguard.core.ids import DeviceName, GateName, PointName
from edgeguard.core.interlock import PointRef
from edgeguard.core.point import Kind, Labels, Point
from edgeguard.core.site import DeviceSpec

_REF_CHARS: Final = 200


def _pulse(value_ms: int) -> int:
    if not 50 <= value_ms <= 30_000:
        raise ValueError("is out of range: 50ms to 30s")
    return value_ms


def _within(value_ms: int) -> int:
    if not 500 <= value_ms <= 30_000:
        raise ValueError("is out of range: 500ms to 30s")
    return value_ms


def _down_within(value_ms: int) -> int:
    if not 10_000 <= value_ms <= 3_600_000:
        raise ValueError("is out of range: 10s to 1h")
    return value_ms


Ref = Annotated[str, Field(min_length=3, max_length=_REF_CHARS)]


class GateTable(Table):
    """`[[gate]]`: a barrier or door, the relay that opens it, and the input that shows it open."""

    name: Id
    labels: LabelsTable | None = None
    open: Ref
    pulse: Annotated[Duration, AfterValidator(_pulse)] | None = None
    min_interval: ReportTime = GATE_INTERVAL_MS
    feedback: Ref | None = None
    within: Annotated[Duration, AfterValidator(_within)] = GATE_WITHIN_MS
    down_within: Annotated[Duration, AfterValidator(_down_within)] = GATE_DOWN_MS
    plates: GatePlatesTable | None = None


def build_gates(
    data: Mapping[str, Any],
    devices: Sequence[DeviceSpec],
    mistakes: Mistakes,
    cameras: Sequence[CameraSpec] = (),
    zones: Sequence[ZoneSpec] = (),
) -> tuple[GateSpec, ...]:
    """The gates; every mistake in them is added."""
    rows = data.get("gate", [])
    if not isinstance(rows, list):
        mistakes.add(("gate",), "there may be several: write [[gate]] with double brackets")
        return ()
    if len(rows) > GATES_MAX:
        mistakes.add(("gate",), f"{len(rows)} gates; {GATES_MAX} are the most")
        return ()
    by_name = {device.name: device for device in devices}
    made: list[GateSpec] = []
    for i, row in enumerate(rows):
        raw = mistakes.examine(GateTable, row, ("gate", i))
        if raw is None:
            continue
        spec = _gate(raw, by_name, ("gate", i), mistakes)
        at = ("gate", i, "plates")
        plates = None if raw.plates is None else _plates(raw.plates, by_name, cameras, zones, at, mistakes)
        if spec is not None:
            spec = replace(spec, plates=plates)
            _check_twice(spec, made, ("gate", i), mistakes)
            _check_eyes(spec, made, at, mistakes)
            made.append(spec)
    return tuple(made)


def _gate(raw: GateTable, devices: Mapping[DeviceName, DeviceSpec], at: KeyPath, mistakes: Mistakes) -> GateSpec | None:
    opener = _point(raw.open, devices, (*at, "open"), mistakes)
    shows = None if raw.feedback is None else _point(raw.feedback, devices, (*at, "feedback"), mistakes)
    if opener is not None:
        _check_opener(*opener, devices, (*at, "open"), mistakes)
    if shows is not None and shows[1].kind is not Kind.BOOLEAN:
        mistakes.add((*at, "feedback"), f"{raw.feedback} is not true or false")
    for unused in ("within", "down_within") if raw.feedback is None else ():
        if unused in raw.model_fields_set:
            mistakes.note((*at, unused), "has no effect without feedback")
    if opener is None or (raw.feedback is not None and shows is None):
        return None
    return GateSpec(
        name=GateName(raw.name),
        labels=raw.labels.value() if raw.labels else Labels(zh=raw.name, en=raw.name),
        open=opener[0],
        pulse_ms=raw.pulse,
        min_interval_ms=raw.min_interval,
        feedback=None if shows is None else shows[0],
        within_ms=raw.within,
        down_within_ms=raw.down_within,
    )


def _check_eyes(spec: GateSpec, others: Sequence[GateSpec], at: KeyPath, mistakes: Mistakes) -> None:
    """A vehicle must not open two gates: whoever stands before the other one would come in with it."""
    for eye in () if spec.plates is None else spec.plates.eyes:
        for other in others:
            if other.plates is not None and any(overlap(eye, one) for one in other.plates.eyes):
                lanes = "" if eye.lane else f'; write entry = ["{eye.camera}/LANE"]'
                mistakes.add(at, f"camera {eye.camera} looks at gate {other.name} already, and one vehicle would open both{lanes}")


def _plates(
    raw: GatePlatesTable,
    devices: Mapping[DeviceName, DeviceSpec],
    cameras: Sequence[CameraSpec],
    zones: Sequence[ZoneSpec],
    at: KeyPath,
    mistakes: Mistakes,
) -> PlateRule:
    loop = None if raw.loop is None else _point(raw.loop, devices, (*at, "loop"), mistakes)
    if loop is not None and loop[1].kind is not Kind.BOOLEAN:
        mistakes.add((*at, "loop"), f"{raw.loop} is not true or false")
    period_ms = 0 if loop is None else devices[loop[0].device].period_ms
    if loop is not None and period_ms >= GATE_INPUT_OLD_MS:
        old = f"what a loop showed {GATE_INPUT_OLD_MS / 1000:g} s ago is not known any more"
        mistakes.add((*at, "loop"), f'{loop[0].device} is polled every {period_ms / 1000:g} s, and {old}: every = "1s"')
    if raw.loop is None:
        mistakes.note(at, "without loop nobody knows whether a vehicle went through: it counts as gone through when it was let in")
    return build_plate_rule(raw, None if loop is None else loop[0], cameras, zones, at, mistakes)


def _check_opener(ref: PointRef, point: Point, devices: Mapping[DeviceName, DeviceSpec], at: KeyPath, mistakes: Mistakes) -> None:
    """A gate moves: its relay needs a second condition, whatever its profile says of harm."""
    if point.write is None:
        mistakes.add(at, f"{ref} cannot be written")
    elif point.kind is not Kind.BOOLEAN:
        mistakes.add(at, f"{ref} is not true or false")
    interlock = devices[ref.device].interlocks.get(ref.point)
    if interlock is None or not interlock.requires:
        where = f"[device.interlock.{ref.point}] requires = [...]"
        mistakes.add(at, f"{ref} opens a gate and needs a second condition that must hold: {where} at device {ref.device}")


def _point(
    written: str, devices: Mapping[DeviceName, DeviceSpec], at: KeyPath, mistakes: Mistakes
) -> tuple[PointRef, Point] | None:
    name, _, point_name = written.partition(".")
    device = devices.get(DeviceName(name))
    if not point_name:
        mistakes.add(at, f'"{written}" is not of the form DEVICE.POINT')
        return None
    if device is None:
        mistakes.add(at, f'there is no device "{name}"{did_you_mean(name, devices)}')
        return None
    points = {str(point.name): point for point in device.profile.points}
    if point_name not in points:
        mistakes.add(at, f'device {name} has no polled point "{point_name}"{did_you_mean(point_name, points)}')
        return None
    return PointRef(device.name, PointName(point_name)), points[point_name]


def _check_twice(spec: GateSpec, made: Sequence[GateSpec], at: KeyPath, mistakes: Mistakes) -> None:
    for other in made:
        if other.name == spec.name:
            mistakes.add((*at, "name"), f'there is a gate "{spec.name}" already')
        if other.open == spec.open:
            mistakes.add((*at, "open"), f"{spec.open} opens gate {other.name} already")
