"""Bad global minima: build them on purpose, let regularizers escape them, measure the escape."""

__version__ = "0.1.0"
