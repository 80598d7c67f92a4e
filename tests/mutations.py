"""Measure how many small faults the unit tests notice.

    python -m tests.mutations [--number 200] [--seed 0]

Each mutant changes one comparison, operator, constant or condition of a function in a core module, and runs the unit
tests of that module's package. Prints those that survive, and the share that is caught with its 95% interval (Wilson).
"""

import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
from scipy.stats import binomtest

SOURCE = Path("src/badminima")
PACKAGES = ("analysis", "config", "data", "diagnostics", "experiment", "models", "storage", "toy", "training")
# Of a run of the tests; a mutant that never ends is caught.
SECONDS = 600
COMPARED = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
COMPUTED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult}


def replacements(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the expressions that may take the place of one."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in COMPARED:
            yield ast.Compare(node.left, [COMPARED[type(op)]()], node.comparators)
        case ast.BinOp(op=op) if type(op) in COMPUTED:
            yield ast.BinOp(node.left, COMPUTED[type(op)](), node.right)
        case ast.Constant(value=bool()):
            yield ast.Constant(not node.value)
        case ast.Constant(value=int() | float()):
            yield ast.Constant(node.value + 1)
        case ast.If() | ast.IfExp():
            yield ast.UnaryOp(ast.Not(), node.test)


def mutants(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the text of each mutant of a module, with a line that says where it differs."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    for node in {id(inner): inner for function in functions for inner in ast.walk(function)}.values():
        old = node.test if isinstance(node, ast.If | ast.IfExp) else node
        for new in replacements(node):
            if old.lineno == old.end_lineno:
                line = lines[old.lineno - 1].encode()
                changed = line[: old.col_offset] + f"({ast.unparse(new)})".encode() + line[old.end_col_offset :]
                mutated = [*lines[: old.lineno - 1], changed.decode(), *lines[old.lineno :]]
                yield "".join(mutated), f"{path}:{old.lineno}: {changed.decode().strip()}"


def is_caught(copy: Path, package: str) -> bool:
    """Return whether the unit tests of a package fail on the library in ``copy``."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"tests/unit/{package}"]
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        return subprocess.run(command, env=environment, capture_output=True, timeout=SECONDS).returncode != 0
    except subprocess.TimeoutExpired:
        return True


@click.command(help=__doc__)
@click.option("--number", default=200, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(number: int, seed: int) -> None:
    modules = sorted(path for package in PACKAGES for path in (SOURCE / package).rglob("*.py"))
    choices = random.Random(seed).choices(modules, [path.stat().st_size for path in modules], k=number)
    caught = 0
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree("src", folder, dirs_exist_ok=True)
        for done, path in enumerate(choices, 1):
            found = list(mutants(path))
            if not found:
                number -= 1
                continue
            text, where = random.Random(f"{seed} {done}").choice(found)
            copied = Path(folder) / path.relative_to("src")
            copied.write_text(text, encoding="utf-8")
            caught += (is_so := is_caught(Path(folder), path.relative_to(SOURCE).parts[0]))
            shutil.copy(path, copied)
            print(f"{'caught' if is_so else 'SURVIVED'}  {where}", flush=True)
    interval = binomtest(caught, number).proportion_ci(method="wilson")
    print(f"{caught} of {number} caught: {caught / number:.0%} [{interval.low:.0%}, {interval.high:.0%}]")


if __name__ == "__main__":
    main()
