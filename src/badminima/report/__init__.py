"""Pages to be read: the report, a study at a glance, the verdicts.

- Holds: ``facts`` (what the report shows and says of the experiment; no pandas), ``page`` (the report), ``provenance``
  (what its runs were made with), ``seeds`` (the values of each seed behind a claim or a figure), ``papers`` (what the
  papers say beside it), ``words`` (captions and glossary), ``summary`` (a study), ``wording`` (verdicts in words),
  ``html`` (the frame of a small page), ``explore`` (the runs, to look closer at); ``figures`` (a module per kind) and
  ``tables`` (for papers).
- Imports: ``analysis``, ``experiment``, ``config``, ``storage``.
- Others use: scripts, rules, ``results`` and ``toy``.
"""
