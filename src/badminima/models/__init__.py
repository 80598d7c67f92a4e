"""Networks: one file per family, built by name, and their weights on disk.

- Holds: the architectures, ``build`` (by name), ``weights`` (on disk and as arrays), ``initialization``, ``trained``
  (ready for use), ``dropout``.
- Imports: ``config``, ``experiment.settings``, ``data.prepared``, ``storage``, ``seeding``.
- Others use: ``build_model``, ``weights``, ``initialization``, ``trained_network``.
"""
