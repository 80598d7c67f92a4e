"""The experiment that a configuration describes, before anything runs: runs, paths, settings, cost.

- Holds: ``runs`` (the grid, and what its starts come from), ``paths`` (every name on disk), ``settings`` (what the
  results of each stage depend on), ``measured`` (what is measured where), ``records`` (which files belong to one run),
  ``plan`` (hours and bytes) and ``speeds`` (what was measured of devices).
- Imports: ``config``, ``errors``, ``storage``. No torch; ``records``, ``plan`` and ``speeds`` read files.
- Others use: all of it. Rules see the experiment through this package alone.
"""
