"""Networks, one file per family, their weights on disk and their initialization."""
