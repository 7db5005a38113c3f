"""When a certificate is valid, and for whom: the few fields of X.509 that an expiry alarm needs, read from DER or PEM.

RFC 5280, 4.1: Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { [0] version OPTIONAL, serialNumber INTEGER, signature SEQUENCE,
issuer SEQUENCE, validity SEQUENCE { notBefore, notAfter }, subject SEQUENCE OF SET OF SEQUENCE { OID, value } ... } ... }.
Nothing is verified here: OpenSSL does that when it connects. Python's ssl gives dates only of certificates that have passed it.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from edgeguard.core.afar_limits import CERTIFICATE_MAX_BYTES, CERTIFICATES_MAX

_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----(\s[A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
_SEQUENCE: Final = 0x30
_SET: Final = 0x31
_OID: Final = 0x06
_UTC_TIME: Final = 0x17
_GENERALIZED_TIME: Final = 0x18
_VERSION: Final = 0xA0
_COMMON_NAME: Final = bytes((0x55, 0x04, 0x03))
_TEXTS: Final[Mapping[int, str]] = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1E: "utf-16-be"}


class NotACertificate(ValueError):
    """The bytes are no X.509 certificate, or one in a form that RFC 5280 does not allow."""


@dataclass(frozen=True, slots=True)
class CertificateDates:
    """Wall time in ms between which it is valid, and its common name, "" if it has none."""

    not_before_ms: int
    not_after_ms: int
    name: str = ""


def dates_of_pem(text: str) -> tuple[CertificateDates, ...]:
    """Every certificate in a PEM file, in its order. NotACertificate if one cannot be read; none is an empty tuple."""
    found = _PEM.findall(text)
    if len(found) > CERTIFICATES_MAX:
        raise NotACertificate(f"{len(found)} certificates in one file; {CERTIFICATES_MAX} are the most")
    try:
        return tuple(dates_of_der(base64.b64decode("".join(body.split()), validate=True)) for body in found)
    except binascii.Error as error:
        raise NotACertificate(f"not base64: {error}") from None


def dates_of_der(der: bytes) -> CertificateDates:
    """The dates of one certificate. NotACertificate if it cannot be read."""
    if len(der) > CERTIFICATE_MAX_BYTES:
        raise NotACertificate(f"{len(der)} bytes; {CERTIFICATE_MAX_BYTES} are the most")
    tbs = _Reader(_Reader(der).take(_SEQUENCE)).within(_SEQUENCE)
    if tbs.next_tag == _VERSION:
        tbs.take(_VERSION)
    tbs.skip(3)  # serial number, signature algorithm, issuer
    validity = tbs.within(_SEQUENCE)
    not_before_ms, not_after_ms = validity.time_ms(), validity.time_ms()
    return CertificateDates(not_before_ms, not_after_ms, _common_name(tbs.within(_SEQUENCE)))


def _common_name(subject: "_Reader") -> str:
    name = ""
    while not subject.at_end:
        attribute = subject.within(_SET).within(_SEQUENCE)
        oid = attribute.take(_OID)
        tag, value = attribute.any()
        if oid == _COMMON_NAME and tag in _TEXTS:
            name = value.decode(_TEXTS[tag], "replace")
    return name


class _Reader:
    """Tag, length, value, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._data)

    @property
    def next_tag(self) -> int:
        return -1 if self.at_end else self._data[self._at]

    def any(self) -> tuple[int, bytes]:
        """The next tag and its value."""
        head = self._data[self._at : self._at + 2]
        if len(head) < 2:
            raise NotACertificate("it ends too early")
        tag, length, at = head[0], head[1], self._at + 2
        if length >= 0x80:
            digits = length & 0x7F
            if not 1 <= digits <= 3:
                raise NotACertificate("a length that no certificate has")
            length = int.from_bytes(self._data[at : at + digits], "big")
            at += digits
        value = self._data[at : at + length]
        if len(value) < length:
            raise NotACertificate("it ends too early")
        self._at = at + length
        return tag, value

    def take(self, tag: int) -> bytes:
        found, value = self.any()
        if found != tag:
            raise NotACertificate(f"{found:02x} where {tag:02x} should be")
        return value

    def within(self, tag: int) -> "_Reader":
        return _Reader(self.take(tag))

    def skip(self, count: int) -> None:
        for _ in range(count):
            self.any()

    def time_ms(self) -> int:
        """UTCTime (two digits of the year: 1950 to 2049) or GeneralizedTime, both in seconds and UTC."""
        tag, value = self.any()
        if tag not in (_UTC_TIME, _GENERALIZED_TIME):
            raise NotACertificate("a time is missing")
        text = value.decode("ascii", "replace")
        if tag == _UTC_TIME:
            text = ("20" if text[:2] < "50" else "19") + text
        if len(text) != 15:
            raise NotACertificate(f"{text[:20]!r} is no time of a certificate")
        try:
            return int(datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp() * 1000)
        except ValueError:
            raise NotACertificate(f"{text[:20]!r} is no time of a certificate") from None
