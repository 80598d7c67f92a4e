"""Training: the loop, what a recipe makes of a step, restart points, and what a run records.

- Holds: ``job`` (from files to a finished run, as a process), ``engine`` (the loop and what accompanies it), ``step``
  with ``gradients`` and ``optimizer``, ``graphs``, ``record`` (evaluations and history), ``restart``.
- Imports: ``config``, ``experiment``, ``data``, ``models``, ``storage``, ``seeding``, ``cli``.
- Others use: ``job.train`` (scripts).
"""
