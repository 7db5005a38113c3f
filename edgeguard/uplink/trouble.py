"""What can go wrong between here and the broker, in words: reason codes, kinds of trouble, and what each means for trying again.

Source of the codes: OASIS MQTT Version 5.0, 2.4 and the tables of 3.2.2.2, 3.4.2.1 and 3.14.2.1.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import Final

from edgeguard.core.errors import EdgeguardError
from edgeguard.core.point import Labels


class Verdict(Enum):
    """What a broker's reason code means for the rows of a message."""

    ACCEPT = auto()
    KEEP = auto()
    """Not now: wait, then send the same again, in order."""
    TOPIC = auto()
    """Never on this topic, for this client: about the topic rather than the rows."""
    CONTENT = auto()
    """Never with these rows in it."""


def verdict_of(code: int) -> Verdict:
    """The verdict on a PUBACK's or DISCONNECT's reason code."""
    if code < 0x80:
        return Verdict.ACCEPT
    if code in (0x87, 0x90):
        return Verdict.TOPIC
    if code in (0x95, 0x99):
        return Verdict.CONTENT
    return Verdict.KEEP


class TroubleKind(Enum):
    """Why there is no session; decides when and how to try again."""

    NETWORK = auto()
    """Name, route, refused or reset connection, or silence."""
    CLOSED_EARLY = auto()
    """The broker hung up on the CONNECT without a word, as some old ones do on MQTT 5."""
    VERSION = auto()
    """The broker says that it does not speak this version of MQTT."""
    SERVER = auto()
    """The broker is there and says not now."""
    PERSON = auto()
    """Stays until a person changes something: credentials, certificates, files, rights."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One cause in two languages; `code` is stable (health events), `detail` is what the library or broker said."""

    kind: TroubleKind
    code: str
    text: Labels
    detail: str = ""

    @property
    def sentence(self) -> Labels:
        """The text with its detail, if there is one."""
        more = f" ({self.detail})" if self.detail else ""
        return Labels(f"{self.text.zh}{more}", f"{self.text.en}{more}")

    def __str__(self) -> str:
        return self.sentence.en


class LinkTrouble(EdgeguardError):
    """A connection that could not be made or kept; `trouble` says why."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(str(trouble))
        self.trouble = trouble


_REASONS: Final[Mapping[int, tuple[str, str]]] = MappingProxyType(
    {
        0x80: ("未说明的错误", "unspecified error"),
        0x81: ("报文格式错误", "malformed packet"),
        0x82: ("违反协议", "protocol error"),
        0x83: ("平台内部规则拒绝", "implementation specific error"),
        0x84: ("不支持的协议版本", "unsupported protocol version"),
        0x85: ("客户端标识无效", "client identifier not valid"),
        0x86: ("用户名或密码错误", "bad user name or password"),
        0x87: ("没有权限", "not authorised"),
        0x88: ("服务器不可用", "server unavailable"),
        0x89: ("服务器忙", "server busy"),
        0x8A: ("客户端已被禁止", "banned"),
        0x8B: ("服务器正在关闭", "server shutting down"),
        0x8C: ("认证方式错误", "bad authentication method"),
        0x8D: ("保活超时", "keep-alive timeout"),
        0x8E: ("另一个客户端使用了同一标识", "session taken over: another client uses this client id"),
        0x90: ("主题名无效", "topic name invalid"),
        0x91: ("报文标识已占用", "packet identifier in use"),
        0x93: ("超过接收上限", "receive maximum exceeded"),
        0x94: ("主题别名无效", "topic alias invalid"),
        0x95: ("报文过大", "packet too large"),
        0x96: ("发送过于频繁", "message rate too high"),
        0x97: ("超出配额", "quota exceeded"),
        0x98: ("管理员操作", "administrative action"),
        0x99: ("负载格式无效", "payload format invalid"),
        0x9A: ("不支持保留消息", "retain not supported"),
        0x9B: ("不支持的服务质量等级", "QoS not supported"),
        0x9C: ("请使用另一台服务器", "use another server"),
        0x9D: ("服务器已迁移", "server moved"),
        0x9F: ("连接过于频繁", "connection rate exceeded"),
        0xA0: ("超过最长连接时间", "maximum connect time"),
    }
)
_PERSON_CODES: Final = frozenset({0x85, 0x86, 0x87, 0x8A, 0x8C, 0x8E, 0x9A, 0x9C, 0x9D})


def reason_words(code: int) -> Labels:
    """A reason code for people, number included: `quota exceeded (0x97)`."""
    zh, en = _REASONS.get(code, ("正常结束", "normal") if code < 0x80 else ("未知原因", "unknown reason"))
    return Labels(f"{zh}(0x{code:02x})", f"{en} (0x{code:02x})")


def connack_trouble(code: int, detail: str = "") -> Trouble:
    """A refused CONNECT, by the reason code of MQTT 5 (3.1.1's return codes are translated before)."""
    kind = TroubleKind.VERSION if code == 0x84 else TroubleKind.PERSON if code in _PERSON_CODES else TroubleKind.SERVER
    words = reason_words(code)
    text = Labels(f"平台拒绝连接:{words.zh}", f"the broker refuses the connection: {words.en}")
    return Trouble(kind, "connect-refused", text, detail)


def disconnect_trouble(code: int, detail: str = "") -> Trouble:
    """A session that the broker ended with a DISCONNECT."""
    kind = TroubleKind.PERSON if code in _PERSON_CODES else TroubleKind.SERVER
    words = reason_words(code)
    return Trouble(kind, "disconnected", Labels(f"平台断开连接:{words.zh}", f"the broker ended the session: {words.en}"), detail)


def network_trouble(zh: str, en: str, detail: str = "", code: str = "disconnected") -> Trouble:
    """Anything about the way to the broker."""
    return Trouble(TroubleKind.NETWORK, code, Labels(zh, en), detail)


def hung_up(detail: str, *, tls: bool) -> Trouble:
    """The broker took the connection and closed it instead of answering a CONNECT; `tls`: within TLS."""
    text = Labels("平台未应答就断开", "the broker hung up without a word")
    if not tls:
        text = Labels(f"{text.zh}:该端口是否要求 TLS(mqtts://)?", f"{text.en}: does it want TLS there (mqtts://)?")
    return Trouble(TroubleKind.CLOSED_EARLY, "hung-up", text, detail)


def person_trouble(code: str, zh: str, en: str, detail: str = "") -> Trouble:
    """Something that only a person can put right."""
    return Trouble(TroubleKind.PERSON, code, Labels(zh, en), detail)


def dial_trouble(error: OSError | ValueError) -> Trouble:
    """Why there is no connection at all."""
    detail = (error.strerror if isinstance(error, OSError) else None) or str(error)
    if isinstance(error, socket.gaierror):
        return network_trouble("无法解析平台域名", "the broker's name cannot be resolved", detail, "no-name")
    if isinstance(error, ConnectionRefusedError):
        return network_trouble("平台拒绝连接", "nobody listens at the broker's port", detail, "refused")
    if isinstance(error, TimeoutError):
        return network_trouble("连接平台超时", "the broker cannot be reached in time", detail, "no-answer")
    return network_trouble("无法连到平台", "the broker cannot be reached", detail, "unreachable")
