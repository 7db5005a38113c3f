"""Views survive the way over the wire, a newer daemon is understood, and a wrong answer is not guessed at."""

import dataclasses
from collections.abc import Callable

import orjson
import pytest

from edgeguard.control.decode import Undecodable, decode
from edgeguard.control.views import AlarmView, LabelsView, OutboxView, PointView, TopView
from edgeguard.testing.handlers import FakeBuilding

LABEL = {"zh": "压力", "en": "Pressure"}


def point(**changes: object) -> dict[str, object]:
    raw: dict[str, object] = {
        "device": "pump-1",
        "point": "pressure",
        "labels": LABEL,
        "value": 1.5,
        "unit": "bar",
        "quality": "good",
        "reason": "",
        "at": "",
        "age_s": 1,
        "writable": False,
    }
    return raw | changes


def test_a_whole_building_comes_back_as_it_was() -> None:
    top = FakeBuilding(lambda: 3.0, extra_devices=5).top()

    assert decode(TopView, orjson.loads(orjson.dumps(top))) == top


@pytest.mark.parametrize("value", [1.5, 3, True, "auto", None])
def test_a_value_keeps_its_type(value: object) -> None:
    view = decode(PointView, point(value=value))

    assert view.value == value
    assert type(view.value) is type(value)


def test_a_whole_number_serves_as_a_float_where_one_is_wanted() -> None:
    assert isinstance(decode(PointView, point()).age_s, float)


def test_fields_of_a_newer_daemon_are_skipped_and_those_of_an_older_one_default() -> None:
    view = decode(PointView, point(colour="red"))

    assert (view.value_zh, view.decimals, view.write_rule) == ("", None, None)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda raw: raw.pop("unit"), "PointView.unit is missing"),
        (lambda raw: raw.update(unit=5), "PointView.unit: int instead of str"),
        (lambda raw: raw.update(writable=1), "PointView.writable: int instead of bool"),
        (lambda raw: raw.update(age_s=True), "PointView.age_s: bool instead of float"),
        (lambda raw: raw.update(labels={"zh": "x"}), "PointView.labels: LabelsView.en is missing"),
        (lambda raw: raw.update(value=[1]), "PointView.value"),
        (lambda raw: raw.update(write_rule={"choices": "ab"}), "PointView.write_rule"),
    ],
)
def test_a_wrong_field_is_named(change: Callable[[dict[str, object]], object], told: str) -> None:
    raw = point()
    change(raw)

    with pytest.raises(Undecodable, match=told):
        decode(PointView, raw)


@pytest.mark.parametrize("raw", [None, 1, "x", [], {"labels": 3}])
def test_what_is_no_view_is_refused(raw: object) -> None:
    with pytest.raises(Undecodable):
        decode(AlarmView, raw)


def test_lists_and_mappings() -> None:
    assert decode(tuple[LabelsView, ...], [LABEL]) == (LabelsView("压力", "Pressure"),)
    assert decode(dict[str, int], {"a": 1}) == {"a": 1}
    with pytest.raises(Undecodable):
        decode(tuple[LabelsView, ...], LABEL)


def test_an_optional_view_may_be_absent() -> None:
    status = dataclasses.replace(FakeBuilding().status(), uplink=None)
    outbox = dataclasses.replace(FakeBuilding().outbox(), holds_days=None)

    assert decode(type(status), orjson.loads(orjson.dumps(status))).uplink is None
    assert decode(OutboxView, orjson.loads(orjson.dumps(outbox))).holds_days is None
