"""The broker's certificate, our own, and the password: read from their files at each connection, and their troubles in words.

TLS 1.2 at least, host name always checked; there is no switch to turn either off. Files with secrets must be 0600 or
narrower. Everything here may block and is called on the dialling thread.
"""

import os
import ssl
import stat
from pathlib import Path, PurePath
from typing import Final

from edgeguard.core import limits
from edgeguard.core.site import UplinkSpec
from edgeguard.uplink.trouble import LinkTrouble, Trouble, network_trouble, person_trouble

_WIDER_THAN_OWNER: Final = 0o077

# X509_V_ERR_* of OpenSSL, x509_vfy.h.
_EXPIRED: Final = 10
_NOT_YET_VALID: Final = 9
_UNKNOWN_ISSUER: Final = frozenset({2, 18, 19, 20, 21})
_WRONG_HOST: Final = frozenset({62, 64})
_REVOKED: Final = 23


def _open_trouble(what: str, path: PurePath, error: OSError) -> LinkTrouble:
    zh, en = f"无法读取{path}", f"{what} {path} cannot be read"
    return LinkTrouble(person_trouble("file-unreadable", zh, en, error.strerror or str(error)))


def _refuse_if_wide(what: str, path: PurePath, mode: int) -> None:
    if stat.S_IMODE(mode) & _WIDER_THAN_OWNER:
        zh = f"{path} 的权限过宽,应为 0600"
        en = f"{what} {path} may be read by others: mode {stat.S_IMODE(mode):04o}, at most 0600 is allowed"
        raise LinkTrouble(person_trouble("file-too-open", zh, en))


def read_secret(path: PurePath) -> str:
    """A password file's first line. LinkTrouble if it cannot be read, is empty, is not UTF-8, or is open to others."""
    try:
        with Path(path).open("rb") as file:
            _refuse_if_wide("password file", path, os.fstat(file.fileno()).st_mode)
            data = file.read(limits.SECRET_MAX_BYTES)
    except OSError as error:
        raise _open_trouble("password file", path, error) from error
    secret = data.split(b"\n", 1)[0].rstrip(b"\r")
    if not secret:
        raise LinkTrouble(person_trouble("file-empty", f"{path} 为空", f"password file {path} is empty"))
    try:
        return secret.decode()
    except UnicodeDecodeError:
        zh, en = f"{path} 不是 UTF-8 文本", f"password file {path} is not UTF-8 text"
        raise LinkTrouble(person_trouble("file-invalid", zh, en)) from None


def client_context(spec: UplinkSpec) -> ssl.SSLContext:
    """A context for this broker; LinkTrouble names the file that is at fault."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if spec.ca is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        _load_ca(context, spec.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = True
    context.verify_mode = ssl.CERT_REQUIRED
    if spec.certificate is not None:
        _load_certificate(context, spec.certificate, spec.key or spec.certificate)
    return context


def _load_ca(context: ssl.SSLContext, ca: PurePath) -> None:
    try:
        context.load_verify_locations(cafile=str(ca))
    except ssl.SSLError as error:
        zh, en = f"{ca} 不是有效的 CA 证书文件", f"CA file {ca} holds no certificate in PEM form"
        raise LinkTrouble(person_trouble("ca-invalid", zh, en, _reason(error))) from error
    except OSError as error:
        raise _open_trouble("CA file", ca, error) from error


def _load_certificate(context: ssl.SSLContext, certificate: PurePath, key: PurePath) -> None:
    asked = False

    def no_password() -> str:
        """An encrypted key must fail, not ask a terminal that is not there."""
        nonlocal asked
        asked = True
        return ""

    try:
        _refuse_if_wide("key file", key, Path(key).stat().st_mode)
        Path(certificate).read_bytes()
    except OSError as error:
        at_fault = key if error.filename == str(key) else certificate
        raise _open_trouble("certificate or key file", at_fault, error) from error
    try:
        context.load_cert_chain(str(certificate), str(key), password=no_password)
    except ssl.SSLError as error:
        if asked:
            zh, en = f"密钥 {key} 已加密,网关没有其密码", f"key {key} is encrypted, and the gateway has no password for it"
            raise LinkTrouble(person_trouble("key-encrypted", zh, en)) from error
        zh = f"客户端证书 {certificate} 与密钥 {key} 无效或不匹配"
        en = f"client certificate {certificate} and key {key} are not valid or do not belong together"
        raise LinkTrouble(person_trouble("certificate-invalid", zh, en, _reason(error))) from error
    except OSError as error:
        raise _open_trouble("certificate or key file", certificate, error) from error


def _reason(error: ssl.SSLError) -> str:
    return error.reason or str(error)


def tls_trouble(error: ssl.SSLError, host: str) -> Trouble:
    """What a failed handshake, or an alert after it, means for the person who must put it right."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _verification_trouble(error, host)
    reason = _reason(error)
    if "CERTIFICATE_REQUIRED" in reason or "HANDSHAKE_FAILURE" in reason:
        return person_trouble("certificate-required", "平台要求客户端证书", "the broker asks for a client certificate", reason)
    if "ALERT_CERTIFICATE_EXPIRED" in reason:
        zh, en = "平台认为本机的客户端证书已过期", "the broker says that our client certificate has expired"
        return person_trouble("certificate-expired", zh, en, reason)
    if "ALERT" in reason and any(word in reason for word in ("CERTIFICATE", "UNKNOWN_CA", "DECRYPT", "ACCESS_DENIED")):
        return person_trouble(
            "certificate-refused", "平台不接受本机的客户端证书", "the broker does not accept our client certificate", reason
        )
    if "PROTOCOL_VERSION" in reason or "UNSUPPORTED_PROTOCOL" in reason or "VERSION_TOO_LOW" in reason:
        return person_trouble(
            "tls-too-old", "平台的 TLS 版本过低,至少需要 1.2", "the broker's TLS is too old, 1.2 at least is needed", reason
        )
    if "WRONG_VERSION_NUMBER" in reason or "HTTP_REQUEST" in reason or "RECORD_LAYER" in reason:
        return person_trouble("not-tls", "对方端口不是 TLS", "this port of the broker does not speak TLS", reason)
    if "EOF" in reason:
        return cut_off(reason)
    return network_trouble("TLS 连接失败", "the TLS connection failed", reason, code="tls-failed")


def cut_off(detail: str) -> Trouble:
    """Somebody listens, and hangs up when TLS begins: most often a port for plain MQTT."""
    zh, en = "TLS 握手时对方断开:该端口是否为 TLS 端口?", "the broker hung up when TLS began: is this its TLS port?"
    return network_trouble(zh, en, detail, code="tls-failed")


def _verification_trouble(error: ssl.SSLCertVerificationError, host: str) -> Trouble:
    """The broker's certificate was not accepted by us."""
    code, detail = error.verify_code, error.verify_message
    if code == _EXPIRED:
        return person_trouble("server-certificate-expired", "平台证书已过期", "the broker's certificate has expired", detail)
    if code == _NOT_YET_VALID:
        zh, en = "平台证书尚未生效,请检查本机时间", "the broker's certificate is not valid yet: check this machine's clock"
        return person_trouble("server-certificate-early", zh, en, detail)
    if code in _WRONG_HOST:
        zh, en = f"平台证书不属于 {host}", f"the broker's certificate is not for {host}"
        return person_trouble("server-certificate-host", zh, en, detail)
    if code in _UNKNOWN_ISSUER:
        zh, en = "平台证书不是由所配置的 CA 签发", "the broker's certificate is not signed by the configured CA"
        return person_trouble("server-certificate-issuer", zh, en, detail)
    if code == _REVOKED:
        return person_trouble("server-certificate-revoked", "平台证书已被吊销", "the broker's certificate is revoked", detail)
    return person_trouble("server-certificate", "平台证书无效", "the broker's certificate is not valid", detail)
