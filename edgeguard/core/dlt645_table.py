"""The data identifiers of DL/T 645-2007 and -1997 that a building needs, as a table: identifier, layout, unit, name.

Source: the identifier tables of DL/T 645-2007 (annex A) and -1997 (annex A) as public implementations agree on them. Letters in
an identifier stand for a range: TT tariff (00 all together, 01 to 3F), PP phase A to C, QQ total and phases, WW status word,
SS settlement (00 now, 01 the last one, to 0C), nn the n-th last freeze, HH the n-th last full hour. The same identifier with FF in
place of TT, PP, QQ or WW is the block of all of them. In the 1997 edition T stands for a tariff (0 all together), P and Q for
phases, and F for the block.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Final

from edgeguard.core.meter import Edition, Part, layout_of
from edgeguard.core.point import Labels

_2007: Final = """
0000TTSS | ±XXXXXX.XX | kWh   | 组合有功电能            | Combined active energy
0001TTSS | XXXXXX.XX  | kWh   | 正向有功电能            | Forward active energy
0002TTSS | XXXXXX.XX  | kWh   | 反向有功电能            | Reverse active energy
0003TTSS | ±XXXXXX.XX | kvarh | 组合无功1电能           | Combined reactive energy 1
0004TTSS | ±XXXXXX.XX | kvarh | 组合无功2电能           | Combined reactive energy 2
0005TTSS | XXXXXX.XX  | kvarh | 第一象限无功电能        | Reactive energy, quadrant 1
0006TTSS | XXXXXX.XX  | kvarh | 第二象限无功电能        | Reactive energy, quadrant 2
0007TTSS | XXXXXX.XX  | kvarh | 第三象限无功电能        | Reactive energy, quadrant 3
0008TTSS | XXXXXX.XX  | kvarh | 第四象限无功电能        | Reactive energy, quadrant 4
0009TTSS | XXXXXX.XX  | kVAh  | 正向视在电能            | Forward apparent energy
000ATTSS | XXXXXX.XX  | kVAh  | 反向视在电能            | Reverse apparent energy
001500SS | XXXXXX.XX  | kWh   | A相正向有功电能         | Forward active energy, phase A
001600SS | XXXXXX.XX  | kWh   | A相反向有功电能         | Reverse active energy, phase A
001700SS | ±XXXXXX.XX | kvarh | A相组合无功1电能        | Combined reactive energy 1, phase A
001800SS | ±XXXXXX.XX | kvarh | A相组合无功2电能        | Combined reactive energy 2, phase A
002900SS | XXXXXX.XX  | kWh   | B相正向有功电能         | Forward active energy, phase B
002A00SS | XXXXXX.XX  | kWh   | B相反向有功电能         | Reverse active energy, phase B
002B00SS | ±XXXXXX.XX | kvarh | B相组合无功1电能        | Combined reactive energy 1, phase B
002C00SS | ±XXXXXX.XX | kvarh | B相组合无功2电能        | Combined reactive energy 2, phase B
003D00SS | XXXXXX.XX  | kWh   | C相正向有功电能         | Forward active energy, phase C
003E00SS | XXXXXX.XX  | kWh   | C相反向有功电能         | Reverse active energy, phase C
003F00SS | ±XXXXXX.XX | kvarh | C相组合无功1电能        | Combined reactive energy 1, phase C
004000SS | ±XXXXXX.XX | kvarh | C相组合无功2电能        | Combined reactive energy 2, phase C
0101TTSS | XX.XXXX YYMMDDhhmm  | kW   | 正向有功最大需量及时间   | Highest forward active demand and when
0102TTSS | XX.XXXX YYMMDDhhmm  | kW   | 反向有功最大需量及时间   | Highest reverse active demand and when
0103TTSS | ±XX.XXXX YYMMDDhhmm | kvar | 组合无功1最大需量及时间  | Highest combined reactive demand 1 and when
0104TTSS | ±XX.XXXX YYMMDDhhmm | kvar | 组合无功2最大需量及时间  | Highest combined reactive demand 2 and when
0105TTSS | XX.XXXX YYMMDDhhmm  | kvar | 第一象限无功最大需量及时间 | Highest reactive demand and when, quadrant 1
0106TTSS | XX.XXXX YYMMDDhhmm  | kvar | 第二象限无功最大需量及时间 | Highest reactive demand and when, quadrant 2
0107TTSS | XX.XXXX YYMMDDhhmm  | kvar | 第三象限无功最大需量及时间 | Highest reactive demand and when, quadrant 3
0108TTSS | XX.XXXX YYMMDDhhmm  | kvar | 第四象限无功最大需量及时间 | Highest reactive demand and when, quadrant 4
00900100 | XXXXXX.XX | kWh  | 剩余电量               | Energy left to use
00900101 | XXXXXX.XX | kWh  | 透支电量               | Energy overdrawn
00900200 | XXXXXX.XX | CNY  | 剩余金额               | Money left to use
00900201 | XXXXXX.XX | CNY  | 透支金额               | Money overdrawn
0201PP00 | XXX.X    | V    | 电压                   | Voltage
0202PP00 | ±XXX.XXX | A    | 电流                   | Current
0203QQ00 | ±XX.XXXX | kW   | 瞬时有功功率           | Active power
0204QQ00 | ±XX.XXXX | kvar | 瞬时无功功率           | Reactive power
0205QQ00 | ±XX.XXXX | kVA  | 瞬时视在功率           | Apparent power
0206QQ00 | ±X.XXX   |      | 功率因数               | Power factor
0207PP00 | XXX.X    | °    | 相角                   | Phase angle
0208PP00 | XX.XX    | %    | 电压波形失真度         | Voltage distortion
0209PP00 | XX.XX    | %    | 电流波形失真度         | Current distortion
02800001 | ±XXX.XXX | A    | 零线电流               | Neutral current
02800002 | XX.XX    | Hz   | 电网频率               | Frequency
02800003 | ±XX.XXXX | kW   | 一分钟有功总平均功率   | Mean active power of one minute
02800004 | ±XX.XXXX | kW   | 当前有功需量           | Active demand now
02800005 | ±XX.XXXX | kvar | 当前无功需量           | Reactive demand now
02800006 | XX.XXXX  | kVA  | 当前视在需量           | Apparent demand now
02800007 | ±XXX.X   | °C   | 表内温度               | Temperature inside the meter
02800008 | XX.XX    | V    | 时钟电池电压           | Voltage of the clock's battery
02800009 | XX.XX    | V    | 停电抄表电池电压       | Voltage of the reading battery
0280000A | XXXXXXXX | min  | 内部电池工作时间       | Working time of the internal battery
0280000B | XXXX.XXXX | CNY/kWh | 当前阶梯电价         | Price of the step in force
02800020 | XXXX.XXXX | CNY/kWh | 当前电价             | Price in force
02800021 | XXXX.XXXX | CNY/kWh | 当前费率电价         | Price of the tariff in force
03110000 | XXXXXX   |      | 掉电总次数             | Power failures
03300000 | XXXXXX   |      | 编程总次数             | Programmings
03300D00 | XXXXXX   |      | 开表盖总次数           | Openings of the meter cover
03300E00 | XXXXXX   |      | 开端钮盒总次数         | Openings of the terminal cover
04000101 | YYMMDDWW |      | 日期及星期             | Date and day of the week
04000102 | hhmmss   |      | 时间                   | Time
0400010C | YYMMDDWWhhmmss |  | 日期及时间            | Date and time
04000103 | XX       | min  | 最大需量周期           | Demand period
04000104 | XX       | min  | 滑差时间               | Demand step
04000306 | XXXXXX   |      | 电流互感器变比         | Current transformer ratio
04000307 | XXXXXX   |      | 电压互感器变比         | Voltage transformer ratio
04000401 | N12      |      | 通信地址               | Address
04000402 | N12      |      | 表号                   | Meter number
04000403 | A32      |      | 资产管理编码           | Asset code
04000404 | A6       |      | 额定电压               | Rated voltage
04000405 | A6       |      | 额定电流               | Rated current
04000406 | A6       |      | 最大电流               | Highest current
04000407 | A4       |      | 有功准确度等级         | Active accuracy class
04000408 | A4       |      | 无功准确度等级         | Reactive accuracy class
04000409 | XXXXXX   | imp/kWh   | 有功常数          | Active constant
0400040A | XXXXXX   | imp/kvarh | 无功常数          | Reactive constant
0400040B | A10      |      | 电表型号               | Meter model
0400040C | A10      |      | 生产日期               | Made on
0400040D | A16      |      | 协议版本号             | Version of the protocol
0400040E | N12      |      | 客户编号               | Customer number
040005WW | B16      |      | 运行状态字             | Status word
04800001 | A32      |      | 软件版本号             | Software version
04800002 | A32      |      | 硬件版本号             | Hardware version
04800003 | A32      |      | 厂家编号               | Maker's number
050400HH | YYMMDDhhmm |    | 整点冻结时间           | Hourly freeze: when
050401HH | XXXXXX.XX  | kWh | 整点冻结正向有功总电能 | Hourly freeze: forward active energy
050402HH | XXXXXX.XX  | kWh | 整点冻结反向有功总电能 | Hourly freeze: reverse active energy
1D000001 | XXXXXX   |      | 跳闸次数               | Openings of the relay
1E000001 | XXXXXX   |      | 合闸次数               | Closings of the relay
"""

_FROZEN: Final = """
00nn | YYMMDDhhmm              |       | 时间                     | when
01nn | XXXXXX.XX               | kWh   | 正向有功电能             | forward active energy
02nn | XXXXXX.XX               | kWh   | 反向有功电能             | reverse active energy
03nn | ±XXXXXX.XX              | kvarh | 组合无功1电能            | combined reactive energy 1
04nn | ±XXXXXX.XX              | kvarh | 组合无功2电能            | combined reactive energy 2
05nn | XXXXXX.XX               | kvarh | 第一象限无功电能         | reactive energy, quadrant 1
06nn | XXXXXX.XX               | kvarh | 第二象限无功电能         | reactive energy, quadrant 2
07nn | XXXXXX.XX               | kvarh | 第三象限无功电能         | reactive energy, quadrant 3
08nn | XXXXXX.XX               | kvarh | 第四象限无功电能         | reactive energy, quadrant 4
09nn | XX.XXXX YYMMDDhhmm      | kW    | 正向有功最大需量及时间   | highest forward active demand and when
0Ann | XX.XXXX YYMMDDhhmm      | kW    | 反向有功最大需量及时间   | highest reverse active demand and when
"""
"""What a meter keeps when it freezes its data. All but the time is the sum and four tariffs, one after the other."""
_FREEZES: Final = (
    ("0500", Labels("定时冻结", "Timed freeze: ")),
    ("0501", Labels("瞬时冻结", "Freeze on command: ")),
    ("0506", Labels("日冻结", "Daily freeze: ")),
)
_FROZEN_TIMES: Final = 5

_1997: Final = """
901T | XXXXXX.XX | kWh   | 正向有功电能           | Forward active energy
902T | XXXXXX.XX | kWh   | 反向有功电能           | Reverse active energy
911T | XXXXXX.XX | kvarh | 正向无功电能           | Forward reactive energy
912T | XXXXXX.XX | kvarh | 反向无功电能           | Reverse reactive energy
913T | XXXXXX.XX | kvarh | 一象限无功电能         | Reactive energy, quadrant 1
914T | XXXXXX.XX | kvarh | 四象限无功电能         | Reactive energy, quadrant 4
915T | XXXXXX.XX | kvarh | 二象限无功电能         | Reactive energy, quadrant 2
916T | XXXXXX.XX | kvarh | 三象限无功电能         | Reactive energy, quadrant 3
941T | XXXXXX.XX | kWh   | 上月正向有功电能       | Forward active energy, last month
942T | XXXXXX.XX | kWh   | 上月反向有功电能       | Reverse active energy, last month
981T | XXXXXX.XX | kWh   | 上上月正向有功电能     | Forward active energy, month before last
A01T | XX.XXXX   | kW    | 正向有功最大需量       | Highest forward active demand
A02T | XX.XXXX   | kW    | 反向有功最大需量       | Highest reverse active demand
B01T | MMDDhhmm  |       | 正向有功最大需量时间   | Highest forward active demand: when
B02T | MMDDhhmm  |       | 反向有功最大需量时间   | Highest reverse active demand: when
B210 | MMDDhhmm  |       | 最近一次编程时间       | Programmed last
B212 | XXXX      |       | 编程次数               | Programmings
B214 | XXXXXX    | min   | 电池工作时间           | Working time of the battery
B310 | XXXX      |       | 总断相次数             | Phase failures
B61P | XXXX      | V     | 电压                   | Voltage
B62P | XX.XX     | A     | 电流                   | Current
B63Q | XX.XXXX   | kW    | 瞬时有功功率           | Active power
B64Q | XX.XX     | kvar  | 瞬时无功功率           | Reactive power
B65Q | X.XXX     |       | 功率因数               | Power factor
C010 | YYMMDDWW  |       | 日期及星期             | Date and day of the week
C011 | hhmmss    |       | 时间                   | Time
C020 | B8        |       | 电表运行状态字         | Meter status
C021 | B8        |       | 电网状态字             | Network status
C030 | XXXXXX    | imp/kWh   | 有功常数           | Active constant
C031 | XXXXXX    | imp/kvarh | 无功常数           | Reactive constant
C032 | N12       |       | 表号                   | Meter number
C033 | N12       |       | 用户号                 | Customer number
C034 | N12       |       | 设备码                 | Device code
"""

_STATUS_BITS: Final = """
1  2 时钟电池欠压 Clock battery low
1  3 停电抄表电池欠压 Reading battery low
1  4 有功功率方向反向 Active power flows backwards
1  5 无功功率方向反向 Reactive power flows backwards
2  0 A相有功反向 Active power backwards, phase A
2  1 B相有功反向 Active power backwards, phase B
2  2 C相有功反向 Active power backwards, phase C
2  4 A相无功反向 Reactive power backwards, phase A
2  5 B相无功反向 Reactive power backwards, phase B
2  6 C相无功反向 Reactive power backwards, phase C
3  0 第二套时段运行 Second set of day periods in use
3  3 编程允许 Programming enabled
3  4 继电器断开 Relay open
3  5 第二套时区运行 Second set of year zones in use
3  6 继电器命令断开 Relay commanded open
3  7 预跳闸报警 About to trip
4  0 A相失压 Loss of voltage, phase A
4  1 A相欠压 Under-voltage, phase A
4  2 A相过压 Over-voltage, phase A
4  3 A相失流 Loss of current, phase A
4  4 A相过流 Over-current, phase A
4  5 A相过载 Overload, phase A
4  6 A相潮流反向 Reverse flow, phase A
4  7 A相断相 Phase failure, phase A
4  8 A相断流 Current broken, phase A
5  0 B相失压 Loss of voltage, phase B
5  1 B相欠压 Under-voltage, phase B
5  2 B相过压 Over-voltage, phase B
5  3 B相失流 Loss of current, phase B
5  4 B相过流 Over-current, phase B
5  5 B相过载 Overload, phase B
5  6 B相潮流反向 Reverse flow, phase B
5  7 B相断相 Phase failure, phase B
5  8 B相断流 Current broken, phase B
6  0 C相失压 Loss of voltage, phase C
6  1 C相欠压 Under-voltage, phase C
6  2 C相过压 Over-voltage, phase C
6  3 C相失流 Loss of current, phase C
6  4 C相过流 Over-current, phase C
6  5 C相过载 Overload, phase C
6  6 C相潮流反向 Reverse flow, phase C
6  7 C相断相 Phase failure, phase C
6  8 C相断流 Current broken, phase C
7  0 电压逆相序 Voltages in reverse sequence
7  1 电流逆相序 Currents in reverse sequence
7  2 电压不平衡 Voltages unbalanced
7  3 电流不平衡 Currents unbalanced
7  4 辅助电源失电 Auxiliary supply lost
7  5 掉电 Power failure
7  6 需量超限 Demand above limit
7  7 总功率因数超下限 Power factor below limit
7  8 电流严重不平衡 Currents badly unbalanced
"""

_RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "TT": (0, 0x3F),
    "PP": (1, 3),
    "QQ": (0, 3),
    "WW": (1, 7),
    "SS": (0, 0x0C),
    "nn": (1, 62),
    "HH": (1, 254),
    "T": (0, 0xE),
    "P": (1, 3),
    "Q": (0, 3),
}
_BLOCK_LETTERS: Final = ("TT", "PP", "QQ", "WW", "T", "P", "Q")
_BLOCK: Final[Mapping[int, str]] = {1: "F", 2: "FF"}


@dataclass(frozen=True, slots=True)
class Datum:
    """What an identifier names. `block` is that of all its kind, "" if there is none; `place` is its own place in the block."""

    identifier: str
    layout: tuple[Part, ...]
    unit: str
    labels: Labels
    block: str = ""
    place: int = 0


@dataclass(frozen=True, slots=True)
class _Row:
    pattern: str
    layout: tuple[Part, ...]
    unit: str
    labels: Labels

    def letters(self) -> tuple[str, ...]:
        """The ranges in the pattern; a letter that stands twice is not also one that stands once."""
        return tuple(word for word in _RANGES if word in self.pattern and word * 2 not in self.pattern)


@cache
def _rows(edition: Edition) -> tuple[_Row, ...]:
    rows = tuple(_read(_2007 if edition is Edition.Y2007 else _1997))
    return (*rows, *_freezes()) if edition is Edition.Y2007 else rows


def _read(text: str) -> Iterator[_Row]:
    for line in text.strip().splitlines():
        pattern, layout, unit, zh, en = (cell.strip() for cell in line.split("|"))
        yield _Row(pattern, layout_of(layout), unit, Labels(zh, en))


def _freezes() -> Iterator[_Row]:
    """The same data, frozen on different occasions."""
    for (prefix, when), row in product(_FREEZES, _read(_FROZEN)):
        layout = row.layout if not row.unit else row.layout * _FROZEN_TIMES
        yield _Row(f"{prefix}{row.pattern}", layout, row.unit, Labels(when.zh + row.labels.zh, when.en + row.labels.en))


@cache
def datum(edition: Edition, identifier: str) -> Datum | None:
    """What an identifier of this edition names, written in upper-case hexadecimal digits; None if the table has it not."""
    for row in _rows(edition):
        found = _match(row, identifier)
        if found is not None:
            return found
    return None


def _match(row: _Row, identifier: str) -> Datum | None:
    if len(row.pattern) != len(identifier):
        return None
    letters = row.letters()
    places = {at + i for word in letters for at in (row.pattern.index(word),) for i in range(len(word))}
    if any(c != identifier[i] for i, c in enumerate(row.pattern) if i not in places):
        return None
    block, place, said = "", 0, []
    for word in letters:
        at = row.pattern.index(word)
        number = _number(identifier[at : at + len(word)], word)
        if number is None:
            return None
        said.append(_say(word, number))
        if word in _BLOCK_LETTERS:
            block = identifier[:at] + _BLOCK[len(word)] + identifier[at + len(word) :]
            place = number - _RANGES[word][0]
    zh = row.labels.zh + "".join(words.zh for words in said)
    en = row.labels.en + "".join(words.en for words in said)
    return Datum(identifier, row.layout, row.unit, Labels(zh, en), block, place)


def _number(digits: str, word: str) -> int | None:
    try:
        number = int(digits, 16)
    except ValueError:
        return None
    least, most = _RANGES[word]
    return number if least <= number <= most else None


def _say(word: str, number: int) -> Labels:
    """What a letter's value adds to a name."""
    letter = word[0]
    if letter in "PQ":
        return Labels("", "") if number == 0 else Labels(f"({'ABC'[number - 1]}相)", f", phase {'ABC'[number - 1]}")
    if letter == "T":
        return Labels("", "") if number == 0 else Labels(f"(费率{number})", f", tariff {number}")
    if letter == "W":
        return Labels(f"{number}", f" {number}")
    if letter == "S":
        return Labels("", "") if number == 0 else Labels(f"(上{number}结算日)", f", settlement {number} back")
    return Labels(f"(上{number}次)", f", {number} back")


@cache
def status_bits() -> Mapping[tuple[int, int], Labels]:
    """Names of the bits of the status words of the 2007 edition, by word (1 to 7) and bit."""
    cells = (line.split(maxsplit=3) for line in _STATUS_BITS.strip().splitlines())
    return {(int(word), int(bit)): Labels(zh, en) for word, bit, zh, en in cells}
