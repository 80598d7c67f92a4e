"""The pipeline on a SLURM cluster that keeps accounts, as most do: `make test-slurm`."""

import pytest

from badminima.experiment.runs import all_runs
from tests.slurm.cluster import ACCOUNT
from tests.slurm.conftest import assert_same_weights, keep_one_seed, records, with_accounting

pytestmark = pytest.mark.slurm


@with_accounting
def test_a_cluster_with_accounting_needs_only_the_account_also_where_runs_share_a_job(
    cluster, submit, checkout, trained_locally
):
    keep_one_seed(checkout, "smoke")
    report = ("--slurm-efficiency-report", "--slurm-efficiency-report-path", "results/slurm_efficiency")
    options = ("--default-resources", f"slurm_account={ACCOUNT}", "--group-components", "training=4", *report)
    submit(checkout, "all", options=options).succeed()
    assert_same_weights(checkout, trained_locally("smoke"), "smoke")
    jobs = cluster.run("sacct", "-X", "-n", "-P", "-o", "account,state,ncpus,jobname").split()
    assert {line.split("|")[0] for line in jobs} == {ACCOUNT}
    found = records(checkout, "smoke")
    assert {record["slurm"]["SLURM_STEP_GPUS"] for record in found} == {"0"}
    # The trainings come first; the pretrainings after them have jobs of their own. Which ones share a job is chance.
    used = [record["slurm"]["SLURM_JOB_ID"] for record in found[: len(all_runs(checkout.config("smoke")))]]
    assert max(used.count(job) for job in used) == 4
    assert list((checkout.folder / "results" / "slurm_efficiency").glob("*.csv"))
