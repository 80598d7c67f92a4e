"""The pipeline on a SLURM cluster that keeps accounts, as most do: `make test-slurm`."""

import time

import pytest

from tests.slurm.cluster import ACCOUNT
from tests.slurm.conftest import Submitted, assert_same_weights, records

pytestmark = pytest.mark.slurm


@pytest.mark.parametrize("together", [1, 4])
def test_a_cluster_with_accounting_needs_only_the_account(cluster_with_accounting, checkout, smoke, together):
    cluster = cluster_with_accounting
    options = ("--default-resources", f"slurm_account={ACCOUNT}", "--group-components", f"training={together}")
    started = time.monotonic()
    Submitted.start(cluster, checkout, "all", options=options).succeed()
    print(f"smoke, {together} runs to a job: {time.monotonic() - started:.0f} s")
    assert_same_weights(checkout, smoke, "smoke")
    jobs = cluster.run("sacct", "-X", "-n", "-P", "-o", "account,state,ncpus,jobname").split()
    assert {line.split("|")[0] for line in jobs} == {ACCOUNT}
    found = records(checkout, "smoke")
    assert {record["slurm"]["SLURM_STEP_GPUS"] for record in found} == {"0"}
    # The twelve trainings come first; the two pretrainings after them have a job each.
    used = [record["slurm"]["SLURM_JOB_ID"] for record in found[:12]]
    assert max(used.count(job) for job in used) == together
    assert list((checkout.folder / "results" / "slurm_efficiency").glob("*.csv"))
