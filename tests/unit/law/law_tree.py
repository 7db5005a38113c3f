"""The repository as the law sees it: its files, and its Python modules parsed once."""

import ast
import gc
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, TypeVar

ROOT = Path(__file__).resolve().parents[3]

NodeT = TypeVar("NodeT", bound=ast.AST)

_BARREN: Final = frozenset({"ctx", "op", "ops", "id", "attr", "arg", "name", "kind", "level", "conversion", "is_async"})
"""Fields that hold no node that a rule looks at."""


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file: its path from the root, its lines and its tree."""

    path: str
    lines: tuple[str, ...]
    tree: ast.Module
    nodes: Mapping[type[ast.AST], list[ast.AST]]
    """Every node of the tree by its type, but for operators and contexts, found once for all rules."""

    def each(self, kind: type[NodeT]) -> Iterator[NodeT]:
        """All nodes of this type."""
        yield from self.nodes.get(kind, ())  # type: ignore[misc]

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """All functions and methods."""
        yield from self.each(ast.FunctionDef)
        yield from self.each(ast.AsyncFunctionDef)

    @property
    def room(self) -> str:
        """The folder under `edgeguard/` it lies in; empty for the package's own files and for tests."""
        parts = self.path.split("/")
        return parts[1] if parts[0] == "edgeguard" and len(parts) > 2 else ""

    def at(self, node: ast.AST, words: str) -> str:
        """An offence in the form that editors and terminals can jump to."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {words}"


def parsed(path: str, source: str) -> Module:
    """A module from its source."""
    tree = ast.parse(source, path)
    nodes: dict[type[ast.AST], list[ast.AST]] = defaultdict(list)
    ahead: list[ast.AST] = [tree]
    for node in ahead:  # grows on the way; ast.walk takes thrice the time, and most nodes are Load()
        kind = type(node)
        nodes[kind].append(node)
        for name in _holders(kind._fields):
            held = getattr(node, name)
            if isinstance(held, list):
                ahead += [inner for inner in held if isinstance(inner, ast.AST)]
            elif isinstance(held, ast.AST):
                ahead.append(held)
    return Module(path, tuple(source.splitlines()), tree, nodes)


@cache
def _holders(fields: tuple[str, ...]) -> tuple[str, ...]:
    """Those of a node's fields in which other nodes may stand."""
    return tuple(name for name in fields if name not in _BARREN)


@cache
def files() -> tuple[str, ...]:
    """Paths of all files that belong to the repository; outside of a clone, those that an unpacked release holds."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode == 0:
        return tuple(sorted({p for p in listing.stdout.split("\0") if p and (ROOT / p).is_file()}))
    walk = (p.relative_to(ROOT) for p in ROOT.rglob("*") if p.is_file())
    return tuple(sorted(str(p) for p in walk if not any(part.startswith(".") or part == "__pycache__" for part in p.parts)))


@cache
def texts() -> tuple[tuple[str, str], ...]:
    """(path, text) of every file that is UTF-8 text, read once."""
    return tuple(_texts())


def _texts() -> Iterator[tuple[str, str]]:
    for path in files():
        try:
            yield path, (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


@cache
def modules(top: str) -> tuple[Module, ...]:
    """All Python modules below `edgeguard` or `tests`; half a million nodes that stay, so that no garbage is looked for in them."""
    gc.disable()
    try:
        return tuple(
            parsed(p, (ROOT / p).read_text(encoding="utf-8")) for p in files() if p.startswith(f"{top}/") and p.endswith(".py")
        )
    finally:
        gc.freeze()
        gc.enable()
