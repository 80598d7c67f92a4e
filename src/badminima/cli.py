"""Make the commands in ``workflow/scripts/`` from the functions of their stages: options, one-line errors, progress."""

import atexit
import functools
import gc
import inspect
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import click
import yaml
from pydantic import BaseModel

from badminima.config.base import parse
from badminima.config.load import typed
from badminima.errors import Interrupted, UserError
from badminima.storage.files import user_path

Command = Callable[..., None]

# Imports make objects and no garbage: looking for it among them takes a tenth of a command's start.
GARBAGE_THRESHOLD = gc.get_threshold()
gc.set_threshold(100_000)
# Nor is there garbage to look for at the end: without this, a command that has loaded torch takes 0.3 s to leave.
atexit.register(gc.freeze)


class UserPath(click.Path):
    """A path in which ``~`` is the home folder: no shell sees it behind an equals sign, or in a config."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Expand, then check as click does."""
        return super().convert(user_path(value), param, ctx)


INPUT_FILE = UserPath(dir_okay=False, path_type=Path)
OUTPUT_FILE = UserPath(dir_okay=False, writable=True, path_type=Path)
FOLDER = UserPath(file_okay=False, path_type=Path)
# Annotations of a stage's parameters.
ARGUMENT = "argument"
Input = Annotated[Path, INPUT_FILE]
Output = Annotated[Path, OUTPUT_FILE]
Folder = Annotated[Path, FOLDER]
Count = Annotated[int, click.IntRange(min=1)]
Gpus = Annotated[int, click.IntRange(min=0)]
Seconds = Annotated[float, click.FloatRange(min=0)]
# What parameters mean that many stages have, and an option of each drawing.
MEANINGS = {
    "settings": "What the result depends on beside its inputs: YAML, JSON or @FILE; .snakemake/settings/ has examples.",
    "threads": "CPU threads.",
    "gpus": "GPUs that the job was given: with one, it fails where torch can't use it.",
    "restart_seconds": "Time between restart points.",
    "prepared": "The prepared dataset.",
    "pdf": "Output: the figure.",
    "png": "Output: the figure.",
    "svg": "Output: the figure.",
    "csv": "Output: what it shows.",
}
# sysexits.h: a failure that may pass. Says "interrupted, start me again" to whoever looks at exit codes.
EXIT_CODE = 75


def one_line_errors(command: Command) -> Command:
    """Turn a user's mistake, a disk that refuses or an interruption into one line on stderr.

    The exit code is 1, or EXIT_CODE after an interruption.
    """

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        gc.set_threshold(*GARBAGE_THRESHOLD)
        try:
            command(*args, **kwargs)
        except UserError as error:
            raise click.ClickException(str(error)) from None
        except Interrupted as interrupted:
            click.echo(str(interrupted), err=True)
            sys.exit(EXIT_CODE)
        except OSError as error:
            if error.errno is None:
                raise
            raise click.ClickException(f"{error.filename or 'operating system'}: {error.strerror}") from None

    return wrapped


class SettingsType(click.ParamType[Any]):
    """A settings section given as YAML or JSON text, or as ``@file``."""

    name = "YAML"

    def __init__(self, model: type[BaseModel]) -> None:
        self.model = model

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse and validate; a mistake becomes click's usage error."""
        try:
            text = user_path(value[1:]).read_text(encoding="utf-8") if value.startswith("@") else value
            try:
                content = json.loads(text)
            except ValueError:
                content = typed(yaml.safe_load(text))
            # A record such as run.json holds some.
            settings = content["settings"] if isinstance(content, dict) and "settings" in content else content
            return parse(self.model, settings, where="--settings ")
        except FileNotFoundError:
            hint = "Snakemake writes a rule's when it starts without --no-hooks"
            self.fail(f"no file {value[1:]}; {hint}; an importing workflow calls badminima.onstart()", param, ctx)
        except (OSError, ValueError, RecursionError, yaml.YAMLError, UserError) as error:
            self.fail(" ".join(str(error).split()), param, ctx)


def command(stage: Command) -> click.Command:
    """Make a command from a stage, with an option for each parameter; run it if its file is the program.

    A parameter's annotation says what the option takes: a settings section, ``Input``, a tuple for an option that may
    be repeated; an ``ARGUMENT`` has no name on the command line. The docstring of the stage's module is the help,
    and its ``Args`` that of the options.
    """
    text, _, arguments = inspect.cleandoc(stage.__globals__["__doc__"]).partition("\n\nArgs:\n")
    found = re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", arguments, re.MULTILINE)
    meanings = MEANINGS | {name: re.sub(r"\s+", " ", words[0].upper() + words[1:]) for name, words in found}
    hints = get_type_hints(stage, include_extras=True)
    made: Any = one_line_errors(stage)
    for name, parameter in reversed(list(inspect.signature(stage).parameters.items())):
        kind, is_repeated = _type_of(hints[name])
        if ARGUMENT in getattr(hints[name], "__metadata__", ()):
            made = click.argument(name, type=kind)(made)
            continue
        is_required = parameter.default is parameter.empty
        more: dict[str, Any] = {} if is_required else {"default": parameter.default}
        more |= {"is_flag": True} if kind is bool else {"type": kind, "multiple": is_repeated}
        more["show_default"] = isinstance(parameter.default, int | float) and kind is not bool
        flag = f"--{name.replace('_', '-')}"
        made = click.option(flag, name, required=is_required, help=meanings[name], **more)(made)
    made = click.command(stage.__name__, help=text)(made)
    if stage.__module__ == "__main__":
        made()
    return made


def _type_of(hint: Any) -> tuple[Any, bool]:
    """Return what click converts a parameter by, and whether its option may be repeated."""
    if get_origin(hint) in (Union, UnionType):
        hint = next(one for one in get_args(hint) if one is not type(None))
    if get_origin(hint) is tuple:
        return _type_of(get_args(hint)[0])[0], True
    if get_origin(hint) is Literal:
        return click.Choice(get_args(hint)), False
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return SettingsType(hint), False
    return hint.__metadata__[0] if get_origin(hint) is Annotated else hint, False


class Progress:
    """A progress bar on a terminal, plain timestamped lines elsewhere.

    Args:
        total: steps in all; 0: not known.
        label: what is being done.
        every: seconds between two lines, for steps that come fast; the last one is always shown.
    """

    def __init__(self, total: int, label: str, every: float = 0.0) -> None:
        self.total = total
        self.label = label
        self.every = every
        self._shown = -every
        self._bar: Any = None
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=total, desc=label)

    def update(self, done: int, message: str) -> None:
        """Show that ``done`` steps are behind us."""
        if self._bar is not None:
            self._bar.update(done - self._bar.n)
            self._bar.set_postfix_str(message)
        elif done >= self.total > 0 or time.monotonic() - self._shown >= self.every:
            self._shown = time.monotonic()
            print(
                f"{time.strftime('%H:%M:%S')} {self.label} {done}/{self.total} {message}", file=sys.stderr, flush=True
            )

    def close(self) -> None:
        """Leave the terminal in order."""
        if self._bar is not None:
            self._bar.close()
