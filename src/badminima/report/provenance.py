"""Devices, versions and code that the runs of a report were made with."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from badminima.analysis.tables import RUN_KEYS, StudyTables
from badminima.data.prepared import read_prepared, repeated_images
from badminima.experiment.lineage import with_runs_behind
from badminima.experiment.paths import RECORD, Paths
from badminima.experiment.runs import Run
from badminima.report.facts import ReportSettings
from badminima.storage.files import read_json


def provenance(studies: Sequence[StudyTables], settings: ReportSettings, paths: Paths) -> dict[str, str]:
    """Return statuses, devices, code and versions of all runs and of those behind their starts, each once."""
    tabled = pd.concat([tables.runs[RUN_KEYS] for tables in studies]).drop_duplicates()
    runs = with_runs_behind(settings.ends, [Run(*keys) for keys in tabled.itertuples(index=False)])
    records = [read_json(paths.run(run) / RECORD) for run in runs]
    behind = f" (of which {len(runs) - len(tabled)} only to start others from)" if len(runs) > len(tabled) else ""
    pretraining = pd.concat([tables.pretraining for tables in studies])
    pretraining = pretraining.drop_duplicates(["dataset", "model", "init", "seed"])
    versions = [{"python": record["python"], **record["versions"]} for record in records]
    prepared = [path for name in sorted(set(tabled["dataset"])) if (path := paths.prepared(name)).exists()]
    repeated = [f"{path.stem}: {repeated_images(read_prepared(path))}" for path in prepared]
    return {
        "Runs": f"{len(runs)}{behind}: {_of_all(records, 'status')}",
        "Pretrainings": f"{len(pretraining)}: {_counted(pretraining['status'])}" if len(pretraining) else "none",
        "Seeds": ", ".join(str(seed) for seed in sorted(tabled["seed"].unique())),
        "Accuracies on": _of_all(records, "evaluated_on"),
        **({"Images in both parts": "; ".join(repeated)} if repeated else {}),
        "Device": _of_all(records, "device"),
        "Precision": _of_all(records, "precision"),
        "Versions": _counted(", ".join(f"{name} {value}" for name, value in of_run.items()) for of_run in versions),
        "Code revision": _of_all(records, "revision"),
    }


def _of_all(records: Iterable[Mapping[str, object]], key: str) -> str:
    """Return the values of a key in the records; of several, how often each."""
    return _counted(record[key] or "unknown" for record in records)


def _counted(values: Iterable[object]) -> str:
    """Return each value; of several, how often."""
    counts = Counter(str(value) for value in values)
    return "; ".join(f"{value} ({count})" if len(counts) > 1 else value for value, count in counts.most_common())
