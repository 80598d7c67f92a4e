"""Measurements of a run's end point: one module each, one registry.

A measurement is a function ``measure(context) -> dict[str, float]``. A key is ``family.statistic``, with
``@tensor`` appended for the value of one parameter tensor or layer: ``distance.relative@0.weight``. One that cannot
be made of a run raises :class:`~badminima.diagnostics.context.Skipped`; one that fails costs its own numbers alone.

- Holds: ``context`` (what a measurement may look at), ``diagnose`` (from files to measurements, at the end of a run or
  at every evaluated epoch), ``network`` and ``hessian`` (shared), ``attacks``, and the measurements.
- Imports: ``config``, ``experiment``, ``data``, ``models``, ``storage``.
- Others use: ``diagnose``, ``landscape``. A measurement may use another's functions.
"""
