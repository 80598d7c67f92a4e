"""Finished results in Python, and minima taken out of them: ``badminima.load`` and ``badminima.zoo``.

- Holds: ``results`` (a results folder by names; the files of a run by their places), ``zoo`` and ``export`` (minima
  that stand alone, with a card each), ``trackers`` (runs for TensorBoard, MLflow or Weights & Biases).
- Imports: all floors below but figures and tables for papers.
- Others use: nothing of the library does. Notebooks and the scripts ``zoo``, ``track``, ``report`` and ``diagnose`` do.
"""
