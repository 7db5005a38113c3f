"""Register lists as CSV: liberal in words, strict in meaning, and what comes out is a profile that loads."""

import csv
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeguard.config import load_profile
from edgeguard.config.profile_draft import Draft, DraftPoint, profile_text, without_doubles
from edgeguard.config.register_csv import RegisterList, read_register_csv
from edgeguard.core.errors import ConfigError
from edgeguard.core.point import Labels
from edgeguard.core.profile import DeviceProfile
from edgeguard.core.register import RawType, Table, WordOrder

SHARED = Path(os.environ.get("EDGEGUARD_SHARED") or Path(__file__).parents[3].parent / "shared") / "registers"
LISTS = sorted(SHARED.glob("*.csv")) if SHARED.is_dir() else []

CHINESE = """\
名称;寄存器地址;数据类型;倍率;单位;中文;功能码
A相电压;40001;U16;1/10;V;A相电压;
总有功;0x0010;float;1;kW;总有功功率;4
水泵运行;100H;bool;;;水泵运行;1
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "list.csv"
    path.write_text(text, encoding="utf-8")
    return path


def profile_of(tmp_path: Path, found: RegisterList) -> DeviceProfile:
    points, _ = without_doubles(found.points)
    path = tmp_path / "made.toml"
    path.write_text(profile_text(Draft("made", "Maker", "Model", "other", "a list", "A template", points)), encoding="utf-8")
    return load_profile(path)


def test_a_plain_list_becomes_a_profile(tmp_path: Path) -> None:
    text = "Point,Address,Function,Type,Word Order,Scale,Unit,Min,Max,Verified\n"
    text += "Voltage L1,0,4,float32,CDAB,1,V,0,500,from the manual\n"
    text += "pump running_bit_3,8450,3,,,,,,,from the manual\n"
    text += "setpoint (WRITE),103,6,,,,,,,\n"
    found = read_register_csv(written(tmp_path, text))
    voltage, running = profile_of(tmp_path, found).points
    fields = profile_of(tmp_path, found).fields
    assert (voltage.name, voltage.unit, voltage.minimum, voltage.maximum) == ("voltage_l1", "V", 0, 500)
    assert (fields[0].table, fields[0].type, fields[0].word_order) == (Table.INPUT, RawType.FLOAT32, WordOrder.LITTLE)
    assert (running.name, fields[1].address, fields[1].bits) == ("pump_running_bit_3", 8450, (3, 3))
    assert found.trust == "from the manual"
    assert found.notes == ("line 4: setpoint (WRITE) is for writing only and is left out",)


def test_a_chinese_list_with_semicolons_modicon_numbers_and_hexadecimal(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(CHINESE.encode("gb18030"))
    voltage, power, running = read_register_csv(path).points
    assert (voltage.table, voltage.address, voltage.type, voltage.scale) == (Table.HOLDING, 0, RawType.UINT16, 0.1)
    assert (power.table, power.address, power.type, power.unit) == (Table.INPUT, 16, RawType.FLOAT32, "kW")
    assert (running.table, running.address) == (Table.COIL, 256)
    assert voltage.labels == Labels(zh="A相电压", en="A")
    assert profile_of(tmp_path, read_register_csv(path)).points[0].labels.zh == "A相电压"


def test_registers_that_are_counted_from_one(tmp_path: Path) -> None:
    path = written(tmp_path, "name,address\nspeed,304\n")
    assert read_register_csv(path, base=1).points[0].address == 303
    assert read_register_csv(path).points[0].address == 304


def test_every_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    rows = ["name,address,function,type,scale,order,min,max,words", "a,12x,3,uint16,1,big,,,", "b,1,9,uint16,1,big,,,"]
    rows += ["c,1,3,uint17,1,big,,,", "d,1,3,uint32,fast,big,,,", "e,1,3,uint32,1,middle,,,", "f,1,3,string,1,big,,,"]
    rows += ["g,70000,3,uint16,1,big,,,", "h,1,3,bool,1,big,,,", "i,1,3,uint16,1,big,low,5,"]
    with pytest.raises(ConfigError) as caught:
        read_register_csv(written(tmp_path, "\n".join(rows) + "\n"))
    told = [line.removeprefix(f"{tmp_path}/list.csv:") for line in caught.value.mistakes]
    assert told == [
        '2: address: "12x" is not an address: write 4112, 0x1010 or 1010H',
        '3: function: "9" is not a function or table: 1 to 4, or coil, discrete, holding, input',
        '4: type: "uint17" is not a type (did you mean "uint16"?)',
        '5: scale: "fast" is not a number',
        '6: word_order: "middle" is not an order: big, little, or ABCD, CDAB, BADC, DCBA',
        "7: words: a string needs the number of its registers, 1 to 125",
        "8: address: 70000 is out of range: 0 to 65535",
        "9: bit: which bit of the register? give a column bit, or a name that ends with _bit_N",
        '10: min: "low" is not a number',
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "1: file: is empty"),
        ("point,scale\nx,1\n", "1: address: there is no column for the address (such as address0, address, addr, register, reg);"),
        (
            "address\n1\n",
            "1: name: there is no column for the name (such as point, name, parameter, tag, signal); columns:",
        ),
        ("point,address\n", "1: file: has no row that a point could be made of"),
    ],
)
def test_a_file_that_is_no_list(tmp_path: Path, text: str, sentence: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        read_register_csv(path)
    assert caught.value.mistakes[0].removeprefix(f"{path}:").startswith(sentence)


def test_doubles_are_renamed_or_left_out() -> None:
    points = [DraftPoint("a", Table.COIL, 1), DraftPoint("a", Table.COIL, 2), DraftPoint("b", Table.COIL, 1)]
    kept, said = without_doubles(points)
    assert [(point.name, point.address) for point in kept] == [("a", 1), ("a_2", 2)]
    assert said == ("the second a is called a_2", "b is left out: a sits in the same place, coil 1")


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=40))
def test_no_text_breaks_out_of_its_place(tmp_path: Path, text: str) -> None:
    point = DraftPoint("x", Table.HOLDING, 1, RawType.UINT16, unit=text, labels=Labels(text, text), remark=text)
    path = tmp_path / "made.toml"
    path.write_text(profile_text(Draft("made", text, text, "other", text or "s", text or "t", (point,))), encoding="utf-8")
    assert [found.name for found in load_profile(path).points] == ["x"]


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_every_list_at_hand_becomes_a_profile_that_says_the_same(path: Path, tmp_path: Path) -> None:
    found = read_register_csv(path)
    profile = profile_of(tmp_path, found)
    fields = {(field.table, field.address): field for field in profile.fields}
    tables = {"1": Table.COIL, "2": Table.DISCRETE, "3": Table.HOLDING, "4": Table.INPUT}
    for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
        if row["function"] not in tables or "WRITE" in row["point"]:
            continue
        field = fields[tables[row["function"]], int(row["address0"])]
        if row["scale"] not in ("?", "1") and field.bits is None:
            assert field.scale == float(row["scale"]), row["point"]
        if row["type"] in set(RawType) - {"bit"} and field.bits is None:
            assert field.type.value == row["type"]
            assert field.word_order.value == (row["word_order"] or "big")


def test_a_list_out_of_an_office_program_is_taken_as_it_was_meant(tmp_path: Path) -> None:
    """Brackets in the headings, spans of addresses, factors with a sign or a comma, all five kinds of Modicon numbers."""
    text = "Register (Modbus),Name,Type,Scale,Unit,R/W\n"
    text += "40001,Supply temp,INT16,x0.1,degC,R\n"
    text += "40003-40004,Energy,FLOAT,,kWh,R\n"
    text += '30010,Pressure,UINT16,"0,01",bar,R\n'
    text += "10001,Pump running,,,,R\n"
    text += "00005,Valve open,,,,R/W\n"
    text += "40020,Flow,uint 16,/10,m3/h,R\n"
    text += "40030,Reset,uint16,,,W\n"
    found = read_register_csv(written(tmp_path, text))
    assert [(p.name, p.table, p.address, p.type, p.scale) for p in found.points] == [
        ("supply_temp", Table.HOLDING, 0, RawType.INT16, 0.1),
        ("energy", Table.HOLDING, 2, RawType.FLOAT32, None),
        ("pressure", Table.INPUT, 9, RawType.UINT16, 0.01),
        ("pump_running", Table.DISCRETE, 0, None, None),
        ("valve_open", Table.COIL, 4, None, None),
        ("flow", Table.HOLDING, 19, RawType.UINT16, 0.1),
    ]
    assert found.notes == ("line 8: Reset is for writing only and is left out",)


def test_a_heading_that_says_hexadecimal_is_believed(tmp_path: Path) -> None:
    text = "序号;寄存器地址(十六进制);名称;数据类型\n1;0010;A相电压;uint16\n2;001AH;总有功功率;int32\n"
    text += "3;0x20;频率;uint16\n4;0100~0101;电能;U32\n"
    assert [point.address for point in read_register_csv(written(tmp_path, text)).points] == [0x10, 0x1A, 0x20, 0x100]


def test_10001_is_a_register_of_that_number_where_nothing_says_that_it_is_not(tmp_path: Path) -> None:
    (point,) = read_register_csv(written(tmp_path, "Address,Name\n10001,Speed\n")).points
    assert (point.table, point.address) == (Table.HOLDING, 10001)
    mixed = "Address,Name\n10001,Speed\n40001,Torque\n7,Power\n"
    assert [point.address for point in read_register_csv(written(tmp_path, mixed)).points] == [10001, 0, 7]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("40003-40004,Energy,uint16", "a uint16 does not fill the registers 40003-40004"),
        ("40003-40004,Energy,", "no type is given for the registers 40003-40004"),
        ("40003-x,Energy,float", "a float32 does not fill the registers 40003-x"),
        ("0x10-12,Energy,float", "a float32 does not fill the registers 0x10-12"),
    ],
)
def test_a_span_that_its_type_does_not_fill_is_told(tmp_path: Path, row: str, words: str) -> None:
    with pytest.raises(ConfigError) as told:
        read_register_csv(written(tmp_path, f"Address,Name,Type\n{row}\n"))
    assert words in str(told.value)


def test_a_comma_that_may_part_thousands_is_no_number(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="scale"):
        read_register_csv(written(tmp_path, 'Address,Name,Scale\n1,Speed,"1,000"\n'))
