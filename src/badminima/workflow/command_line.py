"""Refuse the config that a command names: its files, before Snakemake ends in a traceback over them, and its content.

The default profile asks for the files: Snakemake reads that before anything else.
"""

import sys
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from badminima.config.load import check_files
from badminima.errors import UserError

OPTIONS = ("--configfile", "--configfiles")
PRESETS = Path("presets")


def refuse_config_files(words: Sequence[str]) -> None:
    """End with one line if a config file that a command names is not there, or is none.

    Args:
        words: the command's, without its name.
    """
    try:
        for name in config_files(words):
            _require_file(name)
            check_files([Path(name)])
    except UserError as error:
        sys.exit(f"--configfile: {error}")


def refused_config(error: UserError, is_replaced: bool) -> str:
    """Return the lines that refuse a config.

    Args:
        error: what is wrong with it.
        is_replaced: whether the command leaves out ``config.yaml``.
    """
    hint = ["--replace-workflow-config leaves out config.yaml"] if is_replaced else []
    return "\n".join(f"config: {line}" for line in [*str(error).splitlines(), *hint])


def config_files(words: Sequence[str]) -> Iterator[str]:
    """Yield the files that a command names as config files: all words behind the option, up to the next option."""
    taken = False
    for word in words:
        option, equals, value = word.partition("=")
        if option.startswith("-"):
            taken = option in OPTIONS
            if taken and equals:
                yield value
                taken = False
        elif taken:
            yield word


def _require_file(name: str) -> None:
    """Raise UserError if a config file is not there."""
    path = Path(name)
    if path.is_file():
        return
    if path.is_dir():
        raise UserError(name, "a folder", "expected a config file")
    if not {"/", "."} & set(name):
        raise UserError(name, "no such file", f"a target stands before the option, or behind --: -- {name}")
    there = {file.stem: file for file in (*PRESETS.rglob("*.yaml"), *path.parent.glob("*.yaml"))}
    near = get_close_matches(path.stem, there, n=1)
    raise UserError(name, "no such file", f"did you mean {there[near[0]]}?" if near else "expected a config file")
