"""Runs every benchmark beside it, one after the other, and prints what they print: JSON lines.

use: run.py [NAME…] [--OPTION …]     e.g. `run.py transactions gateway`, or `run.py drain --items 1000000`: options go to the
benchmarks named before them. Ratios within one run are what counts, not seconds.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main(words: list[str]) -> int:
    """0 if every benchmark ran."""
    at = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
    names, options = words[:at], words[at:]
    scripts = sorted(HERE.glob("bench_*.py"))
    chosen = [script for script in scripts if not names or script.stem.removeprefix("bench_") in names]
    unknown = set(names) - {script.stem.removeprefix("bench_") for script in scripts}
    if unknown:
        print(f"no such benchmark: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    return max((subprocess.run([sys.executable, str(script), *options], check=False).returncode for script in chosen), default=0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
