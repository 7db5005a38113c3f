"""Dates of certificates: one made by openssl, and everything that is none."""

import base64
import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeguard.codec.x509_dates import NotACertificate, dates_of_der, dates_of_pem

# openssl ca -selfsign ... -startdate 20260101000000Z -enddate 20520101000000Z, of a request for /O=Lakeside/CN=b07
DER = base64.b64decode(
    "MIHrMIGeAgEBMAUGAytlcDAhMREwDwYDVQQKDAhMYWtlc2lkZTEMMAoGA1UEAwwDYjA3MCAXDTI2MDEwMTAwMDAwMFoYDzIwNTIw"
    "MTAxMDAwMDAwWjAhMREwDwYDVQQKDAhMYWtlc2lkZTEMMAoGA1UEAwwDYjA3MCowBQYDK2VwAyEABQ/CG/5kWqwhmaYWoWTgA6xB"
    "Y1DE6y9N3cOKv58tb6QwBQYDK2VwA0EASVR4ORWTu//deOJEXLSEHVcD6mGoq/FiFm/GCDxdXPqWJLw0cttfHhwa6pxbxu78Bkp2"
    "XIWQArQzclQpTS+DBg=="
)


def ms(*at: int) -> int:
    return int(datetime(*at, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc, arg-type]


def pem(*ders: bytes) -> str:
    return "".join(f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(der).decode()}-----END CERTIFICATE-----\n" for der in ders)


def test_what_openssl_has_made() -> None:
    dates = dates_of_der(DER)
    assert (dates.not_before_ms, dates.not_after_ms, dates.name) == (ms(2026, 1, 1), ms(2052, 1, 1), "b07")


def test_a_file_may_hold_several_and_other_things_between() -> None:
    assert len(dates_of_pem("subject=b07\n" + pem(DER) + "\n# old\n" + pem(DER, DER))) == 3
    assert dates_of_pem("nothing here") == ()


@pytest.mark.parametrize(
    "text", ["-----BEGIN CERTIFICATE-----\nAAAA=A\n-----END CERTIFICATE-----", pem(b"\x30\x03abc"), pem(DER[:-90])]
)
def test_a_spoilt_file_is_told(text: str) -> None:
    with pytest.raises(NotACertificate):
        dates_of_pem(text)


def test_every_cut_is_noticed() -> None:
    end = DER.index(b"b07") + 3
    for length in range(end):
        with pytest.raises(NotACertificate):
            dates_of_der(DER[:length])


@given(st.integers(0, len(DER) - 1), st.integers(0, 255))
def test_no_flipped_byte_breaks_more_than_the_certificate(at: int, value: int) -> None:
    with contextlib.suppress(NotACertificate):
        dates_of_der(DER[:at] + bytes((value,)) + DER[at + 1 :])


@given(st.binary(max_size=200))
def test_junk_is_no_certificate(junk: bytes) -> None:
    with pytest.raises(NotACertificate):
        dates_of_der(junk)
