"""Speed and memory, measured; run by hand."""
