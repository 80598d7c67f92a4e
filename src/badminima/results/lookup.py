"""Look up names in a results folder, and name those that are there to one who asked for another."""

from collections.abc import Iterable
from pathlib import Path

from badminima.config import InitConfig
from badminima.config.load import load_inits
from badminima.config.training import FIXED
from badminima.errors import UserError
from badminima.experiment.paths import Paths
from badminima.storage.files import read_json


def require_known(name: str, known: Iterable[str], where: Path) -> None:
    """Make sure that a name of the form ``a/b/c`` is a known one.

    Args:
        name: what was asked for.
        known: the names that there are, each of as many parts.
        where: the folder that they are paths in.

    Raises:
        UserError: if it is not, with the first part that is in none of them and what there is at its place.
    """
    parts = name.split("/")
    others = [other.split("/") for other in known]
    for depth, part in enumerate(parts):
        there = {other[depth] for other in others if other[:depth] == parts[:depth] and len(other) > depth}
        if part not in there:
            raise UserError(where.joinpath(*parts[:depth]), f"no {part!r}", f"there: {listed(sorted(there))}")
    if parts not in others:
        more = {other[len(parts)] for other in others if other[: len(parts)] == parts}
        raise UserError(where.joinpath(*parts), "a name that goes on", f"there: {listed(sorted(more))}")


def require_results(folder: Path) -> None:
    """Make sure that a folder holds results; raises UserError, with the ones nearby, if it does not."""
    if not folder.is_dir():
        nearby = listed(_results_in(folder.parent))
        raise UserError(folder, "no such folder", f"results in {folder.parent}: {nearby}; or run the pipeline first")
    if not _is_results(folder):
        nearby = listed(_results_in(folder))
        raise UserError(folder, "neither runs nor tables", f"results in it: {nearby}; or run the pipeline first")


def recorded_inits(results: Path) -> dict[str, InitConfig]:
    """Return the inits of the config that results were made with, or those of fixed meaning if none was recorded.

    Raises:
        UserError: if the record is damaged.
    """
    recorded = Paths(results).config
    return load_inits(read_json(recorded)) if recorded.exists() else FIXED


def listed(names: Iterable[str]) -> str:
    """Names as part of a sentence."""
    return ", ".join(names) or "none"


def _is_results(folder: Path) -> bool:
    return (folder / "runs").is_dir() or (folder / "tables").is_dir()


def _results_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*") if _is_results(path))
