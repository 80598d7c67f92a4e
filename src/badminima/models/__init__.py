"""Networks: one file per family, built by name, and their weights on disk.

- Holds: the architectures, ``build`` (by name, and trained networks ready for use), ``weights`` (on disk and as
  arrays), ``starts`` (the weights that runs start from), ``batchnorm``, ``numerics`` (precision, compiling,
  determinism of a job).
- Imports: ``config``, ``experiment.settings``, ``data.prepared``, ``storage``, ``seeding``.
- Others use: ``build``, ``weights``, ``starts``, ``numerics``.
"""
