"""Dataset sources, one class each: where the raw files come from and how to read them."""
