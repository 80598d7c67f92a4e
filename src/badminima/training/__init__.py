"""Training: the loop, what a recipe makes of a step, restart points, and what a run records.

- Holds: ``job`` (one run as a process), ``stage`` (from files to a finished run), ``engine`` (the loop), ``hooks``
  (what accompanies it), ``step`` with ``gradients`` and ``optimizer``, ``evaluation``, ``history``, ``restart``,
  ``interruption``, ``numerics``, ``progress``.
- Imports: ``config``, ``experiment``, ``data``, ``models``, ``storage``, ``seeding``, ``cli``.
- Others use: ``job.train`` (scripts); of the library, ``diagnostics`` uses ``numerics`` and the type ``Measure``.
"""
