"""Compare what two checkouts make: weights and predictions to the bit, numbers of tables and figures, planned jobs.

    python -m tests.golden OTHER [PRESET ...]

Each preset (smoke and demo, unless named) is made in both checkouts on this machine: CPUs round differently, so no
digest is committed. What is made already is not made again. Of every other preset the planned jobs are counted.
"""

import csv
import re
import subprocess
import sys
from pathlib import Path

from safetensors.numpy import load_file

# What differs between two runs of the same code, as a column or as the statistic of a row, and a table of times.
CLOCKS = {"seconds", "images_per_second", "revision"}
# The words of claims may change; their numbers may not.
WORDS = {"statement"}
TIMED = {"costs.csv"}
MADE = ("presets/smoke.yaml", "presets/demo.yaml")


def snakemake(checkout: Path, *arguments: str) -> str:
    command = [str((checkout / ".venv/bin/snakemake").absolute()), "--cores", "2", "--configfile", *arguments]
    return subprocess.run(command, cwd=checkout, text=True, check=True, stdout=subprocess.PIPE).stdout


def planned_jobs(checkout: Path, preset: str) -> str:
    found = re.search(
        r"^total +(\d+)$", snakemake(checkout, preset, "--dry-run", "--forceall", "--", "all"), re.MULTILINE
    )
    return found[1] if found else "none"


def content_of(path: Path) -> object:
    """Tensors by name, or the rows of a table without the columns of times."""
    if path.suffix == ".safetensors":
        return {name: (tensor.dtype, tensor.shape, tensor.tobytes()) for name, tensor in load_file(path).items()}
    with path.open(newline="", encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row.get("statistic") not in CLOCKS]
    return [{name: value for name, value in row.items() if name not in CLOCKS | WORDS} for row in rows]


def differing(one: Path, other: Path) -> list[str]:
    """Name the files that differ between two results folders, or that only one of them has."""
    found = [
        {path.relative_to(folder) for pattern in ("*.safetensors", "*.csv") for path in folder.rglob(pattern)}
        for folder in (one, other)
    ]
    compared = {path for path in found[0] & found[1] if path.name not in TIMED}
    print(f"{one}: {len(compared)} files compared")
    only = sorted(f"{path}: in one of the two" for path in found[0] ^ found[1])
    return only + sorted(str(path) for path in compared if content_of(one / path) != content_of(other / path))


def main(other: Path, presets: list[str]) -> None:
    differences = []
    for preset in sorted(map(str, Path("presets").glob("*.yaml"))):
        jobs = [planned_jobs(checkout, preset) for checkout in (Path(), other)]
        print(f"{preset}: {jobs[0]} jobs")
        differences += [f"{preset}: {jobs[0]} jobs, {jobs[1]} in {other}"] if jobs[0] != jobs[1] else []
    for preset in presets or MADE:
        for checkout in (Path(), other):
            snakemake(checkout, preset, "--quiet", "all", "--", "all")
        results = Path("results", Path(preset).stem)
        differences += differing(results, other / results)
    print("\n".join(differences) or "nothing differs")
    sys.exit(bool(differences))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
