"""The project's own small lints: what ruff and import-linter cannot see. Run by `make check`."""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("shared", "services", "tocsin")
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
_VAGUE = {"utils", "util", "common", "helpers", "helper", "models", "types", "misc"}
_MACHINE = re.compile(r"/work/|/farm/|/root/|/home/\w+/")

Lint = Callable[[Path, str, ast.Module], Iterator[str]]


def file_length(path: Path, text: str, tree: ast.Module) -> Iterator[str]:
    """A file has one subject, which fits into 400 lines."""
    count = text.count("\n")
    if count > FILE_LINES_MAX:
        yield f"{path}: {count} lines, more than {FILE_LINES_MAX}"


def function_length(path: Path, text: str, tree: ast.Module) -> Iterator[str]:
    """A function fits on a screen."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield f"{path}:{node.lineno}: {node.name} has {lines} lines, more than {FUNCTION_LINES_MAX}"


def vague_name(path: Path, text: str, tree: ast.Module) -> Iterator[str]:
    """No module named after nothing."""
    if path.stem in _VAGUE or _VAGUE.intersection(path.parent.parts):
        yield f"{path}: name the module after its subject"


def transaction(path: Path, text: str, tree: ast.Module) -> Iterator[str]:
    """Only shared/db begins and commits: one request, batch or tick is one transaction."""
    if path.parts[:2] in (("shared", "db"), ("shared", "log")):
        return
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or node.attr not in ("commit", "rollback", "begin", "begin_nested"):
            continue
        # `idempotency.begin` is a function of a module and begins no transaction.
        if not isinstance(node.value, ast.Name) or node.value.id != "idempotency":
            yield f"{path}:{node.lineno}: .{node.attr} outside shared/db; use `database.transaction()`"


def machine_path(path: Path, text: str, tree: ast.Module) -> Iterator[str]:
    """No path of somebody's machine."""
    for number, line in enumerate(text.splitlines(), 1):
        if _MACHINE.search(line):
            yield f"{path}:{number}: a path of one machine"


def backend_choice(path: Path, text: str, tree: ast.Module) -> Iterator[str]:
    """Nothing outside shared asks which backend it runs on."""
    if path.parts[0] == "shared":
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "dialect":
            yield f"{path}:{node.lineno}: the backend is chosen in shared/runtime/platform.py"


LINTS: tuple[Lint, ...] = (file_length, function_length, vague_name, transaction, machine_path, backend_choice)
_TESTS_TOO: tuple[Lint, ...] = (file_length, vague_name)


def findings_in(path: Path, text: str, lints: tuple[Lint, ...] = LINTS) -> list[str]:
    """Return what the lints find in one file; `path` is relative to the project."""
    tree = ast.parse(text)
    return [finding for lint in lints for finding in lint(path, text, tree)]


def all_findings() -> list[str]:
    """Return what the lints find in the whole project."""
    found: list[str] = []
    for top in (*PRODUCT, "tests", "benchmarks"):
        for file in sorted((ROOT / top).rglob("*.py")):
            lints = LINTS if top in PRODUCT else _TESTS_TOO
            found += findings_in(file.relative_to(ROOT), file.read_text(), lints)
    return found


if __name__ == "__main__":
    findings = all_findings()
    sys.stdout.write("".join(f"{finding}\n" for finding in findings))
    sys.exit(1 if findings else 0)
