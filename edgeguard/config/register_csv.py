"""A maker's register list as CSV, in whatever words the columns have, as draft points; what is not understood is told by line."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgeguard.config.mistakes import Mistakes, did_you_mean
from edgeguard.config.profile_draft import DraftPoint
from edgeguard.core.errors import ConfigError
from edgeguard.core.limits import CONFIG_MAX_BYTES, MAX_POINTS_PER_DEVICE
from edgeguard.core.point import Labels
from edgeguard.core.register import RawType, Table, WordOrder

_NAMES_ZH: Final = ("点位名称", "参数名称", "变量名称", "信号名称", "测点名称", "测点")
_ADDRESSES: Final = (
    "地址",
    "寄存器",
    "寄存器地址",
    "起始地址",
    "通讯地址",
    "通信地址",
    "modbus地址",
    "registernumber",
    "startaddress",
)
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("point", "name", "parameter", "tag", "signal", "variable", "quantity", "点位", "名称", "参数", "变量", *_NAMES_ZH),
    "address": ("address0", "address", "addr", "register", "reg", "offset", "registeraddress", "modbusaddress", *_ADDRESSES),
    "function": ("function", "functioncode", "fc", "func", "table", "registertype", "功能码", "寄存器类型"),
    "type": ("type", "datatype", "format", "dtype", "数据类型", "类型"),
    "order": ("wordorder", "order", "endian", "endianness", "byteorder", "字序", "字节序"),
    "scale": ("scale", "factor", "multiplier", "gain", "coefficient", "resolution", "倍率", "系数", "比例"),
    "access": ("access", "rw", "readwrite", "mode", "读写", "读写属性", "权限", "属性"),
    "unit": ("unit", "units", "uom", "单位"),
    "bit": ("bit", "bits", "位"),
    "words": ("words", "count", "length", "registers", "size", "长度", "数量"),
    "zh": ("zh", "labelzh", "chinese", "中文", "中文名", "描述"),
    "en": ("en", "labelen", "label", "english", "description", "comment"),
    "min": ("min", "minimum", "rangemin", "low", "最小值"),
    "max": ("max", "maximum", "rangemax", "high", "最大值"),
    "device": ("device", "model", "product", "设备", "型号"),
    "source": ("source", "reference", "来源"),
    "verified": ("verified", "trust", "remark", "remarks", "备注"),
}
"""By what names a column goes, without regard to case, blanks, signs and what stands in brackets."""

_TABLES: Final[Mapping[str, Table]] = {
    **dict.fromkeys(("1", "01", "coil", "coils", "do", "0x"), Table.COIL),
    **dict.fromkeys(("2", "02", "discrete", "discreteinput", "discreteinputs", "di", "1x"), Table.DISCRETE),
    **dict.fromkeys(("3", "03", "holding", "holdingregister", "holdingregisters", "hr", "4x"), Table.HOLDING),
    **dict.fromkeys(("4", "04", "input", "inputregister", "inputregisters", "ir", "3x"), Table.INPUT),
}
_WRITES: Final = frozenset({"5", "05", "6", "06", "15", "16", "0f", "10"})
_TYPES: Final[Mapping[str, RawType]] = {
    **{kind.value: kind for kind in RawType},
    **dict.fromkeys(
        ("u16", "word", "ushort", "unsigned", "unsigned16", "uint", "enum16", "enum", "bitmask16", "4x4bit"), RawType.UINT16
    ),
    **dict.fromkeys(("s16", "i16", "short", "signed", "signed16", "int", "sint16"), RawType.INT16),
    **dict.fromkeys(("u32", "dword", "ulong", "unsigned32", "udint", "bitmask32"), RawType.UINT32),
    **dict.fromkeys(("s32", "i32", "long", "signed32", "dint"), RawType.INT32),
    **dict.fromkeys(("u64", "unsigned64", "qword"), RawType.UINT64),
    **dict.fromkeys(("s64", "i64", "signed64"), RawType.INT64),
    **dict.fromkeys(("float", "f32", "real", "ieee754", "single"), RawType.FLOAT32),
    **dict.fromkeys(("double", "f64", "lreal"), RawType.FLOAT64),
    **dict.fromkeys(("str", "text", "ascii", "utf8"), RawType.STRING),
    **dict.fromkeys(("bool", "boolean"), RawType.BIT),
}
_ORDERS: Final[Mapping[str, WordOrder]] = {
    **dict.fromkeys(("", "big", "abcd", "be", "msb", "high"), WordOrder.BIG),
    **dict.fromkeys(("little", "cdab", "le", "lsb", "low", "wordswap"), WordOrder.LITTLE),
    **dict.fromkeys(("bigswapped", "badc", "byteswap"), WordOrder.BIG_SWAPPED),
    **dict.fromkeys(("littleswapped", "dcba"), WordOrder.LITTLE_SWAPPED),
}
_BIT_IN_NAME: Final = re.compile(r"(?:^|_)bit_?(\d{1,2})$")
_LOW_BYTE: Final = re.compile(r"\(?low ?byte\)?")
_MODICON: Final[Mapping[str, Table]] = {"0": Table.COIL, "1": Table.DISCRETE, "3": Table.INPUT, "4": Table.HOLDING}
"""First digit of numbers such as 40001, where no column tells the table."""
_MODICON_SURE: Final = re.compile(r"[34]\d{4,5}")
"""10001 may be a register of that number; it is a discrete input in a list of such as these and nothing else."""
_SPAN: Final = re.compile(r"[-–—~～至]|\.\.+|to", re.IGNORECASE)
_HEX_HEADER: Final = re.compile(r"hex|16进制|十六进制", re.IGNORECASE)
_WRITE_ONLY: Final = frozenset({"w", "wo", "write", "writeonly", "只写", "写"})


@dataclass(frozen=True, slots=True)
class RegisterList:
    """What a CSV holds: its points, what it says of itself, and what a person should know, each with its line."""

    points: tuple[DraftPoint, ...]
    device: str
    source: str
    trust: str
    notes: tuple[str, ...]


def read_register_csv(path: Path, base: int = 0, device: str = "") -> RegisterList:
    """The list in a file. `base` is what the first register is called there (0 or 1). ConfigError with all mistakes.

    With `device` only rows whose device contains it are taken.
    """
    mistakes = Mistakes(str(path))
    rows = _rows(path, mistakes)
    mistakes.raise_if_any()
    reader = _Reader(rows, base, mistakes)
    points, taken = [], []
    for line, row in enumerate(rows[1:], 2):
        if not any(cell.strip() for cell in row) or device.casefold() not in reader.cell(row, "device").casefold():
            continue
        taken.append(row)
        point = reader.point(row, line)
        if point is not None:
            points.append(point)
    if not points and not mistakes.lines():
        mistakes.add_line(1, "file", "has no row that a point could be made of")
    if len(points) > MAX_POINTS_PER_DEVICE:
        mistakes.add_line(1, "file", f"{len(points)} points are too many: at most {MAX_POINTS_PER_DEVICE}")
    mistakes.raise_if_any()
    told = {key: _together(reader.cell(row, key) for row in taken) for key in ("device", "source", "verified")}
    return RegisterList(tuple(points), told["device"], told["source"], told["verified"], tuple(reader.notes))


def _rows(path: Path, mistakes: Mistakes) -> list[list[str]]:
    try:
        content = path.read_bytes()[: CONFIG_MAX_BYTES + 1]
    except OSError as error:
        raise ConfigError((f"{path}:1: file: cannot be read: {(error.strerror or 'not found').lower()}",)) from error
    if len(content) > CONFIG_MAX_BYTES:
        mistakes.add_line(1, "file", f"is too large: at most {CONFIG_MAX_BYTES} bytes are read")
        return []
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("gb18030", "replace")
    try:
        dialect: type[csv.Dialect] | csv.Dialect = csv.Sniffer().sniff(text.partition("\n")[0], ",;\t|")
    except csv.Error:
        dialect = csv.excel
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=dialect.delimiter))
    except csv.Error as error:
        mistakes.add_line(1, "file", f"is not CSV: {error}")
        return []
    if not rows:
        mistakes.add_line(1, "file", "is empty")
    return rows


def _together(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(text for text in texts if text))


class _Reader:
    """Rows of one file, by what its columns mean."""

    def __init__(self, rows: Sequence[Sequence[str]], base: int, mistakes: Mistakes) -> None:
        self._mistakes = mistakes
        self._base = base
        self.notes: list[str] = []
        header = rows[0]
        whole = [re.sub(r"[\W_]", "", cell).casefold() for cell in header]
        plain = [re.sub(r"[\W_]", "", re.sub(r"[(（\[【].*", "", cell)).casefold() for cell in header]
        places = {name: at for words in (plain, whole) for at, name in reversed(list(enumerate(words))) if name}
        self._columns = {key: min((places[n] for n in names if n in places), default=-1) for key, names in COLUMNS.items()}
        if self._columns["min"] < 0 or self._columns["max"] < 0:
            self._columns["min"] = self._columns["max"] = -1
        for key in ("name", "address"):
            if self._columns[key] < 0:
                there = ", ".join(cell.strip() for cell in header if cell.strip()) or "none"
                names = ", ".join(COLUMNS[key][:5])
                mistakes.add_line(1, key, f"there is no column for the {key} (such as {names}); columns: {there}")
        mistakes.raise_if_any()
        self._hex = _HEX_HEADER.search(header[self._columns["address"]]) is not None
        texts = [self._addresses(row)[0] for row in rows[1:]]
        self._modicon = (
            not self._hex
            and any(map(_MODICON_SURE.fullmatch, texts))
            and all(text.isdecimal() and len(text) in (5, 6) and text[0] in _MODICON for text in texts if text)
        )

    def cell(self, row: Sequence[str], key: str) -> str:
        """What stands in a row's column; empty where there is none."""
        at = self._columns[key]
        return row[at].strip() if 0 <= at < len(row) else ""

    def _addresses(self, row: Sequence[str]) -> list[str]:
        """What the row gives as address: one, or the ends of a span."""
        return [end.strip() for end in _SPAN.split(self.cell(row, "address"))]

    def point(self, row: Sequence[str], line: int) -> DraftPoint | None:
        """The row's point, or None after a note or a mistake."""
        before = len(self._mistakes.lines())
        written = self.cell(row, "name")
        function = re.sub(r"[\W_]", "", self.cell(row, "function")).casefold().removeprefix("fc")
        access = re.sub(r"[\W_]", "", self.cell(row, "access")).casefold()
        if function in _WRITES or access in _WRITE_ONLY or re.search(r"\bwrite\b", written, re.IGNORECASE):
            self.notes.append(f"line {line}: {written} is for writing only and is left out")
            return None
        place = self._place(row, function, line)
        if place is None:
            return None
        table, address = place
        name, bit = _name(written, address)
        kind, bits = self._type(row, table, bit, line)
        scale = self._scale(row, line)
        ends = [self._number(row, key, line) for key in ("min", "max")]
        zh, en = self.cell(row, "zh"), self.cell(row, "en") or (written if not written.isascii() else "")
        labels = Labels(zh=zh or written, en=en if en.isascii() and en else name.replace("_", " ").capitalize())
        if len(self._mistakes.lines()) > before:
            return None
        return DraftPoint(
            name=name,
            table=table,
            address=address,
            type=kind,
            words=self._words(row, kind, line),
            word_order=self._order(row, kind, line),
            bits=bits,
            scale=scale,
            unit=self.cell(row, "unit") if "," not in self.cell(row, "unit") else "",
            range=None if ends[0] is None or ends[1] is None or ends[0] >= ends[1] else (ends[0], ends[1]),
            labels=labels if zh or not written.isascii() else None,
            remark=written if name != written else "",
        )

    def _wrong(self, line: int, key: str, sentence: str) -> None:
        self._mistakes.add_line(line, key, sentence)

    def _place(self, row: Sequence[str], function: str, line: int) -> tuple[Table, int] | None:
        text, *_ = self._addresses(row)
        try:
            number = address_in(text, self._hex)
        except ValueError:
            self._wrong(line, "address", f'"{self.cell(row, "address")}" is not an address: write 4112, 0x1010 or 1010H')
            return None
        table = _TABLES.get(function)
        if function and table is None:
            self._wrong(
                line,
                "function",
                f'"{self.cell(row, "function")}" is not a function or table: 1 to 4, or coil, discrete, holding, input',
            )
            return None
        if table is None and not self._hex and (self._modicon or _MODICON_SURE.fullmatch(text)) and int(text[1:]):
            return _MODICON[text[0]], int(text[1:]) - 1
        address = number - self._base
        if not 0 <= address <= 65535:
            self._wrong(line, "address", f"{number} is out of range: {self._base} to {65535 + self._base}")
            return None
        return table or Table.HOLDING, address

    def _type(self, row: Sequence[str], table: Table, bit: int | None, line: int) -> tuple[RawType | None, tuple[int, int] | None]:
        if table.is_bits:
            return None, None
        written = self.cell(row, "type").casefold()
        low_byte = _LOW_BYTE.search(written) is not None
        text = _LOW_BYTE.sub("", written)
        given = self.cell(row, "bit")
        if re.fullmatch(r"\d{1,2}", given):
            bit = int(given)
        kind = type_named(text) if re.search(r"\w", text) else RawType.UINT16
        if kind is None:
            self._wrong(line, "type", f'"{written}" is not a type{did_you_mean(text, [k.value for k in RawType])}')
            return None, None
        if kind is RawType.BIT and bit is None:
            self._wrong(line, "bit", "which bit of the register? give a column bit, or a name that ends with _bit_N")
            return None, None
        if bit is not None and bit < 16:
            return RawType.UINT16, (bit, bit)
        self._check_span(row, kind, bool(text.strip()), line)
        return kind, ((0, 7) if low_byte else None)

    def _check_span(self, row: Sequence[str], kind: RawType, typed: bool, line: int) -> None:
        """Where a row tells its first and last address, its type must fill them."""
        ends = self._addresses(row)
        if len(ends) != 2 or kind is RawType.STRING:
            return
        try:
            count = address_in(ends[1], self._hex) - address_in(ends[0], self._hex) + 1
        except ValueError:
            count = 0
        if count != (kind.words or 1):
            told = f"a {kind.value} does not fill" if typed else "no type is given for"
            self._wrong(line, "type", f"{told} the registers {self.cell(row, 'address')}")

    def _scale(self, row: Sequence[str], line: int) -> float | None:
        text = self.cell(row, "scale")
        if text in ("?", "-"):
            self.notes.append(f"line {line}: no scale is given; the number is shown raw")
            return None
        value = factor_in(text)
        if text and value is None:
            self._wrong(line, "scale", f'"{text}" is not a number')
        return None if value == 0 else value

    def _number(self, row: Sequence[str], key: str, line: int) -> float | None:
        text = self.cell(row, key)
        value = _float(text)
        if text and value is None:
            self._wrong(line, key, f'"{text}" is not a number')
        return value

    def _words(self, row: Sequence[str], kind: RawType | None, line: int) -> int | None:
        if kind is not RawType.STRING:
            return None
        text = self.cell(row, "words")
        if not re.fullmatch(r"[1-9]\d{0,2}", text) or int(text) > 125:
            self._wrong(line, "words", "a string needs the number of its registers, 1 to 125")
            return None
        return int(text)

    def _order(self, row: Sequence[str], kind: RawType | None, line: int) -> WordOrder | None:
        text = re.sub(r"[\W_]", "", self.cell(row, "order")).casefold()
        order = _ORDERS.get(text)
        if order is None:
            self._wrong(line, "word_order", f'"{self.cell(row, "order")}" is not an order: big, little, or ABCD, CDAB, BADC, DCBA')
        many = kind is not None and kind not in (RawType.UINT16, RawType.INT16, RawType.BCD16, RawType.STRING)
        return order if many and order is not WordOrder.BIG else None


def type_named(text: str) -> RawType | None:
    """The type that goes by this name, without regard to case, blanks and signs; None if there is none."""
    return _TYPES.get(re.sub(r"[\W_]", "", text).casefold())


def factor_in(text: str) -> float | None:
    """0.1, written as a number, `0,1`, `x0.1`, `/10` or `1/10`; None for anything else."""
    quotient = re.fullmatch(r"(?:1\s*)?[/÷]\s*(.+)", text)
    if quotient is None:
        return _float(re.sub(r"^[x×*]\s*", "", text, flags=re.IGNORECASE))
    divisor = _float(quotient[1])
    return 1 / divisor if divisor else None


def _float(text: str) -> float | None:
    """A number; with a comma, where that can stand for no thousands."""
    text = re.sub(r"^([-+]?(?:0|\d+(?=,\d{1,2}$))),(\d+)$", r"\1.\2", text)
    return float(text) if re.fullmatch(r"[-+]?(\d{1,15}(\.\d{0,15})?|\.\d{1,15})([eE][-+]?\d{1,2})?", text) else None


def address_in(text: str, hexadecimal: bool = False) -> int:
    """4112, 0x1010 or 1010H; `hexadecimal`: 1010 is that as well. ValueError for anything else."""
    lower = text.lower()
    if lower.endswith("h"):
        return int(lower.removesuffix("h"), 16)
    return int(lower, 16) if hexadecimal or lower.startswith("0x") else int(lower, 10)


def _name(written: str, address: int) -> tuple[str, int | None]:
    """A point's name from whatever stands there, without what is in brackets; and the bit at its end, if there is one."""
    plain = re.sub(r"[(（\[].*", "", written).strip()
    name = re.sub(r"[^a-z0-9]+", "_", plain.casefold()).strip("_")[:60].strip("_")
    found = _BIT_IN_NAME.search(name)
    if not name:
        return f"register_{address}", None
    name = name if name[0].isalpha() else f"p_{name}"
    return name, int(found[1]) if found else None
