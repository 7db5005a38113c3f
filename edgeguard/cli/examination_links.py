"""What a technician looks at beyond the machine: buses, certificates, the broker, the models; each with what to do.

Connections are tried only while no daemon runs that holds them: with one, it is asked instead.
"""

import asyncio
import random
import socket
from collections.abc import Iterator, Mapping
from typing import Final

from edgeguard.cli.examination import Finding, fine, wrong
from edgeguard.cli.text import clean
from edgeguard.core.afar_limits import CERTIFICATE_DAYS_AHEAD, DOCTOR_CONNECT_S
from edgeguard.core.site import Site, UplinkSpec, Wire
from edgeguard.uplink.certificates import Held, Role, held_certificates

_NAMES: Final[Mapping[Role, tuple[str, str]]] = {
    Role.CLIENT: ("本机证书", "our certificate"),
    Role.AUTHORITY: ("CA 证书", "the authorities' certificate"),
    Role.BROKER: ("平台证书", "the broker's certificate"),
}
_BROKER_FIXES: Final[Mapping[tuple[str, ...], tuple[str, str]]] = {
    ("no-name",): (
        "检查 uplink.url 与域名解析:resolvectl query",
        "is uplink.url right? does the name server answer? resolvectl query",
    ),
    ("refused", "no-answer", "unreachable", "disconnected"): (
        "检查网络、防火墙、端口;公网地址需要 drop-ins/addresses.conf",
        "network, firewall, port; a public address needs drop-ins/addresses.conf",
    ),
    ("certificate-required", "certificate-refused", "certificate-invalid"): (
        "检查 uplink.certificate 与 uplink.key 是否由平台签发",
        "are uplink.certificate and uplink.key those that the platform has issued?",
    ),
    ("certificate-expired",): (
        "向平台方申请新的客户端证书(uplink.certificate)",
        "ask the platform for a new client certificate (uplink.certificate)",
    ),
    ("key-encrypted",): (
        "以无密码的形式存放密钥,权限 0600:openssl pkey",
        "keep the key without a password, mode 0600: openssl pkey",
    ),
    ("server-certificate-expired", "server-certificate-revoked"): ("联系平台方更新证书", "have the platform renew its certificate"),
    ("server-certificate-early",): ("检查本机时钟:timedatectl", "is the clock right? timedatectl"),
    ("server-certificate-host",): ("uplink.url 应使用证书上的名字", "use the name in uplink.url that stands in the certificate"),
    ("server-certificate-issuer", "server-certificate", "ca-invalid"): (
        "向平台方索取正确的 CA 文件(uplink.ca)",
        "ask the platform for its CA file (uplink.ca)",
    ),
    ("tls-too-old", "not-tls", "tls-failed"): (
        "平台须支持 TLS 1.2 以上;端口是否正确(8883)",
        "the broker must speak TLS 1.2 or newer; is the port right (8883)?",
    ),
    ("hung-up",): (
        "端口与协议是否正确(mqtts:// 8883,mqtt:// 1883)?客户端标识是否允许?",
        "are port and scheme right (mqtts:// 8883, mqtt:// 1883)? is the client id allowed?",
    ),
    ("connect-refused",): (
        "检查用户名、密码、客户端标识及其权限",
        "user name, password, client id, and what they may do at the broker",
    ),
}
"""What to do about each cause; codes are those of health events."""
_LOOK_AT_FILE: Final = ("查看该文件的内容与权限(0600)", "look at the file that is named: its content, its mode (0600)")


def look_at_networks(site: Site) -> Iterator[Finding]:
    """Whether anybody listens where buses on the network lead to."""
    for bus in site.buses:
        if bus.device is not None or bus.wire is Wire.UDP:
            continue
        where = f"{bus.name} ({bus.where})"
        try:
            with socket.create_connection((bus.host, bus.port), timeout=DOCTOR_CONNECT_S):
                yield fine("buses", "listens", f"{where} 可连接", f"{where} can be connected to")
        except OSError as error:
            why = clean(error.strerror or str(error), 80)
            text = (f"{where} 无法连接:{why}", f"{where} cannot be connected to: {why}")
            fix = (
                "检查网关或控制器的电源、网线、地址与端口;systemd 是否允许该地址",
                "power, cable, address and port of the converter or controller; does the unit allow that address?",
            )
            yield wrong("buses", "unreachable", text, fix)


def look_at_certificates(spec: UplinkSpec, wall_ms: int, broker: Held | None = None) -> Iterator[Finding]:
    """How long the certificates of the uplink are still good, the broker's included where it was seen."""
    for held in (*held_certificates(spec), *((broker,) if broker else ())):
        yield judge_certificate(held, wall_ms)


def judge_certificate(held: Held, wall_ms: int) -> Finding:
    """Good, ending within CERTIFICATE_DAYS_AHEAD, ended, or not begun."""
    zh, en = _NAMES[held.role]
    source = f" ({held.source})" if held.source else ""
    days = held.days_left(wall_ms)
    renew = (
        ("联系平台方更新", "have the platform renew it")
        if held.role is Role.BROKER
        else ("更新文件,半分钟内自动生效", "put a new one in its place; it is taken up within half a minute")
    )
    code = f"{held.role.value}-certificate"
    if wall_ms < held.dates.not_before_ms:
        text = (f"{zh}{source}尚未生效", f"{en}{source} is not valid yet")
        return wrong("tls", code, text, ("检查本机时钟:timedatectl", "is the clock right? timedatectl"))
    if days < 0:
        return wrong("tls", code, (f"{zh}{source}已过期 {-days:.0f} 天", f"{en}{source} has ended {-days:.0f} days ago"), renew)
    if days <= CERTIFICATE_DAYS_AHEAD:
        return wrong("tls", code, (f"{zh}{source}将在 {days:.0f} 天后过期", f"{en}{source} ends in {days:.0f} days"), renew)
    return fine("tls", code, f"{zh}还有 {days:.0f} 天", f"{en} is good for {days:.0f} days")


def look_at_broker(site: Site) -> tuple[Finding, Held | None]:
    """One connection as the daemon would make it, under another client id; nothing is published or subscribed to."""
    assert site.uplink is not None  # noqa: S101 (asked for before)
    return asyncio.run(_connect(site, site.uplink))


async def _connect(site: Site, spec: UplinkSpec) -> tuple[Finding, Held | None]:
    from edgeguard.uplink.broker_look import look

    seen = await look(spec, f"{spec.client_id or f'{site.site}.{site.gateway}'}-doctor-{random.SystemRandom().randrange(10**6)}")
    held = None if seen.certificate is None else Held(Role.BROKER, seen.certificate)
    where = f"{spec.host}:{spec.port}"
    if seen.trouble is None:
        return fine("broker", "answers", f"平台 {where} 可连接", f"{where} takes us"), held
    trouble = seen.trouble
    detail = f" ({clean(trouble.detail, 120)})" if trouble.detail else ""
    text = (f"平台 {where}:{trouble.text.zh}{detail}", f"{where}: {trouble.text.en}{detail}")
    return wrong("broker", trouble.code, text, _broker_fix(trouble.code)), held


def _broker_fix(code: str) -> tuple[str, str]:
    return next((fix for codes, fix in _BROKER_FIXES.items() if code in codes), _LOOK_AT_FILE)


def look_at_models() -> Iterator[Finding]:
    """The models that ship with the program are what the manifest says, byte for byte."""
    from edgeguard.camera.shipped import ModelError, checked_bytes, model_facts

    for name in ("fall_judge", "plate_detector", "plate_reader"):
        try:
            facts = model_facts(name)
            checked_bytes(facts)
        except ModelError as error:
            text = (f"模型 {name} 不可用:{error}", f"model {name} cannot be used: {error}")
            yield wrong("models", "unusable", text, ("重新安装程序包", "install the package anew"))
            continue
        yield fine("models", name, f"模型 {name} {facts.version} 完好", f"model {name} {facts.version} is whole")
