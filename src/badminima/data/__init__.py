"""Data: from raw files to batches on the device.

- Holds: ``sources`` (one module each), ``raw``, ``download`` and ``images`` (raw files), ``prepared`` and ``confusing``
  (each the writer and the reader of one file), ``items`` (what a training draws batches from), ``augmentation``.
- Imports: ``config``, ``experiment.settings``, ``storage``, ``seeding``. Knows no network.
- Others use: ``read_prepared``, ``read_confusing``, ``items``, ``augmentation``.
"""
