"""The law, one rule a function: a parsed module in, offences out, each as `file:line: words`."""

import ast
import re
from collections.abc import Callable, Iterator

from law_tree import Module

Rule = Callable[[Module], Iterator[str]]

MAX_FUNCTION_LINES = 70
MAX_MODULE_LINES = 500
SUPERVISOR = "edgeguard/runtime/supervisor.py"
FROZEN_ROOMS = ("core", "codec", "rules")
TYPED_ROOMS = ("core", "codec", "rules", "bus", "driver", "store")
EMPTY_WORDS = frozenset({"manager", "helper", "helpers", "util", "utils", "misc"})
BROAD = frozenset({"Exception", "BaseException"})
MUTABLE_MAKERS = frozenset(
    {"list", "dict", "set", "bytearray", "defaultdict", "deque", "Counter", "OrderedDict", "WeakValueDictionary"}
)
MUTABLE_LITERALS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
READ_ONLY_TYPE = re.compile(r"\b(Mapping|Sequence|Collection|AbstractSet|Iterable)\b")
UNPICKLERS = frozenset({"pickle", "marshal", "shelve", "dill", "cloudpickle"})
LOG_LEVELS = frozenset({"debug", "info", "warning", "error", "critical", "exception"})
LOG_RECEIVER = re.compile(r"_?(log|logger)\Z", re.IGNORECASE)
EVENT_NAME = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*)+\Z")
UNITLESS = frozenset({"timeout", "period", "delay", "interval", "duration", "elapsed", "backoff"})


def long_functions(module: Module) -> Iterator[str]:
    """A function fits on a screen."""
    for node in module.functions():
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > MAX_FUNCTION_LINES:
            yield module.at(node, f"{node.name}() has {lines} lines, {MAX_FUNCTION_LINES} are allowed")


def long_modules(module: Module) -> Iterator[str]:
    """A module is one noun."""
    if len(module.lines) > MAX_MODULE_LINES:
        yield f"{module.path}:{len(module.lines)}: {len(module.lines)} lines, {MAX_MODULE_LINES} are allowed"


def empty_names(module: Module) -> Iterator[str]:
    """Names come from the field; Manager, Helper and Utils say nothing."""
    stem = module.path.rsplit("/", 1)[-1].removesuffix(".py")
    if EMPTY_WORDS & _words(stem):
        yield f"{module.path}:1: the module's name says nothing"
    named = [(node, node.name) for node in (*module.functions(), *module.each(ast.ClassDef))]
    for node, name in named:
        if EMPTY_WORDS & _words(name):
            yield module.at(node, f"the name {name} says nothing")


def _words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)}


def broad_excepts(module: Module) -> Iterator[str]:
    """A bug crashes to the nearest supervisor, which alone may catch everything."""
    if module.path == SUPERVISOR:
        return
    for handler in module.each(ast.ExceptHandler):
        caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        is_broad = any(c is None or (isinstance(c, ast.Name) and c.id in BROAD) for c in caught)
        if is_broad and not _passes_on(handler):
            yield module.at(handler, f"a broad except outside {SUPERVISOR}")
    for call in module.each(ast.Call):
        if any(isinstance(a, ast.Name) and a.id in BROAD for a in call.args) and _callee(call) == "suppress":
            yield module.at(call, "a broad suppress()")


def _passes_on(handler: ast.ExceptHandler) -> bool:
    """`except BaseException: undo(); raise` swallows nothing."""
    last = handler.body[-1]
    return (
        isinstance(handler.type, ast.Name)
        and handler.type.id == "BaseException"
        and isinstance(last, ast.Raise)
        and last.exc is None
    )


def module_state(module: Module) -> Iterator[str]:
    """Importing makes no state that could change: containers at module level are tuples, frozensets or typed read-only."""
    for node in _module_level(module.tree.body):
        if isinstance(node, ast.Assign | ast.AnnAssign) and _is_mutable(node.value) and not _is_read_only(node):
            yield module.at(node, "mutable state at module level: use a tuple, a frozenset, MappingProxyType or a read-only type")
    for inner in module.each(ast.Global):
        yield module.at(inner, f"global {', '.join(inner.names)}: state belongs to an object")


def _module_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try):
            yield from _module_level(node.body)
            yield from _module_level(node.orelse)


def _is_mutable(value: ast.expr | None) -> bool:
    return isinstance(value, MUTABLE_LITERALS) or (isinstance(value, ast.Call) and _callee(value) in MUTABLE_MAKERS)


def _is_read_only(node: ast.Assign | ast.AnnAssign) -> bool:
    if isinstance(node, ast.AnnAssign):
        return bool(READ_ONLY_TYPE.search(ast.unparse(node.annotation)))
    return all(isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets)


def import_effects(module: Module) -> Iterator[str]:
    """Importing does nothing: no call, loop or block at module level but in the command line, which registers its commands."""
    if module.room == "cli":
        return
    for node in _module_level(module.tree.body):
        is_call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await)
        is_main = isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)
        if is_main:
            return
        if is_call or isinstance(node, ast.For | ast.While | ast.With | ast.Delete):
            yield module.at(node, "importing this module does something")


def dangers(module: Module) -> Iterator[str]:
    """No shell, no evaluation of text, no unpickling."""
    for node in module.each(ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec"}:
            yield module.at(node, f"{node.func.id}()")
        if any(k.arg == "shell" and not (isinstance(k.value, ast.Constant) and k.value.value is False) for k in node.keywords):
            yield module.at(node, "a shell")
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            name = f"{node.func.value.id}.{node.func.attr}"
            if name in {"os.system", "os.popen", "yaml.load"}:
                yield module.at(node, f"{name}()")
    for named in module.each(ast.Import):
        if any(alias.name.split(".")[0] in UNPICKLERS for alias in named.names):
            yield module.at(named, "unpickling runs whatever the bytes say")
    for taken in module.each(ast.ImportFrom):
        if (taken.module or "").split(".")[0] in UNPICKLERS:
            yield module.at(taken, "unpickling runs whatever the bytes say")


def thawed_values(module: Module) -> Iterator[str]:
    """Dataclasses have slots everywhere; on the pure floors they are frozen too."""
    for node in module.each(ast.ClassDef):
        for decorator in node.decorator_list:
            call = decorator.func if isinstance(decorator, ast.Call) else decorator
            if not ast.unparse(call).endswith("dataclass"):
                continue
            said = (
                {k.arg for k in decorator.keywords if ast.unparse(k.value) == "True"} if isinstance(decorator, ast.Call) else set()
            )
            wanted = {"slots", "frozen"} if module.room in FROZEN_ROOMS else {"slots"}
            for word in sorted(wanted - said):
                yield module.at(node, f"dataclass {node.name} lacks {word}=True")


def untyped_dicts(module: Module) -> Iterator[str]:
    """Parsed once at the edge; inside, what functions take and give and what values hold has a type."""
    if module.room not in TYPED_ROOMS:
        return
    annotations: list[tuple[ast.AST, ast.expr | None]] = [(node, node.annotation) for node in module.each(ast.arg)]
    annotations += [(node, node.returns) for node in module.functions()]
    fields = [field for node in module.each(ast.ClassDef) for field in node.body if isinstance(field, ast.AnnAssign)]
    annotations += [(field, field.annotation) for field in fields]
    for place, annotation in annotations:
        if isinstance(annotation, ast.Name):
            continue
        if annotation is not None and re.search(r"\b(dict|Mapping)\[str, (Any|object)\]", ast.unparse(annotation)):
            yield module.at(place, "a dictionary of anything past the edge")


def event_names(module: Module) -> Iterator[str]:
    """A log line is an event named `noun.verb`; what it is about stands in fields."""
    for node in module.each(ast.Call):
        if not (isinstance(node.func, ast.Attribute) and node.func.attr in LOG_LEVELS):
            continue
        receiver = ast.unparse(node.func.value).rsplit(".", 1)[-1]
        if not LOG_RECEIVER.match(receiver):
            continue
        name = node.args[0] if node.args else None
        if not (isinstance(name, ast.Constant) and isinstance(name.value, str) and EVENT_NAME.match(name.value)):
            yield module.at(node, f"a log event is a literal `noun.verb`, not {ast.unparse(name) if name else 'nothing'}")


def unitless_names(module: Module) -> Iterator[str]:
    """A number of time says its unit last: `timeout_ms`, `period_s`; `select(timeout)` is the standard library's own face."""
    foreign = {id(argument) for n in module.each(ast.FunctionDef) if n.name == "select" for argument in n.args.args}
    arguments = [(node, node.arg, node.annotation) for node in module.each(ast.arg) if id(node) not in foreign]
    fields = [(n, n.target.id, n.annotation) for n in module.each(ast.AnnAssign) if isinstance(n.target, ast.Name)]
    for place, name, annotation in (*arguments, *fields):
        if annotation is None or name.lower().rsplit("_", 1)[-1] not in UNITLESS:
            continue
        if re.search(r"\b(int|float)\b", ast.unparse(annotation)):
            yield module.at(place, f"{name} does not say its unit")


def docless_modules(module: Module) -> Iterator[str]:
    """A module says why it exists."""
    if not ast.get_docstring(module.tree):
        yield f"{module.path}:1: no docstring says why this module exists"


def mocks(module: Module) -> Iterator[str]:
    """Fakes, not mocks."""
    imported: list[tuple[ast.AST, str]] = [(node, a.name) for node in module.each(ast.Import) for a in node.names]
    imported += [(node, f"{node.module}.{a.name}") for node in module.each(ast.ImportFrom) for a in node.names]
    for node, name in imported:
        if name.startswith("unittest.mock") or name == "mock":
            yield module.at(node, "a mock: write a fake")


def sleeping_tests(module: Module) -> Iterator[str]:
    """A unit test never waits for real time; `asyncio.sleep(0)` only gives way."""
    if not module.path.startswith("tests/unit/"):
        return
    for node in module.each(ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr == "sleep" and ast.unparse(node.func) == "time.sleep":
            yield module.at(node, "a unit test that sleeps")


def _callee(call: ast.Call) -> str:
    return ast.unparse(call.func).rsplit(".", 1)[-1]


PRODUCT_RULES: tuple[Rule, ...] = (
    long_functions,
    long_modules,
    empty_names,
    broad_excepts,
    module_state,
    import_effects,
    dangers,
    thawed_values,
    untyped_dicts,
    event_names,
    unitless_names,
    docless_modules,
)
TEST_RULES: tuple[Rule, ...] = (long_functions, long_modules, empty_names, dangers, mocks, sleeping_tests)
