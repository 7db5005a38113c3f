"""A release is taken only as its maintainers signed it: ssh-keygen's own signatures are understood, nothing else is let through."""

import base64
import hashlib
import struct
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeguard.release import DownloadedRelease, Signer, Version, signers_of
from edgeguard.release.errors import ReleaseRefused
from edgeguard.release.signature import signed_by

MESSAGE = b"e799c3ff447b2d4311ba23d1b54b1994322eb8275fe29561c379a04e93a434bd  edgeguard-0.2.0-py3-none-any.whl\n"
PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAhbmcAaVWzJp4LlyEPsdM2a5RCCt1JcxNvnYT5PHtoy releases@edgeguard"
FINGERPRINT = "SHA256:pdN0724XQp7YmovGbOU8lgQBdfz9VNCXwFoKnqtm5qw"
"""What `ssh-keygen -l` says of PUBLIC; the key that belongs to it exists no more."""


def _armoured(body: str) -> str:
    return f"-----BEGIN SSH SIGNATURE-----\n{body}-----END SSH SIGNATURE-----\n"


BY_SSH_KEYGEN = _armoured(
    "U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgCFuZwBpVbMmnguXIQ+x0zZrlEI\n"
    "K3UlzE2+dhPk8e2jIAAAARZWRnZWd1YXJkLXJlbGVhc2UAAAAAAAAABnNoYTUxMgAAAFMA\n"
    "AAALc3NoLWVkMjU1MTkAAABAx8GCVc1dxWOdOvOS/wHL94o+jssJgrpmNkH8O4MKYhFTR8\n"
    "DDz4IbgYIAtuoqt/0qLBBKFk5J1ynW7XBy+J2pBQ==\n"
)
BY_SSH_KEYGEN_SHA256 = _armoured(
    "U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgCFuZwBpVbMmnguXIQ+x0zZrlEI\n"
    "K3UlzE2+dhPk8e2jIAAAARZWRnZWd1YXJkLXJlbGVhc2UAAAAAAAAABnNoYTI1NgAAAFMA\n"
    "AAALc3NoLWVkMjU1MTkAAABAxPatC9RDXV+qMvmw6Q4E9rO9AKlBKjrHYZKxc+1PULbN8W\n"
    "oTvET4NMg5i+aW4PVwqR9n/ZAPVgMkIlJumrbyBA==\n"
)
OF_A_COMMIT = _armoured(
    "U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgCFuZwBpVbMmnguXIQ+x0zZrlEI\n"
    "K3UlzE2+dhPk8e2jIAAAADZ2l0AAAAAAAAAAZzaGE1MTIAAABTAAAAC3NzaC1lZDI1NTE5\n"
    "AAAAQA+nPH3OBrY9rFp7r6lcATfV1o5IJ64Nvyxgck/nuLUFWwKNlfY5S5PubMLBKTV8AP\n"
    "+ldEF+caiqYppRHN9esgg=\n"
)
BY_RSA = _armoured(
    "U1NIU0lHAAAAAQAAARcAAAAHc3NoLXJzYQAAAAMBAAEAAAEBAL1oX0npLgn/IyP3noHu6/\n"
    "CGSS1SZSZKFgMtKVrHehQ4XkcjdcgWGDVuzj1F+eFxFRMbSGsA7rYuKaQ9JJQxm9AbqDvS\n"
    "j+88sGbR/OHNI32C52W0rgJ2WZBKA0V8TEW5q5kM4X/Cn2CzwGDID03wm/Vc8aJnK6Fwx8\n"
    "Neb5HJxH/enTuFh/gTsAjbVGTfuBsPf5XgKqQdHQzBPHvvcoXfvOaoOeNlLgVG+EXSvusg\n"
    "V/dLsRUrTREuL2HXkQepVPtHtTo/rAnhh6dwzvqTpZf6k0v4x24eXXXy8rMBNkNbVlLfhq\n"
    "C2JJkhdNAOJP5+ALozl32OJNZFMVz29EWIJmRg68kAAAARZWRnZWd1YXJkLXJlbGVhc2UA\n"
    "AAAAAAAABnNoYTUxMgAAARQAAAAMcnNhLXNoYTItNTEyAAABAK6A1EPnzgEeo+dnj9KXlR\n"
    "wYN0E62ywnWAImedQkClHg3XSKnNWvt6C3RFtYz3rvqBbNlhdjGpuqewZ+PhOOsEmWEUUq\n"
    "Rlnoxw/VxAnnehgdJc21JYoKHwLZZeqjcc6NWGZvMIXsnq/YVKfxmfONgH2LbyGiXNAZLX\n"
    "1P0PDJVjjurYRXDvX4TLtqy/RPjNKpNJtgOzE6wZO39hNQdd5w+Jy+PRFv6wM9OMzGd+3f\n"
    "8rkJEZs+7r6M+pP0IJar/EdjVnVXqIAkTlrrWyk980NRMxCQkz5BbOPG5HRaUgEmT7gLUU\n"
    "vBC9RDpEw23e03oF0PaB5FFJeYHHmz5dZQ93EmCRA=\n"
)


@pytest.mark.parametrize("signature", [BY_SSH_KEYGEN, BY_SSH_KEYGEN_SHA256], ids=("sha512", "sha256"))
def test_what_ssh_keygen_has_signed_is_taken(signature: str) -> None:
    signer = signed_by(MESSAGE, signature, signers_of(PUBLIC, "k.pub"), "x.sig")

    assert (signer.fingerprint, signer.comment) == (FINGERPRINT, "releases@edgeguard")


@pytest.mark.parametrize("line", ["releases@edgeguard " + PUBLIC, 'releases@edgeguard namespaces="edgeguard-release" ' + PUBLIC])
def test_the_file_of_ssh_keygen_verify_serves_as_it_is(line: str) -> None:
    assert [one.fingerprint for one in signers_of(f"# ours\n\n{line}\n", "signers")] == [FINGERPRINT]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "f: holds no key"),
        ("# nothing\n", "f: holds no key"),
        ("ssh-rsa AAAA x", "f:1: is no Ed25519 key"),
        ("\nssh-ed25519", "f:2: is no Ed25519 key"),
        ("ssh-ed25519 AAAA", "f:1: the key is damaged"),
        ("ssh-ed25519 " + PUBLIC.split()[1][:-4] + "!!!!", "f:1: the key is damaged"),
        ('me valid-before="20200101" ' + PUBLIC, "f:1: the one option that is understood"),
        ((PUBLIC + "\n") * 21, "f: holds more than 20 keys"),
    ],
)
def test_keys_that_are_none_are_named_with_their_line(text: str, told: str) -> None:
    with pytest.raises(ReleaseRefused, match=told):
        signers_of(text, "f")


@pytest.mark.parametrize(
    ("signature", "told"),
    [
        (OF_A_COMMIT, "x.sig: is a signature for 'git'"),
        (BY_RSA, "x.sig: is not made with an Ed25519 key"),
        ("", "x.sig: is no signature"),
        (_armoured("AAAA\n"), "x.sig: is a damaged signature"),
        (BY_SSH_KEYGEN.replace("U1NIU0lH", "U1NIU0lI"), "x.sig: is a damaged signature"),
    ],
    ids=("commit", "rsa", "empty", "short", "magic"),
)
def test_other_signatures_are_refused_by_what_they_are(signature: str, told: str) -> None:
    with pytest.raises(ReleaseRefused, match=told):
        signed_by(MESSAGE, signature, signers_of(PUBLIC, "k.pub"), "x.sig")


def test_a_key_that_nobody_trusts_is_named() -> None:
    with pytest.raises(ReleaseRefused, match=f"not among the trusted ones, {FINGERPRINT}"):
        signed_by(MESSAGE, BY_SSH_KEYGEN, [Signer(bytes(32))], "x.sig")


@given(st.integers(0, 8 * len(MESSAGE) - 1))
@settings(max_examples=20)
def test_no_bit_of_the_sums_can_change(bit: int) -> None:
    changed = bytearray(MESSAGE)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ReleaseRefused, match="changed after they had been signed"):
        signed_by(bytes(changed), BY_SSH_KEYGEN, signers_of(PUBLIC, "k.pub"), "x.sig")


@given(st.binary(max_size=300))
@settings(max_examples=60)
def test_junk_in_a_signatures_armour_is_refused_and_nothing_else_happens(junk: bytes) -> None:
    whole = b"SSHSIG\x00\x00\x00\x01" + junk
    with pytest.raises(ReleaseRefused):
        signed_by(MESSAGE, _armoured(base64.b64encode(whole).decode() + "\n"), signers_of(PUBLIC, "k.pub"), "x.sig")


@pytest.mark.parametrize(
    ("older", "newer"),
    [("0.1.0", "0.1.1"), ("0.9.0", "0.10.0"), ("1.0.0rc1", "1.0.0"), ("1.0.0b2", "1.0.0rc1"), ("1.0.0rc9", "1.0.0rc10")],
)
def test_versions_follow_each_other(older: str, newer: str) -> None:
    assert Version.of(older) < Version.of(newer)
    assert str(Version.of(older)) == older


@pytest.mark.parametrize("text", ["", "1.2", "1.2.3.4", "1.2.3-1", "v1.2.3", "1.2.3.dev1", "1.2.x", "١.2.3"])
def test_a_version_of_another_form_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="is no version"):
        Version.of(text)


INSTALLED = Version.of("0.2.0")
WHEEL = "edgeguard-0.2.0-py3-none-any.whl"


class House:
    """A releaser with a key, and a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
        self.signers = (Signer(self._key.public_key().public_bytes_raw(), "house"),)

    def put(self, **files: bytes) -> None:
        """Files by name, and sums that name them, signed."""
        for name, data in files.items():
            (self.folder / name).write_bytes(data)
        self.sign(b"".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n".encode() for name, data in files.items()))

    def sign(self, sums: bytes) -> None:
        (self.folder / "SHA256SUMS").write_bytes(sums)
        fields = (b"edgeguard-release", b"", b"sha512", hashlib.sha512(sums).digest())
        made = self._key.sign(b"SSHSIG" + b"".join(map(_string, fields)))
        key = _string(b"ssh-ed25519") + _string(self.signers[0].key)
        body = (key, *fields[:3], _string(b"ssh-ed25519") + _string(made))
        whole = b"SSHSIG" + struct.pack(">I", 1) + b"".join(map(_string, body))
        (self.folder / "SHA256SUMS.sig").write_text(_armoured(base64.b64encode(whole).decode() + "\n"), encoding="ascii")


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path)
    made.put(**{WHEEL: b"wheel", "requirements.lock": b"lock"})
    return made


def test_a_release_is_taken_whole_or_file_by_file(house: House) -> None:
    whole = DownloadedRelease.at(house.folder).verified(house.signers, INSTALLED)
    single = DownloadedRelease.at(house.folder / WHEEL).verified(house.signers, INSTALLED)

    assert (str(whole.version), sorted(whole.files), whole.older) == ("0.2.0", [WHEEL, "requirements.lock"], False)
    assert (sorted(single.files), single.signer.comment) == ([WHEEL], "house")


def test_a_flipped_bit_of_any_file_is_found(house: House) -> None:
    (house.folder / WHEEL).write_bytes(b"wheem")

    with pytest.raises(ReleaseRefused, match=f"{WHEEL}: is not the file that was signed"):
        DownloadedRelease.at(house.folder).verified(house.signers, INSTALLED)
    DownloadedRelease.at(house.folder / "requirements.lock").verified(house.signers, INSTALLED)


def test_what_is_not_signed_is_refused(house: House) -> None:
    (house.folder / "SHA256SUMS.sig").unlink()
    with pytest.raises(ReleaseRefused, match="is not there; this release is not signed"):
        DownloadedRelease.at(house.folder).verified(house.signers, INSTALLED)
    (house.folder / "SHA256SUMS").unlink()
    with pytest.raises(ReleaseRefused, match="is not there; a release without sums is not signed"):
        DownloadedRelease.at(house.folder / WHEEL).verified(house.signers, INSTALLED)


def test_a_file_beside_the_signed_ones_is_refused(house: House) -> None:
    (house.folder / "edgeguard-0.3.0-py3-none-any.whl").write_bytes(b"mine")
    with pytest.raises(ReleaseRefused, match=r"edgeguard-0\.3\.0-py3-none-any\.whl: lies in the release and is not named"):
        DownloadedRelease.at(house.folder).verified(house.signers, INSTALLED)
    with pytest.raises(ReleaseRefused, match="nobody has signed it"):
        DownloadedRelease.at(house.folder / "edgeguard-0.3.0-py3-none-any.whl").verified(house.signers, INSTALLED)


@pytest.mark.parametrize("how", ["gone", "link", "folder"])
def test_a_named_file_that_is_none_here_is_refused(house: House, how: str) -> None:
    lock = house.folder / "requirements.lock"
    lock.unlink()
    if how == "link":
        lock.symlink_to(house.folder / WHEEL)
    elif how == "folder":
        lock.mkdir()
    with pytest.raises(ReleaseRefused, match=r"requirements\.lock: is named in SHA256SUMS and is no file here"):
        DownloadedRelease.at(house.folder).verified(house.signers, INSTALLED)


def test_an_older_one_needs_to_be_allowed(house: House) -> None:
    newer = Version.of("0.2.1")
    with pytest.raises(ReleaseRefused, match=r"0\.2\.0 is older than the installed 0\.2\.1.*--allow-downgrade"):
        DownloadedRelease.at(house.folder).verified(house.signers, newer)
    assert DownloadedRelease.at(house.folder).verified(house.signers, newer, allow_downgrade=True).older


def test_an_older_one_cannot_take_a_newer_ones_name(house: House) -> None:
    (house.folder / WHEEL).rename(house.folder / "edgeguard-9.0.0-py3-none-any.whl")
    with pytest.raises(ReleaseRefused, match="nobody has signed it"):
        DownloadedRelease.at(house.folder / "edgeguard-9.0.0-py3-none-any.whl").verified(house.signers, INSTALLED)


DIGEST = "0" * 64


@pytest.mark.parametrize(
    ("sums", "told"),
    [
        ("", "names 0 wheels"),
        (f"{DIGEST}  {WHEEL}\n{DIGEST}  edgeguard-0.1.0-py3-none-any.whl\n", "names 2 wheels"),
        (f"{DIGEST}  edgeguard-zero-py3-none-any.whl\n", "'zero' is no version"),
        (f"{DIGEST}  ../{WHEEL}\n", "SHA256SUMS:1: is not"),
        (f"{DIGEST}  {WHEEL}\n{DIGEST}  {WHEEL}\n", "SHA256SUMS:2: is not"),
        (f"{DIGEST}  a\n" * 101, "names more than 100 files"),
        ("x" * 70_000, "is larger than any of ours"),
    ],
    ids=("empty", "two", "version", "path", "twice", "many", "large"),
)
def test_sums_that_make_no_release_are_refused_though_signed(house: House, sums: str, told: str) -> None:
    house.sign(sums.encode())
    with pytest.raises(ReleaseRefused, match=told):
        DownloadedRelease.at(house.folder).verified(house.signers, INSTALLED)
