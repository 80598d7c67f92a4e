"""Pages to be read: the report, a study at a glance, the verdicts.

- Holds: ``settings`` (what the report shows and says of the experiment; no pandas), ``page`` (the report), ``wording``
  (verdicts in words, captions and glossary), ``html`` (small pages), ``explore`` (the runs, to
  look closer at), ``templates``; ``figures`` and ``tables`` (for papers).
- Imports: ``analysis``, ``experiment``, ``config``, ``storage``.
- Others use: scripts, rules, ``results`` and ``toy``.
"""
