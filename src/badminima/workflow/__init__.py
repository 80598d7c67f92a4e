"""What happens around the jobs: the environment that they inherit, checks before the first, reasons after a failure.

- Holds: ``environment``, ``slurm`` and ``preflight`` (checks), ``settings_files``, ``failures``.
- Imports: ``errors``, ``config``, ``experiment``, ``storage``; no torch.
- Others use: nothing. ``rules/`` calls it.
"""
