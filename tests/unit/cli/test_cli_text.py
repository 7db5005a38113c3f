"""What a device calls itself cannot paint a terminal; figures read as a person would say them."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeguard.cli.session import DEFAULT_SOCKET, Lang, Session
from edgeguard.cli.text import age, clean, clean_json, days, duration, number, period, size, value_text, word


@given(st.text())
def test_nothing_unprintable_gets_through(text: str) -> None:
    shown = clean(text)

    assert shown.isprintable()
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in shown)


@given(st.text(max_size=2000))
def test_nothing_endless_gets_through(text: str) -> None:
    assert len(clean(text, 20)) <= 20 * len("\\U0010ffff")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Pump 1", "Pump 1"),
        ("1号电梯", "1号电梯"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("invoice\u202etxt.exe", "invoice\\u202etxt.exe"),
        ("a\u200bb", "a\\u200bb"),
        ("a\u3000b\u00a0c", "a b c"),
        ("e" + "\u0301" * 50, "e" + "\u0301" * 2),
        ("[bold red]x[/]", "[bold red]x[/]"),
        ("x" * 500, "x" * 399 + "…"),
    ],
)
def test_hostile_characters_are_spelled_out(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5))
def test_json_means_the_same_after_cleaning(value: object) -> None:
    shown = clean_json(json.dumps(value, ensure_ascii=False))

    assert shown.replace("\n", "").isprintable()
    assert json.loads(shown) == value


@pytest.mark.parametrize(
    ("value", "decimals", "shown"),
    [
        (3.5, 2, "3.50"),
        (1284551.4, None, "1284551.4"),
        (0.1 + 0.2, None, "0.3"),
        (0.00042, None, "0.00042"),
        (4, None, "4"),
        (4.0, None, "4"),
        (-12.3456, None, "-12.346"),
        (2**63, None, "9.22337e+18"),
        (True, None, "yes"),
        ("auto\n", None, "auto\\n"),
        (None, 2, "—"),
    ],
)
def test_values(value: float | str | None, decimals: int | None, shown: str) -> None:
    assert value_text(value, Lang.EN, decimals) == shown


@pytest.mark.parametrize(
    ("seconds", "en", "zh"),
    [
        (0.2, "<1 s", "<1 秒"),
        (3.4, "3 s", "3 秒"),
        (59, "59 s", "59 秒"),
        (89, "89 s", "89 秒"),
        (720, "12 min", "12 分"),
        (7200, "2 h", "2 小时"),
        (90_000, "25 h", "25 小时"),
        (260_000, "3 d", "3 天"),
    ],
)
def test_ages(seconds: float, en: str, zh: str) -> None:
    assert (age(seconds, Lang.EN), age(seconds, Lang.ZH)) == (en, zh)


@given(st.floats(0, 1e9))
def test_every_age_is_short(seconds: float) -> None:
    assert len(age(seconds, Lang.EN)) <= 8


def test_durations_sizes_periods() -> None:
    assert duration(273_725, Lang.EN) == "3 d 4 h"
    assert duration(59, Lang.ZH) == "59 秒"
    assert duration(0, Lang.EN) == "0 s"
    assert [size(count) for count in (0, 2048, 48_300_000, 2**40)] == ["0 B", "2 KiB", "46.1 MiB", "1024.0 GiB"]
    assert [period(seconds) for seconds in (0.5, 2, 900)] == ["500 ms", "2 s", "15 min"]
    assert (days(None, Lang.EN), days(41.5, Lang.EN)) == ("—", "42 d")
    assert number(1e20) == "1e+20"


def test_words() -> None:
    assert (word("offline", Lang.ZH), word("offline", Lang.EN)) == ("离线", "offline")
    assert word("new\x1bstate", Lang.EN) == "new\\x1bstate"


@pytest.mark.parametrize(
    ("environ", "lang"),
    [
        ({}, Lang.EN),
        ({"LANG": "zh_CN.UTF-8"}, Lang.ZH),
        ({"LANG": "de_DE.UTF-8"}, Lang.EN),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, Lang.EN),
        ({"LANG": "en_US.UTF-8", "EDGEGUARD_LANG": "zh"}, Lang.ZH),
    ],
)
def test_the_language_follows_the_environment(environ: dict[str, str], lang: Lang) -> None:
    assert Session.of(environ).lang is lang


def test_the_socket_follows_the_environment() -> None:
    assert str(Session.of({}).socket) == DEFAULT_SOCKET
    assert str(Session.of({"EDGEGUARD_SOCKET": "/tmp/x"}).socket) == "/tmp/x"
