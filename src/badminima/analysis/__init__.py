"""From finished runs to a study's tables, with intervals, and to the verdicts on the papers' claims.

- Holds: ``tables`` (all of a study, their writer and reader), ``columns`` (their meanings), ``statistics`` (intervals,
  decisions), ``gaps`` (differences of cells), ``measures`` (which measurement tells bad minima), ``mechanism`` (what
  changes on the way out), ``claims``.
- Imports: ``config``, ``experiment``, ``storage``, ``seeding``. No torch.
- Others use: ``read_study`` and its tables, ``statistics``, ``columns``, the claims.
"""
