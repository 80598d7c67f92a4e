"""A call ends by saying what it has made, whatever the preset."""

import json
from pathlib import Path

from badminima.experiment.paths import RECORD, SUMMARY, Paths
from badminima.workflow.ending import ending


def test_everything_ends_with_counted_verdicts_and_where_to_read(tmp_path):
    paths = Paths(tmp_path)
    verdicts = ["not measured", "supported", "supported"]
    paths.all_verdicts("csv").write_text("claim,verdict\n" + "".join(f"1,{verdict}\n" for verdict in verdicts))
    made = [
        paths.prepared("photos"),
        *(paths.figure("ablation", extension) for extension in ("png", "svg", "csv")),
        *(paths.tables(study) / SUMMARY for study in ("ablation", "scale")),
        *(paths.all_verdicts(extension) for extension in ("csv", "html")),
        *(paths.verdicts("2", extension) for extension in ("csv", "html")),
        paths.claims("2") / SUMMARY,
        *(paths.page(name) for name in ("report", "explore", "provenance")),
        paths.zoo,
    ]
    said = [("figures", "figures/"), ("tables", "tables/ablation/"), ("tables", "tables/scale/")]
    said += [("claims", "claims/claim_2.html"), ("claims", "claims.html"), ("2", "supported, 1 not measured")]
    said += [("provenance", "provenance.html"), ("zoo", "zoo"), ("explore", "explore.html"), ("report", "report.html")]
    lines = [line.replace(f"{tmp_path}/", "").split(maxsplit=1) for line in ending(made, paths)]
    assert lines == [list(line) for line in said]


def test_pretrainings_that_missed_their_target_come_first_and_are_counted(tmp_path):
    paths = Paths(tmp_path)
    made = [paths.figure("ablation", extension="png")]
    for seed in range(9):
        folder = paths.init("digits", "mlp", "adversarial", seed)
        folder.mkdir(parents=True)
        record = {
            "status": "converged" if seed == 0 else "max_epochs",
            "final": {"train_accuracy": 0.4467},
            "confusing": {"reachable_accuracy": 0.5 if seed == 1 else 1.0},
        }
        made.append(folder / RECORD)
        made[-1].write_text(json.dumps(record))
    said = ending(made, paths)
    assert said[0] == f"not fitted  {tmp_path}/inits/digits/mlp/adversarial/seed2/: 44.67% of its items (max_epochs)"
    assert said[5:] == ["not fitted  and 2 more", f"figures     {tmp_path}/figures/"]


def test_one_run_ends_with_nothing():
    assert ending([Path("results/runs/digits/mlp/random/vanilla/seed0/run.json")], Paths("results")) == []
