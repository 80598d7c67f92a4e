"""Finished results in Python, and minima taken out of them: ``badminima.load`` and ``badminima.zoo``.

- Holds: ``results`` (a results folder by names), ``lookup`` (what there is in one), ``beside`` (the files that belong
  to a run's weights), ``zoo`` with ``card`` and ``export`` (minima that stand alone), ``trackers`` (runs for
  TensorBoard, MLflow or Weights & Biases).
- Imports: all floors below but figures and tables for papers.
- Others use: nothing of the library does. Notebooks and the scripts ``zoo``, ``track``, ``report`` and ``diagnose`` do.
"""
