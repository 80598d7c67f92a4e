"""How the library is built: floors, no circle, and no torch where a dry run passes.

Every import counts, lazy ones inside functions and those for type checkers too. The targets of registries are text.
"""

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import badminima
from tests.conftest import REPOSITORY

LIBRARY = Path(badminima.__file__).parent
# Rooms from the ground up: each imports from floors below its own alone.
FLOORS = [
    ("errors", "seeding"),
    ("config", "storage"),
    ("cli", "experiment"),
    ("data", "analysis"),
    ("models", "report", "workflow"),
    ("training", "toy", "diagnostics", "zoo"),
    ("results",),
    ("__init__",),
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def name_of(path: Path) -> str:
    parts = path.relative_to(LIBRARY.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


FILES = {name_of(path): path for path in LIBRARY.rglob("*.py")}


def imported(text: str) -> set[str]:
    """The modules that a text imports: those of the library in full, of others the package."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            submodules = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (submodules & set(FILES)) or {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {module if module in FILES else module.partition(".")[0] for module in found}


IMPORTS = {module: imported(path.read_text()) for module, path in FILES.items()}


def room(module: str) -> str:
    return (module + ".__init__").split(".")[1]


def reached_from(modules: set[str]) -> set[str]:
    """The modules, the packages that they lie in, and all that these import in turn."""
    reached, waiting = set(), set(modules)
    while waiting:
        module = waiting.pop()
        reached.add(module)
        package = {module.rpartition(".")[0]} - {"", "badminima"}
        waiting |= (IMPORTS.get(module, set()) | package) - reached
    return reached


def test_every_room_has_a_floor():
    assert {room(module) for module in FILES} == set(FLOOR_OF)


def test_unit_tests_lie_in_the_rooms_that_they_test():
    rooms = {path.parent for path in (REPOSITORY / "tests" / "unit").glob("*/test_*.py")}
    assert {folder.name for folder in rooms} == {path.parent.name for path in LIBRARY.glob("*/__init__.py")}


def test_no_arrow_leads_upwards():
    arrows = {(room(module), room(other)) for module in FILES for other in IMPORTS[module] & set(FILES)}
    assert not {(one, other) for one, other in arrows if one != other and FLOOR_OF[one] <= FLOOR_OF[other]}


def test_no_module_imports_itself_by_way_of_others():
    inside = {module: others & set(FILES) for module, others in IMPORTS.items()}
    list(TopologicalSorter(inside).static_order())  # raises CycleError, which names the circle


def test_config_and_experiment_know_no_torch():
    modules = {module for module in FILES if room(module) in ("config", "experiment")}
    assert "torch" not in reached_from(modules)


def test_what_rules_import_needs_neither_torch_nor_pandas():
    rules = (REPOSITORY / "rules" / "common.smk").read_text()
    lines = [line for line in rules.splitlines() if line.startswith("from badminima")]
    reached = reached_from(imported("\n".join(lines)))
    assert "badminima.experiment.settings" in reached
    assert not reached & {"torch", "numpy", "pandas", "matplotlib"}
    outside = {module for module in reached if not module.startswith("badminima")} - sys.stdlib_module_names
    assert outside == {"yaml", "pydantic"}
