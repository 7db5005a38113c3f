"""Who is let through a gate, and that nobody comes in by a plate that stands on no list."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.core.clock import Stamp
from edgeguard.core.gate import Leaving, PlateRule, Way, ZoneSpec
from edgeguard.core.gate_list import Entry, Hours, ListKind
from edgeguard.core.ids import BootId, ZoneName
from edgeguard.core.point import Labels
from edgeguard.rules.gate import WORDS, Decision, Lists, Moment, Read, Reason, Verdict, decide, differs_in_one, one_off
from edgeguard.rules.stays import Stay, ZoneState, enter

SHANGHAI, PARIS = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)  # a Wednesday, ten o'clock in Shanghai
YARD = ZoneSpec(ZoneName("yard"), Labels("院", "yard"), capacity=2)
RULE = PlateRule(eyes=())
AT = Stamp(0, 0, BootId("b"), True)

wall = datetime.fromisoformat


def resident(plate: str, **more: object) -> Entry:
    return replace(Entry(plate, ListKind.RESIDENT), **more)  # type: ignore[arg-type]


def inside(*plates: str, bay: str = "") -> ZoneState:
    zone = ZoneState()
    for plate in plates:
        zone, _ = enter(zone, plate, Stay(plate, AT, bay=bay))
    return zone


def judged(
    text: str | None,
    *entries: Entry,
    rule: PlateRule = RULE,
    state: ZoneState | None = None,
    way: Way = Way.IN,
    confidence: float = 0.95,
    kind: str = "ordinary",
    now: datetime | None = NOW,
    zone: ZoneSpec | None = YARD,
) -> Decision:
    moment = Moment(now, SHANGHAI)
    return decide(Lists.of(entries), state or ZoneState(), rule, zone, way, Read(text, confidence, kind), moment)


def told(decision: Decision) -> tuple[str, str]:
    return decision.verdict.value, decision.reason.value


def test_a_resident_comes_in_and_a_stranger_does_not() -> None:
    assert told(judged("浙A12345", resident("浙A12345"))) == ("open", "listed")
    assert told(judged("苏E99999", resident("浙A12345"))) == ("refused", "unknown")
    assert told(judged(None, resident("浙A12345"))) == ("ask", "unread")


@pytest.mark.parametrize("read", ["浙AD2345", "浙A1234S", "浙B12345", "苏A12345", "浙A1234", "浙A123456"])
def test_one_character_never_opens_by_itself(read: str) -> None:
    found = judged(read, resident("浙A12345"), resident("浙A02345"), confidence=1.0)
    assert told(found) == ("ask", "near-miss")
    assert found.near in ("浙A12345", "浙A02345")


def test_a_doubtful_reading_is_left_to_a_person_even_if_it_is_listed() -> None:
    found = judged("浙A12345", resident("浙A12345"), confidence=0.79)
    assert told(found) == ("ask", "doubtful")
    assert found.near == "浙A12345"
    assert told(judged("苏E99999", resident("浙A12345"), confidence=0.5)) == ("ask", "doubtful")


def test_a_blocked_plate_does_not_come_in_by_any_other_list_and_is_not_locked_in() -> None:
    both = (resident("浙A12345"), Entry("浙A12345", ListKind.BLOCKED))
    assert told(judged("浙A12345", *both)) == ("refused", "blocked")
    assert told(judged("浙A12345", *both, confidence=0.1)) == ("refused", "blocked")
    assert told(judged("浙A12345", *both, way=Way.OUT, state=inside("浙A12345"))) == ("open", "inside")
    timed = Entry("浙A12345", ListKind.BLOCKED, until=wall("2026-11-24"))
    assert told(judged("浙A12345", timed, resident("浙A12345"))) == ("open", "listed")
    assert told(judged("浙A12345", timed, resident("浙A12345"), now=None)) == ("refused", "blocked")


def test_near_a_blocked_plate_is_just_unknown() -> None:
    assert told(judged("浙A12346", Entry("浙A12345", ListKind.BLOCKED))) == ("refused", "unknown")
    both = (Entry("浙A12345", ListKind.BLOCKED), resident("浙A12345"))
    assert told(judged("浙A12346", *both)) == ("refused", "unknown"), (
        "nor is one that is on another list besides offered to a person"
    )
    assert told(judged("浙A12346", *both, way=Way.OUT)) == ("ask", "near-miss")
    over = replace(both[0], until=wall("2026-11-24"))
    assert told(judged("浙A12346", over, both[1])) == ("ask", "near-miss")


def test_visitors_have_their_time() -> None:
    day = Entry("浙A12345", ListKind.VISITOR, wall("2026-11-25"), wall("2026-11-26"))
    assert told(judged("浙A12345", day)) == ("open", "listed")
    assert told(judged("浙A12345", day, now=NOW - timedelta(hours=11))) == ("refused", "not-yet")
    assert told(judged("浙A12345", day, now=NOW + timedelta(hours=14))) == ("refused", "over")
    assert told(judged("浙A12345", replace(day, days=frozenset({1, 2})))) == ("refused", "other-day")
    assert told(judged("浙A12345", replace(day, hours=(Hours(11 * 60, 12 * 60),)))) == ("refused", "other-hour")
    assert told(judged("浙A12345", replace(day, hours=(Hours(9 * 60, 12 * 60),)))) == ("open", "listed")


def test_without_a_clock_only_what_always_holds_counts() -> None:
    day = Entry("浙A12345", ListKind.VISITOR, until=wall("2026-11-26"))
    assert told(judged("浙A12345", day, now=None)) == ("ask", "clock")
    assert told(judged("浙A12345", day, resident("浙A12345"), now=None)) == ("open", "listed")


def test_hours_past_midnight_belong_to_the_day_on_which_they_begin() -> None:
    night = resident("浙A12345", hours=(Hours(22 * 60, 6 * 60),), days=frozenset({5}))  # the night from Friday
    saturday_5 = datetime(2026, 11, 28, 5, 0, tzinfo=SHANGHAI)
    assert told(judged("浙A12345", night, now=saturday_5)) == ("open", "listed")
    assert told(judged("浙A12345", night, now=saturday_5 + timedelta(hours=1))) == ("refused", "other-day")
    assert told(judged("浙A12345", night, now=saturday_5 - timedelta(days=1))) == ("refused", "other-day")


def test_a_changed_clock_takes_nobodys_time() -> None:
    def at(entry: Entry, moment: datetime) -> str:
        lists = Lists.of([entry])
        return decide(lists, ZoneState(), RULE, None, Way.IN, Read("浙A12345", 1.0), Moment(moment, PARIS)).reason.value

    # The hour from two to three comes twice on October 25, 2026: at 0:00 and at 1:00 UTC.
    twice = Entry("浙A12345", ListKind.VISITOR, wall("2026-10-25 02:15"), wall("2026-10-25 02:45"))
    assert [at(twice, datetime(2026, 10, 25, 0, m, tzinfo=UTC)) for m in (14, 15, 50)] == ["not-yet", "listed", "listed"]
    assert [at(twice, datetime(2026, 10, 25, 1, m, tzinfo=UTC)) for m in (44, 45)] == ["listed", "over"]
    # It is left out on March 29: 2:30 means the moment at which two becomes three, 1:00 UTC.
    gap = Entry("浙A12345", ListKind.VISITOR, wall("2026-03-29 02:30"), wall("2026-03-29 04:00"))
    assert at(gap, datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC)) == "not-yet"
    assert at(gap, datetime(2026, 3, 29, 1, 0, tzinfo=UTC)) == "listed"
    assert at(gap, datetime(2026, 3, 29, 2, 0, tzinfo=UTC)) == "over"


def test_a_bay_is_for_one_at_a_time() -> None:
    one, two = resident("浙A11111", bay="B-17"), Entry("浙A22222", ListKind.SHARED, bay="B-17")
    assert told(judged("浙A22222", one, two)) == ("open", "listed")
    assert told(judged("浙A22222", one, two, state=inside("浙A11111", bay="B-17"))) == ("refused", "bay-taken")
    assert told(judged("浙A11111", one, two, state=inside("浙A11111", bay="B-17"))) == ("open", "listed")


def test_a_full_zone_is_full_for_those_who_have_no_right_to_a_place() -> None:
    visitor = Entry("浙A12345", ListKind.VISITOR, until=wall("2026-12-01"))
    full = inside("京A00001", "京A00002")
    assert told(judged("浙A12345", visitor, state=full)) == ("refused", "full")
    assert told(judged("浙A12345", resident("浙A12345"), state=full)) == ("open", "listed")
    assert told(judged("京A00001", replace(visitor, plate="京A00001"), state=full)) == ("open", "listed")


def test_passback_is_refused_where_the_site_wants_it() -> None:
    strict = replace(RULE, anti_passback=True)
    assert told(judged("浙A12345", resident("浙A12345"), state=inside("浙A12345"))) == ("open", "listed")
    assert told(judged("浙A12345", resident("浙A12345"), state=inside("浙A12345"), rule=strict)) == ("refused", "passback")


def test_kinds_of_plate_come_in_where_they_were_read_surely() -> None:
    rule = replace(RULE, kinds=frozenset({"police"}))
    assert told(judged("浙A1234警", kind="police", rule=rule)) == ("open", "kind")
    assert told(judged("浙A1234警", kind="police", rule=rule, confidence=0.85)) == ("refused", "unknown")
    assert told(judged("浙A1234警", kind="police")) == ("refused", "unknown")


def test_who_is_let_out() -> None:
    assert told(judged("浙A12345", way=Way.OUT, state=inside("浙A12345"))) == ("open", "inside")
    assert told(judged("浙A12345", resident("浙A12345"), way=Way.OUT)) == ("open", "listed")
    assert told(judged("浙A12345", way=Way.OUT)) == ("ask", "unknown")
    assert told(judged("浙A12346", way=Way.OUT, state=inside("浙A12345"))) == ("ask", "near-miss")
    late = Entry("浙A12345", ListKind.VISITOR, until=wall("2026-11-20"))
    assert told(judged("浙A12345", late, way=Way.OUT)) == ("ask", "over")
    anyone = replace(RULE, leaving=Leaving.ANYONE)
    assert told(judged("浙A12345", way=Way.OUT, rule=anyone)) == ("open", "anyone")
    assert told(judged(None, way=Way.OUT, rule=anyone)) == ("ask", "unread")
    assert told(judged("浙A12345", way=Way.OUT, rule=anyone, confidence=0.3)) == ("ask", "doubtful")


def test_entries_for_other_zones_and_lists_say_so() -> None:
    assert told(judged("浙A12345", resident("浙A12345", zones=frozenset({"roof"})))) == ("refused", "other-zone")
    narrow = replace(RULE, opens=frozenset({ListKind.SERVICE}))
    assert told(judged("浙A12345", resident("浙A12345"), rule=narrow)) == ("refused", "other-list")


PLATES = st.text("浙苏AB0D8O12", min_size=5, max_size=8)


@settings(max_examples=30, deadline=None)
@given(listed=st.lists(PLATES, max_size=6), read=PLATES, confidence=st.floats(0, 1), way=st.sampled_from(Way))
def test_only_an_exact_and_sure_reading_opens(listed: list[str], read: str, confidence: float, way: Way) -> None:
    found = judged(read, *(resident(plate) for plate in dict.fromkeys(listed)), confidence=confidence, way=way)
    assert (found.verdict is Verdict.OPEN) == (read in listed and confidence >= RULE.min_confidence)
    near = [plate for plate in listed if differs_in_one(plate, read)]
    if confidence >= RULE.min_confidence and read not in listed:
        assert (found.reason is Reason.NEAR) == bool(near)
        assert found.near in near if near else found.near is None


@settings(max_examples=25, deadline=None)
@given(text=PLATES, other=PLATES)
def test_one_off_finds_exactly_what_differs_in_one_place(text: str, other: str) -> None:
    letters = sorted({*text, *other})
    assert (other in set(one_off(text, letters)) - {text}) == differs_in_one(text, other)


def test_every_reason_has_words_in_both_languages_and_no_plate() -> None:
    assert set(WORDS) == set(Reason)
    words = judged("浙A12346", resident("浙A12345")).words
    assert "12345" not in words.zh + words.en
    assert "人工" in words.zh


def test_twenty_thousand_entries_are_no_burden_to_a_decision() -> None:
    entries = MappingProxyType({f"浙A{n:05d}": (resident(f"浙A{n:05d}"),) for n in range(0, 20_000, 7)})
    lists = Lists(entries, tuple("浙A0123456789"))
    assert decide(lists, ZoneState(), RULE, None, Way.IN, Read("浙A00007", 1.0), Moment(NOW, SHANGHAI)).verdict is Verdict.OPEN
    assert sum(1 for _ in one_off("浙A00007", lists.alphabet)) < 300
