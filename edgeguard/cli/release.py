"""`release verify`: whether what was downloaded is ours, before anything of it is used."""

from pathlib import Path

import typer

from edgeguard import __version__
from edgeguard.cli.output import console, print_json, styled
from edgeguard.cli.session import Exit, Session
from edgeguard.cli.text import clean
from edgeguard.core.release_limits import RELEASE_KEYS_BYTES
from edgeguard.release import DownloadedRelease, Signer, Version, signers_of


def verify(session: Session, path: Path, key: Path, allow_downgrade: bool) -> Exit:
    """What was verified, file by file; ReleaseRefused (exit 1) where it must not be installed."""
    signers = _signers(key)
    installed = Version.of(__version__)
    found = DownloadedRelease.at(path).verified(signers, installed, allow_downgrade)
    if session.json:
        print_json(
            {
                "ok": True,
                "version": str(found.version),
                "installed": str(installed),
                "older": found.older,
                "signer": found.signer.fingerprint,
                "files": dict(found.files),
            }
        )
        return Exit.FINE
    out, lang = console(), session.lang
    for name, digest in found.files.items():
        out.print(f"  {digest}  {name}")
    by = clean(f"{found.signer.fingerprint} {found.signer.comment}".strip())
    out.print(lang.say(f"签名密钥: {by}", f"signed by {by}"))
    if found.older:
        zh, en = f"! 比已安装的 {installed} 旧", f"! older than the installed {installed}"
        out.print(styled(lang.say(zh, en), "bold yellow"))
    zh, en = f"✓ edgeguard {found.version} 可以安装", f"✓ edgeguard {found.version} may be installed"
    out.print(styled(lang.say(zh, en), "bold green"))
    return Exit.FINE


def _signers(key: Path) -> tuple[Signer, ...]:
    try:
        with key.open("rb") as file:
            data = file.read(RELEASE_KEYS_BYTES + 1)
    except OSError as error:
        raise typer.BadParameter(
            f"{key}: the maintainers' public key cannot be read ({error.strerror}); --key names it (see SECURITY.md)"
        ) from None
    if len(data) > RELEASE_KEYS_BYTES:
        raise typer.BadParameter(f"{key}: is larger than a file of keys")
    return signers_of(data.decode("utf-8", "replace"), str(key))
