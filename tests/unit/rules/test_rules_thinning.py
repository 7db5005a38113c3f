"""What stays of a stretch of telemetry, against the plain way to find it."""

import json
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from edgeguard.core.outbox_limits import THIN_WORDS
from edgeguard.rules.thinning import Extremes


def worth_keeping(items: Mapping[int, bytes]) -> frozenset[int]:
    """Numbers of the items of a stretch that stay."""
    extremes = Extremes()
    for seq, body in items.items():
        extremes.see(seq, body)
    return extremes.kept()


values = st.integers(-5, 5) | st.floats(-2, 2, allow_nan=False) | st.booleans()
bodies = st.fixed_dictionaries(
    {"device": st.sampled_from(["a", "b"]), "values": st.dictionaries(st.sampled_from(["p", "q"]), values, min_size=1)}
)


@given(st.lists(bodies, min_size=1, max_size=60))
def test_lowest_highest_and_last_of_every_point_stay_and_little_else(items: list[dict[str, dict[str, float]]]) -> None:
    kept = worth_keeping({seq: json.dumps(body).encode() for seq, body in enumerate(items, 1)})
    told: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for seq, body in enumerate(items, 1):
        for point, value in body["values"].items():
            told.setdefault((str(body["device"]), point), []).append((seq, value))
    for series in told.values():
        staying = [value for seq, value in series if seq in kept]
        everything = [value for _, value in series]
        assert (min(staying), max(staying), staying[-1]) == (min(everything), max(everything), everything[-1])
        assert series[-1][0] in kept
    assert len(kept) <= 3 * len(told)


def test_of_texts_and_of_reasons_for_no_value_the_last_of_each_stays() -> None:
    said = [
        ("ready", None),
        ("fault 7", None),
        ("ready", None),
        (None, "timeout"),
        ("ready", None),
        ("fault 7", None),
        ("ready", None),
    ]
    items = {
        seq: json.dumps({"device": "lift", "values": {"s": text} if text else {}, "bad": {"s": bad} if bad else {}}).encode()
        for seq, (text, bad) in enumerate(said, 1)
    }
    assert worth_keeping(items) == {4, 6, 7}


def test_a_text_that_is_never_the_same_does_not_keep_everything() -> None:
    items = {seq: json.dumps({"device": "lift", "values": {"s": f"trip {seq}"}}).encode() for seq in range(1, 201)}
    assert worth_keeping(items) == {*range(1, THIN_WORDS + 1), 200}


def test_what_is_no_telemetry_stays() -> None:
    items = {1: b"[]", 2: b"nonsense", 3: b'{"values":{"p":1}}', 4: b'{"device":"a","values":7}', 5: b'{"device":"a","values":{}}'}
    assert worth_keeping(items) == {1, 2, 3, 4}
