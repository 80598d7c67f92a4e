"""The workflow's side of the library: what the Snakefile calls around its rules.

It imports ``config`` and what a configuration amounts to, but no torch; only the Snakefile and ``rules/`` import it.
"""
