"""Finished results in Python (``badminima.load``), and what is taken out of them.

- Holds: ``results`` (a results folder by names), ``beside`` (the files of a run by their places), ``export`` (minima
  that stand alone, for ``badminima.zoo``), ``trackers`` (runs for TensorBoard, MLflow or Weights & Biases).
- Imports: all floors below but figures and tables for papers.
- Others use: nothing of the library does. Notebooks and the scripts ``zoo``, ``track``, ``report`` and ``diagnose`` do.
"""
