"""Copies of the workflow, and Snakemake in them."""

import re
import resource
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import yaml

from badminima.config import Config
from badminima.config.load import load_config
from tests.configs import overlay
from tests.conftest import REPOSITORY

FILES = ("Snakefile", "config.yaml")
FOLDERS = ("benchmarks", "docs", "envs", "presets", "profiles", "report", "rules", "slurm", "src", "workflow")


@dataclass(frozen=True)
class Checkout:
    """A copy of the workflow, in which Snakemake may write."""

    folder: Path

    def snakemake(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Snakemake in the checkout."""
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def planned(self, *arguments: str) -> dict[str, int]:
        """Jobs per rule that a dry run plans."""
        output = self.snakemake("--dry-run", "--quiet", "rules", *arguments).stdout
        table = re.search(r"^job +count\n[- ]+\n(.*?)^total", output, re.MULTILINE | re.DOTALL)
        if table is None:
            assert "Nothing to be done" in output, output
            return {}
        return {rule: int(count) for rule, count in (line.split() for line in table[1].splitlines())}

    def processes(self) -> list[psutil.Process]:
        """The processes that work in the checkout."""
        return [
            process
            for process in psutil.process_iter(["cmdline", "cwd"])
            if process.info["cmdline"] and Path(process.info["cwd"] or "/").resolve() == self.folder.resolve()
        ]

    def trainings(self) -> list[psutil.Process]:
        """The processes that train in the checkout (a child that one is just starting may be among them)."""
        return [process for process in self.processes() if "workflow/scripts/train.py" in process.info["cmdline"]]

    def config(self, preset: str | None, change: dict | None = None) -> Config:
        """The validated config, with presets (names with spaces between them) and a change on top."""
        raw = yaml.safe_load((self.folder / "config.yaml").read_text())
        for name in (preset or "").split():
            raw = overlay(raw, yaml.safe_load((self.folder / "presets" / f"{name}.yaml").read_text()))
        return load_config(overlay(raw, change or {}))


@dataclass(frozen=True)
class Untouched(Checkout):
    """A checkout in which nothing runs that a dry run sees, so that each dry run is made once.

    Attributes:
        plans: what was planned, and the CPU seconds that it took, by arguments.
    """

    plans: dict[tuple[str, ...], tuple[dict[str, int], float]] = field(default_factory=dict, compare=False)

    def planned(self, *arguments: str) -> dict[str, int]:
        """Jobs per rule that a dry run plans."""
        return dict(self._plan(arguments)[0])

    def seconds(self, *arguments: str) -> float:
        """Return the CPU seconds that the dry run took."""
        return self._plan(arguments)[1]

    def _plan(self, arguments: tuple[str, ...]) -> tuple[dict[str, int], float]:
        if arguments not in self.plans:
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            planned = super().planned(*arguments)
            self.plans[arguments] = planned, resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
        return self.plans[arguments]


def make_checkout(folder: Path) -> Checkout:
    """Copy what the workflow consists of."""
    folder.mkdir(exist_ok=True)
    for file in FILES:
        shutil.copy(REPOSITORY / file, folder / file)
    for part in FOLDERS:
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(REPOSITORY / part, folder / part, ignore=ignored)
    return Checkout(folder)
