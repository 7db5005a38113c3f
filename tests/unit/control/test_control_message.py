"""Requests are refused for every reason that the page promises, and never in any other way than by a sentence."""

import contextlib
import json
import string

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeguard.control import methods
from edgeguard.control.errors import BadArguments, BadRequest, InternalError, NotAllowed, code_of
from edgeguard.control.message import check_arguments, encode_error, encode_request, encode_result, parse_request
from edgeguard.core.errors import EdgeguardError, StoreError, WriteRefused, WriteUnverified
from edgeguard.core.limits import CONTROL_MESSAGE_CHARS, CONTROL_TEXT_CHARS

_NAMES = st.text(st.characters(codec="utf-8"), max_size=30)


def test_a_request_is_what_it_says() -> None:
    request = parse_request(b'{"id": 7, "method": "points", "args": {"device": "pump-1"}}')

    assert (request.id, request.method, dict(request.args)) == (7, "points", {"device": "pump-1"})


def test_id_and_args_may_be_left_out() -> None:
    request = parse_request(b'{"method": "status"}')

    assert (request.id, dict(request.args)) == (None, {})


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"", "not JSON"),
        (b"status", "not JSON"),
        (b"[]", "a JSON object"),
        (b"null", "a JSON object"),
        (b'{"method": "status"} {}', "not JSON"),
        (b'{"method": "st\xff"}', "not UTF-8 at byte 14"),
        (b'{"method": "status", "method": "write"}', "'method' stands twice"),
        (b'{"method": "write", "args": {"value": 1, "value": 9}}', "'value' stands twice"),
        (b'{"method": "write", "args": {"value": NaN}}', "NaN is not JSON"),
        (b'{"method": "write", "args": {"value": -Infinity}}', "-Infinity is not JSON"),
        (b'{"method": "write", "args": {"value": 1e999}}', "too large"),
        (b'{"method": "write", "args": {"value": 9223372036854775808}}', "too large"),
        (b'{"method": "write", "args": {"value": ' + b"9" * 5000 + b"}}", "too large"),
        (b'{"method": "write", "args": {"value": "\\ud800"}}', "half a surrogate"),
        (b'{"method": "read", "args": {"targets": [[[["a"]]]]}}', "nested deeper"),
        (b"[" * 60_000, "nested deeper"),
        (b'{"a":' * 10_000, "nested deeper"),
        (b'{"method": 5}', "method must be a text"),
        (b'{"id": true, "method": "status"}', "id must be"),
        (b'{"id": 1.5, "method": "status"}', "id must be"),
        (b'{"id": "' + b"x" * 65 + b'", "method": "status"}', "id must be"),
        (b'{"method": "status", "args": []}', "args must be an object"),
        (b'{"method": "status", "password": "x"}', "no 'password'"),
        (b'{"method": "status\x00"}', "not JSON"),
    ],
)
def test_what_is_no_request_is_refused_with_a_reason(line: bytes, told: str) -> None:
    with pytest.raises(BadRequest, match=told):
        parse_request(line)


def test_brackets_and_quotes_within_texts_are_not_depth() -> None:
    text = '[[[[[[{{{{"\\"'

    assert parse_request(orjson.dumps({"method": text})).method == text


@given(st.binary(max_size=200))
def test_no_bytes_do_worse_than_being_refused(line: bytes) -> None:
    with contextlib.suppress(BadRequest):
        assert parse_request(line).method is not None


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
        max_leaves=12,
    ),
    st.sampled_from(sorted(methods.METHODS)),
)
def test_no_arguments_do_worse_than_being_refused(args: object, name: str) -> None:
    try:
        request = parse_request(json.dumps({"id": 1, "method": name, "args": args}).encode())
        checked = check_arguments(methods.METHODS[name], request.args)
    except (BadRequest, BadArguments):
        return
    assert checked.keys() <= methods.METHODS[name].parameters.keys()


@given(
    _NAMES.filter(str.isprintable),
    st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.floats(allow_nan=False, allow_infinity=False),
)
def test_what_a_client_writes_a_server_reads(name: str, value: float) -> None:
    args = {"device": name, "point": "p", "value": value, "by": "me"}
    line = encode_request(3, "write", args)

    request = parse_request(line[:-1])

    assert line.endswith(b"\n")
    assert b"\n" not in line[:-1]
    assert dict(check_arguments(methods.WRITE, request.args)) == args


@pytest.mark.parametrize(
    ("method", "args", "told"),
    [
        (methods.STATUS, {"x": 1}, "status has no argument 'x'"),
        (methods.POINTS, {"device": 3}, "device must be a text"),
        (methods.READ, {}, "targets is missing"),
        (methods.READ, {"targets": "pump-1"}, "must be a list of texts"),
        (methods.READ, {"targets": ["a", 1]}, "must be a list of texts"),
        (methods.READ, {"targets": ["a"] * 257}, "257 entries"),
        (methods.ALARMS, {"all": 1}, "must be true or false"),
        (methods.ACK, {"alarm": "a\x1b[2J", "by": "me"}, "control characters"),
        (methods.ACK, {"alarm": "a\u202eb", "by": "me"}, "control characters"),
        (methods.ACK, {"alarm": "x" * (CONTROL_TEXT_CHARS + 1), "by": "me"}, "longer than"),
        (methods.WRITE, {"device": "d", "point": "p", "value": [1], "by": "me"}, "value must be a number"),
        (methods.WRITE, {"device": "d", "point": "p", "value": None, "by": "me"}, "value is missing"),
        (methods.STATUS, dict.fromkeys(string.ascii_letters, 1), "52 arguments"),
    ],
)
def test_arguments_must_fit_the_table(method: methods.Method[object], args: dict[str, object], told: str) -> None:
    with pytest.raises(BadArguments, match=told):
        check_arguments(method, args)


def test_an_optional_argument_may_be_null() -> None:
    assert dict(check_arguments(methods.POINTS, {"device": None})) == {}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (WriteRefused("x"), "write-refused"),
        (WriteUnverified("x"), "write-unverified"),
        (StoreError("x"), "store-error"),
        (NotAllowed("x"), "not-allowed"),
        (EdgeguardError("x"), "edgeguard-error"),
    ],
)
def test_an_error_is_known_by_its_class(error: EdgeguardError, code: str) -> None:
    assert code_of(error) == code


def test_an_error_line_is_bounded_and_survives_half_surrogates() -> None:
    line = encode_error(1, WriteRefused("\ud800" + "x" * 2 * CONTROL_MESSAGE_CHARS))

    answer = orjson.loads(line)
    assert len(answer["error"]["message"]) == CONTROL_MESSAGE_CHARS


def test_a_result_that_is_no_view_is_a_bug_and_not_a_crash() -> None:
    with pytest.raises(InternalError):
        encode_result(1, object())


def test_only_these_methods_write() -> None:
    changing = {
        "ack",
        "write",
        "write-several",
        "reload",
        "retry-dead",
        "drop-dead",
        "erase",
        "scan-start",
        "scan-stop",
        "set-time",
        "reaction",
    }
    changing |= {"accept-view", "evidence-access", "camera-beat", "camera-saw", "camera-lost", "camera-reads"}
    changing |= {"gate-why", "gate-entries", "gate-stays", "gate-put", "gate-act", "gate-correct"}
    changing |= {"service", "snooze-hint"}
    changing |= {"shelve", "unshelve", "out-of-service", "in-service"}
    assert {name for name, method in methods.METHODS.items() if method.writes} == changing
