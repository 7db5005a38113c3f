"""No secret, no foreign host, no broken link in any file of the repository; the locks say what the project says.

The words looked for are put together from pieces here, so that this file does not offend against itself.
"""

import json
import re
import subprocess
import sys
import tomllib

import pytest
from law_tree import ROOT, files, texts

from edgeguard import __version__

SECRETS = (
    re.compile("BEGIN [A-Z ]*" + "PRIVATE KEY"),
    re.compile(r"""(?i)\b(password|passwd|secret|token)\s*[:=]\s*["'][^"'{}<\s]+["']"""),
    re.compile(r"[a-z+]://[^/\s:@\"'{}<>]+:[^/\s@\"'{}<>]+@"),
)
FOREIGN = (
    "pypi" + ".org",
    "python" + "hosted.org",
    "npmjs" + ".org",
    "npmjs" + ".com",
    "deb.debian" + ".org",
    "--index" + "-url",
    "--find" + "-links",
    "/opt/" + "wheels",
    "/opt/" + "pypi",
    "/work/" + "main",
    "/work/" + "shared",
    "tls_" + "insecure_set",
)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)


def _found(text: str, path: str, words: re.Pattern[str] | str) -> list[str]:
    pattern = words if isinstance(words, re.Pattern) else re.compile(re.escape(words))
    return [f"{path}:{text.count(chr(10), 0, hit.start()) + 1}: {hit.group()[:60]}" for hit in pattern.finditer(text)]


def test_no_secret_lies_in_the_tree() -> None:
    offences = [offence for path, text in texts() for pattern in SECRETS for offence in _found(text, path, pattern)]
    assert not offences, "\n".join(offences)


PLANTED = ("-----BEGIN EC " + "PRIVATE KEY-----", "password" + ' = "hunter2"', "mqtt://gate:" + "open@broker")


@pytest.mark.parametrize("text", PLANTED, ids=("key", "password", "url"))
def test_secrets_would_be_found(text: str) -> None:
    assert any(_found(text, "x", pattern) for pattern in SECRETS)


def _workshop() -> list[str]:
    """This clone's own path, unless it lies where the documents tell people to install."""
    return [] if len(ROOT.parts) < 3 or ROOT.is_relative_to("/opt/edgeguard") else [str(ROOT)]


def test_no_host_or_path_of_a_workshop_lies_in_the_tree() -> None:
    words = [*FOREIGN, *_workshop()]
    offences = [offence for path, text in texts() for word in words if word in text for offence in _found(text, path, word)]
    assert not offences, "\n".join(offences)


def test_links_between_pages_lead_somewhere() -> None:
    broken = [
        f"{path}: {target}"
        for path, text in texts()
        if path.endswith(".md")
        for target in LINK.findall(text)
        if "://" not in target and not ((ROOT / path).parent / target).exists()
    ]
    assert not broken, "\n".join(broken)


def test_scripts_are_executable() -> None:
    scripts = [path for path, text in texts() if text.startswith("#!")]
    assert ".ci/run" in scripts
    assert [path for path in scripts if not (ROOT / path).stat().st_mode & 0o100] == []


def _pins(name: str) -> dict[str, str]:
    return dict(PIN.findall((ROOT / name).read_text(encoding="utf-8")))


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-") for requirement in requirements}


def test_the_locks_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["dependency-groups"]["build"] == project["build-system"]["requires"]
    assert _names(project["project"]["dependencies"]) <= _pins("requirements.lock").keys()
    assert _names(project["build-system"]["requires"]) <= _pins("requirements-build.lock").keys()
    assert _names(project["project"]["optional-dependencies"]["dev"]) <= _pins("requirements-dev.lock").keys()


def test_the_development_lock_contains_the_others() -> None:
    """Run-time tests run on what is shipped, and `make demo` need not install twice."""
    development = _pins("requirements-dev.lock")
    for lock in ("requirements.lock", "requirements-build.lock"):
        for name, version in _pins(lock).items():
            assert development.get(name) == version, f"{name} of {lock}"


@pytest.mark.parametrize("lock", [path for path in files() if path.endswith(".lock")])
def test_a_lock_is_nothing_but_pins_with_hashes(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    pins = [block for block in re.split(r"\n(?=[a-z0-9])", text) if PIN.match(block)]
    assert len(pins) == len(_pins(lock)) > 0
    assert [block.splitlines()[0] for block in pins if "--hash=sha256:" not in block] == []
    assert not re.search(r"^(-|.*://)", text, re.MULTILINE)


def test_the_bill_of_materials_names_every_package_of_a_release_with_its_hashes() -> None:
    told = json.loads(subprocess.run([sys.executable, str(ROOT / ".ci/sbom")], capture_output=True, check=True, timeout=60).stdout)
    assert (told["bomFormat"], told["specVersion"], told["metadata"]["component"]["version"]) == ("CycloneDX", "1.5", __version__)
    found = {one["name"]: one["version"] for one in told["components"]}
    assert found == _pins("requirements.lock")
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert sum(len(one["properties"]) for one in told["components"]) == lock.count("--hash=sha256:")
    assert len({one["bom-ref"] for one in told["components"]}) == len(found)
