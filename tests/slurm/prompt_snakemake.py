"""Snakemake, with a SLURM plugin that asks for the states of its jobs every second.

The plugin itself waits ten seconds longer after each question that no ended job answers, up to three minutes, and has
no option for that. The tests would spend most of their time in these pauses.
"""

import sys

from snakemake.cli import main
from snakemake_executor_plugin_slurm import Executor

Executor.next_seconds_between_status_checks = property(lambda executor: 1, lambda executor, seconds: None)

if __name__ == "__main__":
    sys.exit(main())
