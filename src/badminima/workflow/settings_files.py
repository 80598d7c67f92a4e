"""Settings of jobs in files: a command names its file, and a job is run again when that name changes."""

import json
import os
import sys
from collections.abc import Callable
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from badminima.config import Config
from badminima.config.base import without_defaults
from badminima.data.raw import facts_of, list_images
from badminima.errors import UserError
from badminima.experiment.paths import Paths
from badminima.experiment.runs import study_runs
from badminima.experiment.settings import CollectSettings, TrainSettings
from badminima.storage.files import read_json, write_text

PLANNED = "BADMINIMA_PLANNED"
# The files of the configs that this process has loaded; a workflow may import this one several times.
_loaded: list[str] = []


class SettingsFiles:
    """Files of settings, each named by a digest of its content.

    A rule's parameter is the name of its file. So a changed value changes the parameter, which runs the job again;
    commands stay short; and a command that Snakemake printed can be repeated by hand.

    Args:
        folder: where the files lie, relative to the working directory, which jobs share.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._texts: dict[Path, str] = {}
        self._of_jobs: dict[Any, str] = {}

    def path(self, settings: BaseModel) -> str:
        """Return the file of some settings, without their defaults; :meth:`write` makes it."""
        return self.path_of_text(json.dumps(without_defaults(settings)))

    def path_of_job(self, of: Callable[..., BaseModel], config: Config, *job: Any) -> str:
        """Return the file of the settings that ``of`` gives for a job; tables ask for that of a training again."""
        if (of, job) not in self._of_jobs:
            self._of_jobs[of, job] = self.path(of(config, *job))
        return self._of_jobs[of, job]

    def with_trainings(self, config: Config, settings: CollectSettings) -> CollectSettings:
        """Return the settings of ``collect`` with the files of settings of all trainings that it reads."""
        study, paths, files = settings.study, Paths(""), {}
        for one in product(study.datasets, study.models, settings.pretrained, study.seeds):
            files[str(paths.init(*one))] = self.path_of_job(TrainSettings.of_pretraining, config, *one)
        for run in study_runs(study, settings.cells):
            files[str(paths.run(run))] = self.path_of_job(TrainSettings.of, config, run)
        return settings.model_copy(update={"trainings": files})

    def path_of_config(self, config: dict[str, Any], sort_keys: bool = True) -> str:
        """Return the file of a raw configuration.

        Args:
            config: the configuration.
            sort_keys: whether it is the same file whatever the order of the keys.
        """
        return self.path_of_text(json.dumps(config, indent=2), json.dumps(config, sort_keys=sort_keys))

    def path_of_text(self, text: str, identity: str | None = None) -> str:
        """Return the file of a text, named after that or what stands for it; :meth:`write` makes it."""
        path = self.folder / f"{sha256((identity or text).encode()).hexdigest()[:16]}.json"
        self._texts[path] = text
        return str(path)

    def write(self) -> None:
        """Write every file that was named and is not there yet."""
        for path, text in self._texts.items():
            if not path.exists():
                write_text(path, text + "\n")


def hand_over_library(source: Path) -> None:
    """Let jobs import the library from ``source`` and run the Python that runs Snakemake."""
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(source), os.environ.get("PYTHONPATH")]))
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def hand_over_config(file: str) -> None:
    """Let jobs inherit the config that they are planned with, which lies in a file."""
    _loaded.append(file)
    os.environ[PLANNED] = os.pathsep.join(_loaded)


def planned_config() -> dict[str, Any] | None:
    """Return the config that a job on a cluster was planned with, whatever its sources say by now.

    None where the job did not inherit the environment of the Snakemake that planned it.
    """
    if PLANNED not in os.environ:
        return None
    _loaded.append(os.environ[PLANNED].split(os.pathsep)[len(_loaded)])
    return read_json(Path(_loaded[-1]))


def content_digest(path: Path, endings: tuple[str, ...], folder: Path) -> str:
    """Return a digest of a file, or of the files in a folder; nothing where they can't be read, as their job will tell.

    Args:
        path: the file or folder.
        endings: of the files in the folder that count.
        folder: where digests are kept: while names, sizes and times stay, nothing is read again.
    """
    try:
        names = [path / name for name in list_images(path, endings).images] if path.is_dir() else [path]
        times = [(str(name), name.stat().st_size, name.stat().st_mtime_ns) for name in names]
        kept = folder / f"{sha256(repr(times).encode('utf-8', 'surrogateescape')).hexdigest()[:16]}.digest"
        if not kept.exists():
            write_text(kept, facts_of(path, endings)["sha256"][:16])
        return kept.read_text(encoding="utf-8")
    except (UserError, OSError):
        return ""
