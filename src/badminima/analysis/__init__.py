"""From finished runs to a study's tables, with intervals.

- Holds: ``tables`` (all of a study, their writer and reader), ``statistics`` (intervals), ``gaps`` (differences of
  cells), ``measures`` (which measurement tells bad minima).
- Imports: ``config``, ``experiment``, ``storage``, ``seeding``. No torch.
- Others use: ``read_study`` and its tables, ``statistics``.
"""
