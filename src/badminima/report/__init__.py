"""Pages to be read in the report: the first page, a study at a glance, the verdicts.

- Holds: ``facts`` (what the first page says of the experiment; no pandas), ``overview`` (the first page), ``summary``
  (a study), ``wording`` (verdicts in words), ``html`` (the frame of a page).
- Imports: ``claims``, ``analysis``, ``experiment``, ``config``, ``storage``.
- Others use: ``html`` for tables for papers; scripts and rules the rest.
"""
