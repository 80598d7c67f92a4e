"""From finished runs to tables, intervals and verdicts."""
