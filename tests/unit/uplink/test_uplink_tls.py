"""Files of the uplink: secrets that others may read are refused, and every trouble names its file."""

import ssl
from pathlib import Path, PurePath

import pytest

from edgeguard.core.site import UplinkSpec
from edgeguard.uplink import tls
from edgeguard.uplink.trouble import LinkTrouble, TroubleKind


def spec(**files: PurePath) -> UplinkSpec:
    return UplinkSpec(
        "mqtt.example", 8883, tls=True, ca=files.get("ca"), certificate=files.get("certificate"), key=files.get("key")
    )


def secret(folder: Path, data: bytes, mode: int = 0o600) -> Path:
    path = folder / "secret"
    path.write_bytes(data)
    path.chmod(mode)
    return path


def test_a_password_is_the_first_line(tmp_path: Path) -> None:
    assert tls.read_secret(secret(tmp_path, "密码 \r\nsecond".encode())) == "密码 "


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o601])
def test_a_password_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = secret(tmp_path, b"hidden-word\n", mode)
    with pytest.raises(LinkTrouble) as caught:
        tls.read_secret(path)
    assert caught.value.trouble.code == "file-too-open"
    assert str(path) in str(caught.value)
    assert "hidden-word" not in str(caught.value)


@pytest.mark.parametrize(("data", "code"), [(b"", "file-empty"), (b"\nx", "file-empty"), (b"\xff\xfe", "file-invalid")])
def test_an_unusable_password_file_is_named(tmp_path: Path, data: bytes, code: str) -> None:
    with pytest.raises(LinkTrouble) as caught:
        tls.read_secret(secret(tmp_path, data))
    assert caught.value.trouble.code == code
    assert caught.value.trouble.kind is TroubleKind.PERSON


def test_a_missing_password_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LinkTrouble, match=r"nowhere.*No such file"):
        tls.read_secret(tmp_path / "nowhere")


def test_the_context_checks_hosts_and_refuses_old_tls() -> None:
    context = tls.client_context(spec())
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_ca_file_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("not a certificate")
    with pytest.raises(LinkTrouble) as caught:
        tls.client_context(spec(ca=path))
    assert caught.value.trouble.code == "ca-invalid"
    with pytest.raises(LinkTrouble) as caught:
        tls.client_context(spec(ca=tmp_path / "nowhere.pem"))
    assert caught.value.trouble.code == "file-unreadable"


def test_a_key_open_to_others_is_refused_before_it_is_read(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.write_text("x")
    key.write_text("x")
    key.chmod(0o644)
    with pytest.raises(LinkTrouble) as caught:
        tls.client_context(spec(certificate=certificate, key=key))
    assert caught.value.trouble.code == "file-too-open"
    key.chmod(0o600)
    with pytest.raises(LinkTrouble) as caught:
        tls.client_context(spec(certificate=certificate, key=key))
    assert caught.value.trouble.code == "certificate-invalid"


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "certificate-required"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "certificate-required"),
        ("TLSV1_ALERT_UNKNOWN_CA", "certificate-refused"),
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "certificate-expired"),
        ("UNSUPPORTED_PROTOCOL", "tls-too-old"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", "tls-too-old"),
        ("WRONG_VERSION_NUMBER", "not-tls"),
        ("UNEXPECTED_EOF_WHILE_READING", "tls-failed"),
    ],
)
def test_handshake_errors_in_words(reason: str, code: str) -> None:
    error = ssl.SSLError(1, f"[SSL: {reason}] something (_ssl.c:1)")
    error.reason = reason
    assert tls.tls_trouble(error, "mqtt.example").code == code


@pytest.mark.parametrize(
    ("verify_code", "code"),
    [
        (10, "server-certificate-expired"),
        (9, "server-certificate-early"),
        (62, "server-certificate-host"),
        (64, "server-certificate-host"),
        (18, "server-certificate-issuer"),
        (20, "server-certificate-issuer"),
        (23, "server-certificate-revoked"),
        (79, "server-certificate"),
    ],
)
def test_refused_server_certificates_in_words(verify_code: int, code: str) -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = verify_code, "why"
    found = tls.tls_trouble(error, "mqtt.example")
    assert found.code == code
    assert found.kind is TroubleKind.PERSON
