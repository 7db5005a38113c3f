"""What a frame says, in words: functions, addresses and values of Modbus; control codes and identifiers of meters; field by field.

For people who look at a wire. Knows no device, so a register is a number here and not yet a voltage. Passwords and operator
codes in a meter's writes are never written out. Sources as in codec.shapes; DL/T 645-2007, 7 and CJ/T 188-2004, 7 (codes).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from edgeguard.codec.meter_said import electricity, others
from edgeguard.codec.modbus import EXCEPTION_BIT, EXCEPTION_NAMES
from edgeguard.codec.sighting import Form, Sighting, Sort
from edgeguard.core.dlt645_table import datum
from edgeguard.core.line import Protocol
from edgeguard.core.meter import Edition
from edgeguard.core.point import Labels

_SHOWN_VALUES: Final = 8
_SHOWN_BYTES: Final = 24
_WRITES: Final = frozenset({5, 6, 15, 16, 21, 22, 23})
_FUNCTIONS: Final[Mapping[int, Labels]] = MappingProxyType(
    {
        1: Labels("读线圈", "read coils"),
        2: Labels("读离散输入", "read discrete inputs"),
        3: Labels("读保持寄存器", "read holding"),
        4: Labels("读输入寄存器", "read input"),
        5: Labels("写线圈", "write coil"),
        6: Labels("写寄存器", "write register"),
        7: Labels("读异常状态", "read exception status"),
        8: Labels("诊断", "diagnostics"),
        11: Labels("读通信计数", "read event counter"),
        12: Labels("读通信日志", "read event log"),
        15: Labels("写多个线圈", "write coils"),
        16: Labels("写多个寄存器", "write registers"),
        17: Labels("读从站标识", "report server id"),
        20: Labels("读文件", "read file"),
        21: Labels("写文件", "write file"),
        22: Labels("掩码写寄存器", "mask write register"),
        23: Labels("读写寄存器", "read and write registers"),
        24: Labels("读先入先出队列", "read FIFO queue"),
        43: Labels("读设备标识", "read device identification"),
    }
)
_EXCEPTIONS_ZH: Final[Mapping[int, str]] = MappingProxyType(
    {
        1: "非法功能",
        2: "非法数据地址",
        3: "非法数据值",
        4: "从站设备故障",
        5: "确认",
        6: "从站设备忙",
        7: "否定确认",
        8: "存储奇偶校验错误",
        10: "网关路径不可用",
        11: "网关目标设备无响应",
    }
)
_DLT645: Final[Mapping[int, Labels]] = MappingProxyType(
    {
        0x01: Labels("读数据(1997)", "read data (1997)"),
        0x02: Labels("读后续数据(1997)", "read following data (1997)"),
        0x04: Labels("写数据(1997)", "write data (1997)"),
        0x08: Labels("广播校时", "broadcast time"),
        0x11: Labels("读数据", "read data"),
        0x12: Labels("读后续数据", "read following data"),
        0x13: Labels("读通信地址", "read address"),
        0x14: Labels("写数据", "write data"),
        0x15: Labels("写通信地址", "write address"),
        0x16: Labels("冻结", "freeze"),
        0x17: Labels("更改通信速率", "change baud rate"),
        0x18: Labels("修改密码", "change password"),
        0x19: Labels("最大需量清零", "clear demand"),
        0x1A: Labels("电表清零", "clear meter"),
        0x1B: Labels("事件清零", "clear events"),
        0x1C: Labels("跳合闸、报警、保电", "relay, alarm, power guarantee"),
    }
)
_DLT645_READS: Final = frozenset({0x01, 0x02, 0x11, 0x12, 0x13})
_DLT645_ERRORS: Final = (
    Labels("其他错误", "other error"),
    Labels("无请求数据", "no such data"),
    Labels("密码错或未授权", "password wrong or not authorised"),
    Labels("通信速率不能更改", "baud rate cannot be changed"),
    Labels("年时区数超", "too many year zones"),
    Labels("日时段数超", "too many day periods"),
    Labels("费率数超", "too many tariffs"),
)
_CJT188: Final[Mapping[int, Labels]] = MappingProxyType(
    {
        0x01: Labels("读数据", "read data"),
        0x03: Labels("读地址", "read address"),
        0x04: Labels("写数据(含阀控)", "write data (valve too)"),
        0x15: Labels("写地址", "write address"),
        0x16: Labels("写机电同步数", "set base reading"),
    }
)
_CJT188_READS: Final = frozenset({0x01, 0x03})
_NO_WORDS: Final = Labels("", "")


@dataclass(frozen=True, slots=True)
class FrameField:
    """One field of a frame: its name, its bytes on the wire, and what they mean where that is more than the bytes.

    `value_zh` where the meaning has words; empty where it is the same in both languages.
    """

    name: Labels
    data: bytes
    value: str = ""
    value_zh: str = ""

    @property
    def meaning(self) -> Labels:
        """The value in both languages."""
        return Labels(self.value_zh or self.value, self.value)


def is_write(seen: Sighting) -> bool:
    """A whole request that asks a device to change something."""
    if seen.sort is not Sort.REQUEST or seen.form is None or not seen.pdu:
        return False
    code = seen.pdu[0]
    if seen.form.protocol is Protocol.DLT645:
        return code & 0x1F not in _DLT645_READS
    if seen.form.protocol is Protocol.CJT188:
        return code not in _CJT188_READS
    return code in _WRITES


def describe(seen: Sighting, asked: Sighting | None = None) -> Labels:
    """The sighting in a sentence, without the station; `asked` is the request that an answer belongs to, if that is known."""
    if seen.sort is Sort.JUNK:
        return _junk(seen)
    if seen.sort is Sort.BROKEN:
        return Labels(f"帧损坏:{seen.detail}", f"broken frame: {seen.detail}")
    if seen.form is None or not seen.pdu:
        return _NO_WORDS
    told = _TELLERS[seen.form.protocol](seen, asked)
    if seen.sort is Sort.ECHO:
        return Labels(f"回波:{told.zh}", f"echo of: {told.en}")
    return told


def _junk(seen: Sighting) -> Labels:
    count = len(seen.data)
    if set(seen.data) <= {0x00, 0xFF}:
        return Labels(f"{count} 字节 00/FF(收发切换噪声)", f"{count} bytes of 00 and FF (drivers switching)")
    return Labels(f"{count} 字节无法识别", f"{count} bytes that are no frame{f': {seen.detail}' if seen.detail else ''}")


def _modbus(seen: Sighting, asked: Sighting | None) -> Labels:
    pdu = seen.pdu
    code = pdu[0] & ~EXCEPTION_BIT
    name = _FUNCTIONS.get(code, Labels(f"功能码 {code}", f"function {code}"))
    if seen.sort is Sort.EXCEPTION:
        number = pdu[1] if len(pdu) > 1 else 0
        words = _exception(number)
        return Labels(f"{name.zh}:异常 {number}({words.zh})", f"{name.en}: exception {number}, {words.en}")
    is_answer = seen.sort is Sort.ANSWER
    if code <= 4 and is_answer:
        where = _where(asked.pdu) if asked is not None and asked.pdu[:1] == pdu[:1] else ""
        return _joined(name, f"{where} = {_values(code, pdu[2:])}".strip())
    if code <= 4 or (code in (15, 16) and is_answer):
        return _joined(name, _where(pdu))
    if code in (5, 6):
        value = int.from_bytes(pdu[3:5], "big")
        shown = {0xFF00: "on", 0: "off"}.get(value, f"{value}") if code == 5 else f"{value}"
        return _joined(name, f"{int.from_bytes(pdu[1:3], 'big')} = {shown}")
    if code in (15, 16):
        return _joined(name, f"{_where(pdu)} = {_values(1 if code == 15 else 3, pdu[6:])}")
    if code == 22:
        return _joined(name, f"{int.from_bytes(pdu[1:3], 'big')} and {pdu[3:5].hex()} or {pdu[5:7].hex()}")
    if code == 43 and is_answer:
        return _joined(name, ", ".join(identification(pdu)))
    return _joined(name, _hex(pdu[1:]))


def _exception(number: int) -> Labels:
    return Labels(_EXCEPTIONS_ZH.get(number, "标准未定义"), EXCEPTION_NAMES.get(number, "unknown to the standard"))


def _joined(name: Labels, rest: str) -> Labels:
    return Labels(f"{name.zh} {rest}".rstrip(), f"{name.en} {rest}".rstrip())


def _where(pdu: bytes) -> str:
    """`16` or `16..17`: the addresses of a request as they are on the wire."""
    first, count = int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
    return f"{first}" if count == 1 else f"{first}..{first + count - 1}"


def _values(code: int, data: bytes) -> str:
    if code <= 2:
        bits = "".join(f"{byte:08b}"[::-1] for byte in data[:_SHOWN_VALUES])
        return bits + ("…" if len(data) > _SHOWN_VALUES else "")
    words = [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data) - 1, 2)]
    return " ".join(str(word) for word in words[:_SHOWN_VALUES]) + (f" … ({len(words)})" if len(words) > _SHOWN_VALUES else "")


def identification(pdu: bytes) -> list[str]:
    """The texts in an answer to function 43/14, as far as they can be read."""
    texts, at = [], 7
    while at + 2 <= len(pdu):
        size = pdu[at + 1]
        texts.append("".join(chr(byte) if 32 <= byte < 127 else "." for byte in pdu[at + 2 : at + 2 + size]))
        at += 2 + size
    return texts


def _dlt645(seen: Sighting, asked: Sighting | None) -> Labels:
    code, data = seen.pdu[0], seen.pdu[1:]
    name = _DLT645.get(code & 0x1F, Labels(f"控制码 {code:02X}", f"control code {code:02X}"))
    if seen.sort is Sort.EXCEPTION:
        bits = [words for bit, words in enumerate(_DLT645_ERRORS) if data[:1] and data[0] >> bit & 1]
        return Labels(
            f"{name.zh}:拒绝({'、'.join(words.zh for words in bits) or _hex(data)})",
            f"{name.en}: refused, {', '.join(words.en for words in bits) or _hex(data)}",
        )
    size = 2 if code & 0x1F in (0x01, 0x02, 0x04) else 4
    more = Labels("(有后续帧)", " (more follows)") if code & 0xA0 == 0xA0 else _NO_WORDS
    if code & 0x1F in _DLT645_READS - {0x13}:
        return _item(name, data[:size], data[size:], more)
    if code & 0x1F == 0x13:
        rest = _digits(data)
    elif seen.sort is Sort.REQUEST and code & 0x1F in (0x14, 0x04):
        rest = f"{data[:size][::-1].hex().upper()} ({len(data) - size} B)"
    else:
        rest = f"({len(data)} B)" if data else ""
    told = _joined(name, rest)
    return Labels(told.zh + more.zh, told.en + more.en)


def _item(name: Labels, wire: bytes, data: bytes, more: Labels) -> Labels:
    """A data identifier with the name that the standard's table gives it, and its values as the table reads them."""
    identifier, edition = wire[::-1].hex().upper(), Edition.Y2007 if len(wire) == 4 else Edition.Y1997
    known = datum(edition, identifier)
    zh, en = (f" {known.labels.zh}", f" {known.labels.en}") if known is not None else ("", "")
    said = None if more.en else electricity(edition, identifier, data)
    values = Labels(f" = {said.zh}", f" = {said.en}") if said is not None else Labels(_digits(data), _digits(data))
    return Labels(f"{name.zh} {identifier}{zh}{values.zh}{more.zh}", f"{name.en} {identifier}{en}{values.en}{more.en}")


def _digits(data: bytes) -> str:
    """Packed digits, lowest byte first on the wire, as they are written."""
    return f" = {data[::-1].hex().upper()}" if data else ""


def _cjt188(seen: Sighting, asked: Sighting | None) -> Labels:
    code, data = seen.pdu[0], seen.pdu[1:]
    name = _CJT188.get(code & 0x3F, Labels(f"控制码 {code:02X}", f"control code {code:02X}"))
    if seen.sort is Sort.EXCEPTION:
        return Labels(f"{name.zh}:拒绝({_hex(data)})", f"{name.en}: refused ({_hex(data)})")
    identifier = data[:2].hex().upper()
    named = identifier if data[:1] in (b"\x90", b"\xd1") else data[1::-1].hex().upper()
    if seen.sort is Sort.ANSWER and (said := others(str(seen.station), named, data[3:])) is not None:
        return Labels(f"{name.zh} DI {identifier} = {said.zh}", f"{name.en} DI {identifier} = {said.en}")
    return _joined(name, f"DI {identifier}" + (f" = {_hex(data[3:])}" if len(data) > 3 else ""))


def _hex(data: bytes) -> str:
    return data[:_SHOWN_BYTES].hex(" ").upper() + (" …" if len(data) > _SHOWN_BYTES else "")


_TELLERS: Final[Mapping[Protocol, Callable[[Sighting, Sighting | None], Labels]]] = MappingProxyType(
    {Protocol.MODBUS: _modbus, Protocol.DLT645: _dlt645, Protocol.CJT188: _cjt188}
)


def fields(seen: Sighting) -> tuple[FrameField, ...]:
    """The frame field by field, in the order of the wire; empty for what is no frame."""
    if seen.form is None or not seen.pdu:
        return ()
    data = seen.data
    head: tuple[FrameField, ...]
    if seen.form is Form.RTU:
        head = (FrameField(Labels("站号", "unit"), data[:1], str(data[0])),)
        tail = (_check(Labels("CRC", "CRC"), data[1 + len(seen.pdu) :], seen),)
        return (*head, *_pdu_fields(seen, seen.pdu), *tail)
    if seen.form is Form.ASCII:
        body = bytes.fromhex(data[1:-2].decode("ascii"))
        head = (FrameField(Labels("起始", "start"), data[:1], ":"), FrameField(Labels("站号", "unit"), body[:1], str(body[0])))
        return (*head, *_pdu_fields(seen, body[1:-1]), _check(Labels("LRC", "LRC"), body[-1:], seen))
    if seen.form is Form.TCP:
        head = (
            FrameField(Labels("事务号", "transaction"), data[:2], str(int.from_bytes(data[:2], "big"))),
            FrameField(Labels("协议", "protocol"), data[2:4], "0 (Modbus)"),
            FrameField(Labels("长度", "length"), data[4:6], str(int.from_bytes(data[4:6], "big"))),
            FrameField(Labels("站号", "unit"), data[6:7], str(data[6])),
        )
        return (*head, *_pdu_fields(seen, data[7:]))
    return _meter_fields(seen)


def _check(name: Labels, data: bytes, seen: Sighting) -> FrameField:
    """A checksum, and whether it is right."""
    return FrameField(name, data, seen.detail) if seen.sort is Sort.BROKEN else FrameField(name, data, "right", "正确")


def _pdu_fields(seen: Sighting, pdu: bytes) -> tuple[FrameField, ...]:
    code = pdu[0] & ~EXCEPTION_BIT
    name = _FUNCTIONS.get(code)
    told = Labels(f"{pdu[0]} {name.zh}", f"{pdu[0]} {name.en}") if name else Labels(f"{pdu[0]}", f"{pdu[0]}")
    made = [FrameField(Labels("功能码", "function"), pdu[:1], told.en, told.zh)]
    if pdu[0] & EXCEPTION_BIT:
        words = _exception(pdu[1]) if len(pdu) > 1 else _NO_WORDS
        made.append(FrameField(Labels("异常码", "exception"), pdu[1:2], words.en, words.zh))
    elif code <= 4 and seen.sort in (Sort.ANSWER, Sort.BROKEN) and len(pdu) > 1 and len(pdu) == 2 + pdu[1]:
        made.append(FrameField(Labels("字节数", "bytes"), pdu[1:2], str(pdu[1])))
        made.append(FrameField(Labels("数据", "data"), pdu[2:], _values(code, pdu[2:])))
    elif len(pdu) >= 5 and (code <= 6 or code in (15, 16)):
        second = Labels("值", "value") if code in (5, 6) else Labels("数量", "count")
        made.append(FrameField(Labels("地址", "address"), pdu[1:3], str(int.from_bytes(pdu[1:3], "big"))))
        made.append(FrameField(second, pdu[3:5], str(int.from_bytes(pdu[3:5], "big"))))
        if len(pdu) > 6:
            made.append(FrameField(Labels("字节数", "bytes"), pdu[5:6], str(pdu[5])))
            made.append(FrameField(Labels("数据", "data"), pdu[6:], _values(1 if code == 15 else 3, pdu[6:])))
    elif len(pdu) > 1:
        made.append(FrameField(Labels("数据", "data"), pdu[1:]))
    return tuple(made)


def _meter_fields(seen: Sighting) -> tuple[FrameField, ...]:
    data = seen.data
    wake = len(data) - len(data.lstrip(b"\xfe"))
    body = data[wake:]
    made = [FrameField(Labels("唤醒", "wake-up"), data[:wake])] if wake else []
    told = _TELLERS[seen.form.protocol](replace(seen, sort=Sort.ANSWER), None) if seen.form else _NO_WORDS
    if seen.form is Form.DLT645:
        control, data_at = 8, 10
        made += [FrameField(Labels("起始", "start"), body[:1]), FrameField(Labels("地址", "address"), body[1:7], str(seen.station))]
        made.append(FrameField(Labels("起始", "start"), body[7:8]))
        shown = f"-33: {_hex(seen.pdu[1:])}" if not is_write(seen) else ""
    else:
        control, data_at = 9, 11
        made += [FrameField(Labels("起始", "start"), body[:1]), FrameField(Labels("表类型", "meter type"), body[1:2])]
        made.append(FrameField(Labels("地址", "address"), body[2:9], str(seen.station)[2:]))
        shown = ""
    made.append(FrameField(Labels("控制码", "control"), body[control : control + 1], told.en, told.zh))
    made.append(FrameField(Labels("长度", "length"), body[control + 1 : control + 2], str(body[control + 1])))
    if len(body) > data_at + 2:
        made.append(FrameField(Labels("数据", "data"), body[data_at:-2], shown))
    made.append(_check(Labels("校验和", "checksum"), body[-2:-1], seen))
    made.append(FrameField(Labels("结束", "end"), body[-1:]))
    return tuple(made)
