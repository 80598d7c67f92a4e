"""Around the jobs: the environment that they inherit, checks before the first, reasons after a failure.

- Holds: ``environment``, ``machine``, ``slurm`` and ``preflight`` (checks), ``settings_files`` and ``defaults``,
  ``failures``, ``targets``.
- Imports: everything but what trains, measures or draws; no torch.
- Others use: nothing. ``rules/`` calls it.
"""
