"""Reading and writing files that are whole or absent, and saying where a result came from.

- Holds: ``files`` (text, JSON, CSV, digests; what killed writers left), ``tensorfiles`` (safetensors), ``provenance``
  (device, versions, code revision).
- Imports: ``errors``. Knows no run, no path and no key of the configuration.
- Others use: all of it.
"""
