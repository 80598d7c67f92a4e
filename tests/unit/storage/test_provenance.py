"""A job accounts for the time and memory that it took, with those of the processes that it started."""

import subprocess
import sys
import time

from badminima.storage.provenance import account


def test_an_account_grows_with_what_a_job_and_its_children_take():
    before = account()
    subprocess.run([sys.executable, "-c", "x = b'1' * (2 << 30); sum(range(10**6))"], check=True)
    until = time.process_time() + 0.2
    while time.process_time() < until:
        pass
    after = account()
    assert after["wall_seconds"] - before["wall_seconds"] >= 0.2
    assert after["cpu_seconds"] - before["cpu_seconds"] >= 0.3
    assert after["peak_mib"] > 2048 > before["peak_mib"]
