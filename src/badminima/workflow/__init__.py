"""What the workflow prepares before jobs start: the environment that they inherit, and checks of the cluster.

- Holds: ``environment``, ``slurm``.
- Imports: ``errors``.
- Others use: nothing. ``rules/common.smk`` calls it.
"""
