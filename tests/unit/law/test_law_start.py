"""What a person types most must cost least: `--help` loads nothing that only the daemon needs."""

import re
import subprocess
import sys

from law_tree import ROOT

HEAVY = ("cv2", "onnxruntime", "pymodbus", "paho", "numpy", "av")

PROBE = """
import sys
from edgeguard.cli.main import main
sys.argv = ["edgeguard", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("LOADED", *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def _run(probe: str) -> tuple[str, set[str]]:
    """What the probe printed, and the top-level modules that were loaded at its end."""
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    printed, _, loaded = done.stdout.partition("LOADED")
    return printed, set(loaded.split())


def test_help_loads_nothing_heavy() -> None:
    _, loaded = _run(PROBE)
    assert "edgeguard" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_the_package_itself_imports_nothing() -> None:
    bare = "import sys; before = set(sys.modules); import edgeguard; print('LOADED', *sorted(set(sys.modules) - before))"
    assert _run(bare)[1] == {"edgeguard"}


def test_help_and_the_readme_name_the_same_commands() -> None:
    table = re.search(r"## Commands\n(.*?)\n## ", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert table is not None
    rows = [line.split(" | ")[0] for line in table.group(1).splitlines() if line.startswith("| `")]
    named = {word for row in rows for word in re.findall(r"`(?:edgeguard )?([a-z]+)", row)}
    assert len(named) > 10
    offered, _ = _run(PROBE)
    assert {name for name in named if not re.search(rf"\b{name}\b", offered)} == set()
