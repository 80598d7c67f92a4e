"""Share between the commands in ``workflow/scripts/``: options, one-line errors, progress."""

import atexit
import functools
import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import yaml
from pydantic import BaseModel

from badminima.config.base import parse
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
        if isinstance(value, self.model):
            return value
        try:
            text = _read(user_path(value[1:])) if value.startswith("@") else value
            return parse(self.model, _settings_in(_plain(text)), where="--settings ")
        except (OSError, ValueError, RecursionError, yaml.YAMLError, UserError) as error:
            self.fail(" ".join(str(error).split()), param, ctx)


def _read(path: Path) -> str:
    """Return the text of a file of settings; raise UserError if it is not there."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        remedy = "expected a file of settings, or the record of a run or of its measurements"
        if path.parts[:1] == (".snakemake",):  # written when Snakemake starts, by a hook
            remedy = "start Snakemake again, without --no-hooks; an importing workflow calls badminima.onstart()"
        raise UserError(path, "no such file", remedy) from None


def _plain(text: str) -> Any:
    """Return the data in a text of JSON or YAML; YAML 1.1 takes ``1e-6``, which JSON has, for text."""
    try:
        return json.loads(text)
    except ValueError:
        return yaml.safe_load(text)


def _settings_in(content: Any) -> Any:
    """Return settings, also those inside a record such as run.json."""
    return content["settings"] if isinstance(content, dict) and "settings" in content else content


def settings_option(model: type[BaseModel], required: bool = True) -> Callable[[Command], Command]:
    """Return the ``--settings`` option of a stage: all that its result depends on beside its input files."""
    return click.option(
        "--settings",
        type=SettingsType(model),
        required=required,
        help=f"{model.__name__} as YAML or JSON, or @FILE; .snakemake/settings/ and run.json hold examples.",
    )


def drawing_options(command: Command) -> Command:
    """Add the options of a command that draws: the figure in three formats, and what it shows."""
    outputs = {"--pdf": "the figure", "--png": "the figure", "--svg": "the figure", "--csv": "what it shows"}
    for name, what in reversed(outputs.items()):
        command = click.option(name, type=OUTPUT_FILE, required=True, help=f"Output: {what}.")(command)
    return command


def threads_option(command: Command) -> Command:
    """Add the ``--threads`` option of a stage that computes with torch."""
    kind = click.IntRange(min=1)
    return click.option("--threads", type=kind, default=1, show_default=True, help="CPU threads.")(command)


def gpus_option(command: Command) -> Command:
    """Add the ``--gpus`` option of a stage that can use one."""
    text = "GPUs that the job was given: with one, it fails where torch can't use it."
    return click.option("--gpus", type=click.IntRange(min=0), default=0, show_default=True, help=text)(command)


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
