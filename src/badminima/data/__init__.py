"""Datasets: raw sources, the prepared file, the confusing set and augmentation."""
