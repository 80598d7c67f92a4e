"""The paper's toy: two blobs of points in the plane, a small network, and boundaries that can be looked at.

Numpy alone: networks this small spend their time in the calls, so the seeds are trained in lockstep as one stack.

- Holds: ``experiment`` (all its networks, on disk too), ``data``, ``network``, ``training``, ``measure`` (boundaries),
  ``table``, ``paths`` (what is measured along runs), ``figure``, ``mechanism``.
- Imports: ``config``, ``experiment``, ``analysis``, ``claims.evidence``, ``figures``, ``storage``, ``seeding``.
- Others use: scripts alone.
"""
