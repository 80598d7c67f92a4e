"""The paper's toy: two blobs of points in the plane, a small network, and boundaries that can be looked at.

Numpy alone: networks this small spend their time in the calls, so the seeds are trained in lockstep as one stack.

- Holds: ``experiment`` (the stage), ``data`` (points and networks, on disk too), ``network`` (its training),
  ``measure`` (boundaries, tables), ``figure``.
- Imports: ``config``, ``experiment``, ``analysis``, ``report.figures``, ``storage``, ``seeding``.
- Others use: scripts alone.
"""
