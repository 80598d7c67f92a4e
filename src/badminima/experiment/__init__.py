"""The experiment that a configuration describes, before anything runs: runs, paths, settings, cost.

- Holds: ``runs`` (the grid), ``lineage`` (what stands behind a start), ``measured`` (what is measured where), ``paths``
  (every name on disk), ``settings`` (what the results of each stage depend on, cut out of the config), ``records``
  (which files belong to one run), ``speeds`` (what was measured of devices), ``cost`` and ``plan`` (hours and bytes).
- Imports: ``config``, ``errors``, ``storage``. No torch, and no file access but in ``records`` and for the tables of
  speeds.
- Others use: all of it. Rules see the experiment through this package alone.
"""
