"""Dataset sources, one class each: where the raw files come from and how to read them.

``base`` says what a source promises. Nothing imports a source: the registry names it.
"""
