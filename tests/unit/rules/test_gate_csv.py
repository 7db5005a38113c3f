"""Lists of plates as CSV: read as offices write them, every mistake with its line, nothing of a wrong file taken."""

import re
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.core.gate_list import Entry, Hours, ListKind, masked_plate, plain_plate, without_plates
from edgeguard.rules.gate_csv import COLUMNS, read_csv, write_csv

wall = datetime.fromisoformat


def mistakes(text: str, default: ListKind | None = None) -> list[str]:
    found = read_csv(text, default, 50, ("yard",))
    assert not (found.mistakes and found.entries)
    return [f"{line}: {words}" for line, words in found.mistakes]


def test_a_list_as_an_office_keeps_it() -> None:
    text = (
        "\ufeff车牌,类别,开始,结束,星期,时段,车位,备注\r\n"
        "浙A·12345,业主,,,,,B-17,3-1-502\r\n"
        "\r\n"
        '浙ad12345,访客,2026/11/25,2026-11-26,"周一-周五,周日",8:00-18:00 22:00-6:00,,"王, 家政"\r\n'
    )
    found = read_csv(text, None, 50)
    assert found.mistakes == ()
    assert found.lines == (2, 4)
    assert found.entries == (
        Entry("浙A12345", ListKind.RESIDENT, bay="B-17", note="3-1-502"),
        Entry(
            "浙AD12345",
            ListKind.VISITOR,
            wall("2026-11-25"),
            wall("2026-11-27"),  # the whole of the last day
            frozenset({1, 2, 3, 4, 5, 7}),
            (Hours(480, 1080), Hours(1320, 360)),
            note="王, 家政",
        ),
    )


WEEK = frozenset({1, 2, 3, 4, 5})
DAY = wall("2026-11-26")
WRITTEN = Entry("浙A12345", ListKind.RESIDENT, until=DAY, days=WEEK, hours=(Hours(480, 1080),), note="3-1，2")


@pytest.mark.parametrize(
    "text",
    [
        "车牌;结束;星期;时段;备注;;\n浙A12345;2026年11月25日;周一—周五;8：00－18：00;3-1，2;;\n",
        "车牌\t结束\t星期\t时段\t备注\n浙Ａ１２３４５\t2026／11／25\t周一～周五\t08:00:00至18:00:00\t3-1，2\n",
        '车牌，结束，星期，时段，备注\n浙A\u200b12345，2026.11.25，周一到周五，8:00～18:00，"3-1，2"\n',
        "车牌,结束,星期,时段,备注,,\n浙A12345,2026年11月25日 24:00,1-5,8:00—18:00,3-1，2,,\n",
    ],
)
def test_what_spreadsheets_and_chinese_keyboards_make_of_a_list_is_taken(text: str) -> None:
    found = read_csv(text, ListKind.RESIDENT, 50)
    assert (found.mistakes, found.entries) == ((), (WRITTEN,))


def test_a_flat_and_a_remark_are_one_note() -> None:
    found = read_csv("车牌,房号,备注\n浙A12345,3-1-502,王先生\n浙A12346,,家政\n浙A12347,2-1\n", ListKind.RESIDENT, 50)
    assert [entry.note for entry in found.entries] == ["3-1-502 王先生", "家政", "2-1"]
    assert mistakes("车牌,车牌号\n浙A12345,浙A12345\n", ListKind.RESIDENT) == ["1: column plate stands twice"]


def test_every_mistake_is_told_with_its_line_and_column() -> None:
    text = (
        "list,plate,to,days,hours,zones,note\n"
        "resident,浙A12345\n"
        "visitor,浙A12346\n"
        "guest,浙A12347\n"
        "resident,12\n"
        "resident,浙A12345\n"
        "visitor,浙A12348,2026-02-30\n"
        "resident,浙A12349,,8\n"
        "resident,浙A12350,,,8-18\n"
        "resident,浙A12351,,,,roof\n"
        f"resident,浙A12352,,,,,{'x' * 65}\n"
        "resident,浙A12353,,,,,,,9\n"
    )
    assert mistakes(text) == [
        "3: to: is missing; an entry of list visitor says until when it holds",
        '4: list: "guest" is none of resident, visitor, blocked, shared, service',
        "5: plate: is no number plate such as 浙A12345",
        "6: plate: stands on list resident in line 2 already",
        '7: to: "2026-02-30" is no date such as 2026-11-25 or 2026-11-25 08:00',
        '8: days: "8" is none of 1 (Monday) to 7 (Sunday), mon-fri, 周一-周五',
        '9: hours: "8-18" is no part of a day such as 08:00-18:00 or 22:00-06:00',
        '10: zones: there is no zone "roof" (there are: yard)',
        "11: note: has 65 characters; 64 are the most",
        "12: has 9 cells, the first line names 7 columns",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be one called plate"),
        ("name,plate\n", '"name" is no column'),
        ("plate,车牌\n", "column plate stands twice"),
        ("plate\n浙A12345\n", "no column says on which list"),
        ('list,plate\nresident,"浙A12345\n', "is no CSV"),
        ("浙A12345,resident\n浙A12346,resident\n", "the first line names the columns"),
        ("list,plate,from,to\nvisitor,浙A12345,2026-11-25 10:00,2026-11-25 09:00\n", "to: is not after from"),
        ("list,plate,hours\nresident,浙A12345,25:00-26:00\n", "is no part of a day"),
        ("list,plate,hours\nresident,浙A12345,08:00-08:00\n", "is no part of a day"),
    ],
)
def test_what_is_wrong_with_the_whole_is_said(text: str, said: str) -> None:
    assert said in mistakes(text)[0]


@pytest.mark.parametrize("column", ["list", "from", "days", "hours", "zones"])
def test_a_plate_in_the_wrong_column_is_not_quoted(column: str) -> None:
    head = "plate" if column == "list" else "list"
    (said,) = mistakes(
        f"{head},{'' if column == 'list' else 'plate,'}{column}\n{'' if column == 'list' else 'resident,'}浙A12345,浙a·12345\n"
    )
    assert "2345" not in said, said
    assert "浙****" in said


@pytest.mark.parametrize("rows", [3, 20_000])
def test_a_quotation_mark_that_is_left_open_is_told_where_it_stands_beside_the_other_mistakes(rows: int) -> None:
    text = 'plate,note\n浙A,x\n\n浙A12345,"left open\n' + "浙A12346,b\n" * rows
    shape, left_open = mistakes(text, ListKind.RESIDENT)
    assert shape.startswith("2: plate:")
    assert left_open.startswith("4: is no CSV:")
    assert "quotation mark" in left_open


@pytest.mark.parametrize(
    ("text", "unended", "lacks"),
    [
        ("plate,note\n浙A12345,x\n浙A12346", 3, True),
        ("序号,plate,note\n1,浙A12345,x\n2", 3, True),
        ("plate,note", 1, True),
        ("plate", 1, True),
        ("note,plate\nx,浙A12345\n\nx,浙A1234", 4, False),
        ("plate,note\n浙A12345,x\n浙A12346,", None, False),
        ("plate,note\n浙A12345,x\n浙A12346,y", None, False),
        ("plate,note\n浙A12345,x\n浙A12346\n", None, False),
        ("plate,note\r浙A12345,x\r浙A12346\r", None, False),
        ("plate,note\n", None, False),
    ],
)
def test_a_last_row_that_may_have_been_longer_is_told(text: str, unended: int | None, lacks: bool) -> None:
    found = read_csv(text, ListKind.RESIDENT, 50)
    assert (found.mistakes, found.unended, found.lacks) == ((), unended, lacks)


def test_of_a_mistake_in_the_last_row_it_is_said_that_the_file_ends_there() -> None:
    assert mistakes("plate,note\n浙A,x\n浙A1", ListKind.RESIDENT) == [
        "2: plate: is no number plate such as 浙A12345",
        "3: plate: is no number plate such as 浙A12345; the file ends within this line",
    ]


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"', "sep=;;;"])
def test_the_first_line_by_which_excel_is_told_the_separator_is_no_heading(first: str) -> None:
    text = f"\ufeff{first}\r\nplate;note\r\n浙A12345;a, b\r\n浙A,x;y\r\n"
    assert mistakes(text, ListKind.RESIDENT) == ["4: plate: is no number plate such as 浙A12345"]
    found = read_csv(text.replace("浙A,x", "浙A12346"), ListKind.RESIDENT, 50)
    assert (found.lines, found.entries[0].note) == ((3, 4), "a, b")
    assert mistakes("sep=\t\nplate\tname\n", ListKind.RESIDENT)[0].startswith('2: "name" is no column')


@pytest.mark.parametrize("heading", ["序号", "编号", "No.", "#"])
def test_a_running_number_is_no_part_of_an_entry(heading: str) -> None:
    found = read_csv(f"{heading},plate,note\n1,浙A12345,x\n2,,\n3,浙A12346,\n4,,\n", ListKind.RESIDENT, 50)
    assert (found.mistakes, [entry.plate for entry in found.entries], found.lines) == ((), ["浙A12345", "浙A12346"], (2, 4))


@pytest.mark.parametrize(
    ("written", "hours"),
    [
        ("8点-18点", "08:00-18:00"),
        ("8时至18时", "08:00-18:00"),
        ("8点半-18点30分", "08:30-18:30"),
        ("8点整 - 18:00", "08:00-18:00"),
        ("08:00-18:00", "08:00-18:00"),
        ("22点~6点、12点-13点", "12:00-13:00 22:00-06:00"),
        ("0点-24点", "00:00-24:00"),
        ("全天", ""),
        ("24小时", ""),
    ],
)
def test_hours_as_chinese_offices_write_them(written: str, hours: str) -> None:
    found = read_csv(f"plate,hours\n浙A12345,{written}\n", ListKind.RESIDENT, 50)
    assert (found.mistakes, " ".join(str(one) for one in found.entries[0].hours)) == ((), hours)


@pytest.mark.parametrize("written", ["下午2点-6点", "8点-18", "全天 8点-18点", "8点-25点", "8点75分-18点", "白天"])
def test_hours_that_may_mean_two_things_are_refused(written: str) -> None:
    assert "is no part of a day" in mistakes(f"plate,hours\n浙A12345,{written}\n", ListKind.RESIDENT)[0]


def test_a_row_with_line_breaks_in_a_cell_is_named_by_its_first_line() -> None:
    assert mistakes('plate,note\n浙A12345,"a\nb\nc"\n浙A,x\n', ListKind.RESIDENT) == [
        "2: note: holds control characters",
        "5: plate: is no number plate such as 浙A12345",
    ]


@pytest.mark.parametrize("column", ["车 牌 号", "车牌号（必填）", "*车牌", "ＰＬＡＴＥ", " License Plate "])
def test_what_offices_write_above_a_column_is_understood(column: str) -> None:
    found = read_csv(f"{column},note\n浙A12345,x\n", ListKind.RESIDENT, 50)
    assert found.entries == (Entry("浙A12345", ListKind.RESIDENT, note="x"),)


@pytest.mark.parametrize(
    ("written", "until"),
    [
        ("2026年1月5号", "2026-01-06"),
        ("2026 年 1 月 5 日", "2026-01-06"),
        ("2026年1月5日8时30分", "2026-01-05 08:30"),
        ("2026年1月5日 8点", "2026-01-05 08:00"),
        ("2026/1/5 上午8:30", "2026-01-05 08:30"),
        ("2026年1月5日下午 1:05:00", "2026-01-05 13:05"),
        ("2026-1-5 下午14：30", "2026-01-05 14:30"),
        ("2026-11-25 08:00:00.000", "2026-11-25 08:00"),
        ("长期", None),
    ],
)
def test_dates_as_chinese_office_programs_show_them(written: str, until: str | None) -> None:
    found = read_csv(f"plate,to\n浙A12345,{written}\n", ListKind.RESIDENT, 50)
    assert found.mistakes == ()
    assert [entry.until for entry in found.entries] == [None if until is None else wall(until)]


@pytest.mark.parametrize(
    "written",
    [
        "2026-1-5 上午12:30",
        "2026-1-5 下午12点",
        "2026-1-5 上午13:00",
        "2026年1月",
        "2026-1-5 8",
        "46000",
        "1/5/2026",
        "2026-1-5 8:3",
    ],
)
def test_a_date_that_may_mean_two_things_is_refused(written: str) -> None:
    assert "is no date such as" in mistakes(f"plate,to\n浙A12345,{written}\n", ListKind.RESIDENT)[0]


def test_for_ever_is_no_end_for_a_visitor() -> None:
    assert 'to: "长期" is no end; an entry of list visitor says' in mistakes("plate,to\n浙A12345,长期\n", ListKind.VISITOR)[0]


@pytest.mark.parametrize(
    "written", ["\u202a浙A12345\u202c", "\u2068浙A·12345\u2069", "'浙A12345", "浙A‧12345", "浙A。12345", "浙\u3000Ａ１２３４５"]
)
def test_marks_that_come_along_with_a_copied_plate_are_no_part_of_it(written: str) -> None:
    assert [one.plate for one in read_csv(f"plate\n{written}\n", ListKind.RESIDENT, 50).entries] == ["浙A12345"]


@pytest.mark.parametrize(
    "written",
    [
        "浙A12345",
        "浙 A12345",
        "浙A\u200b12345",
        "浙A‧12345",
        "浙·A·12345",
        "浙A12-345",
        "浙 ａ　１２３４５",
        "WJ浙1234X",
        "wj 浙 12345",
        "使 123456",
        "浙A12 345",
        "浙A·123 45",
        "浙   A12345",
        "浙A1 2 3 4 5",
        "浙 A·1234 5",
    ],
)
def test_whatever_a_list_takes_for_a_plate_is_masked_in_refusals_and_logs(written: str) -> None:
    said = without_plates(f"there is no gate {written} (there are: north)")
    assert not re.search("[0-9０-９]{2}", said), said
    assert said.startswith("there is no gate ")
    assert said.endswith(" (there are: north)")


@given(
    st.text(alphabet='浙A12345b,;\t"\n\r\0 ·，ａ１月日年-:\u202a\ufeff', max_size=80),
    st.sampled_from(["", "plate,note\n", "车牌;结束\n", "list,plate\r\n"]),
)
def test_no_text_breaks_the_reading_of_a_list(text: str, head: str) -> None:
    found = read_csv(head + text, ListKind.RESIDENT, 50)
    assert not (found.mistakes and found.entries)
    last = len(re.split("\r\n|[\r\n]", head + text))
    assert all(1 <= line <= last for line, _ in found.mistakes)
    assert all(1 < line <= last for line in found.lines)
    assert all(plain_plate(entry.plate) == entry.plate for entry in found.entries)


def test_a_default_list_and_midnight_as_twenty_four() -> None:
    found = read_csv("plate,to,hours\n浙A12345,2026-11-25 24:00,18:00-24:00\n", ListKind.VISITOR, 50)
    assert found.entries == (Entry("浙A12345", ListKind.VISITOR, until=wall("2026-11-26"), hours=(Hours(1080, 1440),)),)


def test_a_spreadsheet_makes_no_formula_of_a_note() -> None:
    entry = Entry("浙A12345", ListKind.RESIDENT, note="=1+1")
    assert "'=1+1" in write_csv([entry])
    assert read_csv(write_csv([entry]), None, 50).entries == (entry,)


WALL = st.datetimes(wall("2020-01-01"), wall("2040-01-01")).map(lambda at: at.replace(second=0, microsecond=0))
HOURS = st.builds(Hours, st.integers(0, 1439), st.integers(1, 1440)).filter(lambda one: one.first_min != one.until_min)
ENTRIES = st.builds(
    Entry,
    plate=st.text("浙苏ABCD0123456789警", min_size=5, max_size=10),
    kind=st.sampled_from([kind for kind in ListKind if kind is not ListKind.VISITOR]),
    since=st.none() | WALL,
    days=st.frozensets(st.integers(1, 7)),
    hours=st.lists(HOURS, max_size=3, unique=True).map(
        lambda some: tuple(sorted(some, key=lambda one: (one.first_min, one.until_min)))
    ),
    bay=st.text('AB-12=+ ,"', max_size=4).map(str.strip),
    zones=st.frozensets(st.sampled_from(["yard", "roof"])),
    note=st.text('住 1,"=@', max_size=4).map(str.strip),
)


@settings(max_examples=15, deadline=None)
@given(st.lists(ENTRIES, max_size=2, unique_by=lambda one: (one.kind, one.plate)))
def test_what_is_written_is_read_again(entries: list[Entry]) -> None:
    found = read_csv(write_csv(entries), None, 50)
    assert found.mistakes == ()
    assert found.entries == tuple(entries)


@settings(max_examples=15, deadline=None)
@given(st.text(max_size=20) | st.text(max_size=30).map(lambda rest: f"{','.join(COLUMNS)}\n{rest}"))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    found = read_csv(text, None, 5)
    assert len(found.mistakes) <= 5


def test_words_behind_a_plate_are_left_as_they_are() -> None:
    assert without_plates("浙A12345 is open") == "浙*****5 is open"


def test_plates_are_one_whatever_they_are_written_like() -> None:
    assert {plain_plate(text) for text in ("浙A·12345", "浙a 12345", "浙A-12345", "浙A12345")} == {"浙A12345"}
    assert plain_plate("浙A1234;") is None
    assert masked_plate("浙A12345") == "浙*****5"


@pytest.mark.parametrize("plate", ["浙A12345", "浙a·12345", "浙Ａ１２３４５", "浙AD12345", "粤Z1234港", "使123456"])
def test_plates_in_what_is_said_are_masked(plate: str) -> None:
    said = without_plates(f'line 2: "{plate}" is no date, {plate}.')
    assert (said.count("**"), plate in said, plate[2:] in said) == (len(plate[1:-1]) // 2 * 2, False, False)
    assert said.startswith('line 2: "')
    assert (
        without_plates("a vehicle at gate-in, 2026-11-25 08:00, B-17, 浙江") == "a vehicle at gate-in, 2026-11-25 08:00, B-17, 浙江"
    )


@pytest.mark.parametrize(
    ("plate", "stands"), [("浙AO1234", False), ("浙A1234I", False), ("浙O12345", True), ("WJ01O123", True), ("浙A01234", True)]
)
def test_an_o_that_must_be_a_nought_is_told_rather_than_never_let_in(plate: str, stands: bool) -> None:
    read = read_csv(f"plate\n{plate}\n", ListKind.RESIDENT, 5)
    assert bool(read.entries) is stands
    assert bool(read.mistakes) is not stands
