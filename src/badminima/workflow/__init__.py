"""Around the jobs: files of settings, checks before the first, what there is and was made.

- Holds: ``settings_files``, ``preflight`` and ``machine`` (checks), ``handles`` (what Snakemake keeps to itself),
  ``targets``, ``ending``.
- Imports: everything but what trains, measures or draws; no torch.
- Others use: nothing. ``rules/`` and the logger call it.
"""
