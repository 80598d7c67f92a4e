"""Measurements of a run's end point: one module each, one registry.

A measurement is a function ``measure(context) -> dict[str, float]``. A key is ``family.statistic``, with
``@tensor`` appended for the value of one parameter tensor or layer: ``distance.relative@0.weight``. One that cannot
be made of a run raises :class:`~badminima.diagnostics.context.Skipped`; one that fails costs its own numbers alone.

- Holds: ``context`` (what a measurement may look at), ``diagnose`` (makes them), ``along`` (at every evaluated epoch),
  ``inputs`` and ``record`` (files), ``network`` (shared), ``double_backward`` (for
  Hessian products), and the measurements.
- Imports: ``config``, ``experiment``, ``data``, ``models``, ``storage``, ``training.numerics``.
- Others use: ``diagnose``, ``inputs``, ``along``, ``landscape``, ``record``. A measurement may use another's functions.
"""
