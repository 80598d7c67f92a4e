"""Run Snakemake's linter, less its rule against functions beside rules: here a function stands above its one rule.

``python -m tests.workflow.lint`` prints what is left and ends with 1 if there is anything.
"""

import re
import subprocess
import sys

ALLOWED = "    * Mixed rules and functions in same snakefile."


def lints() -> str:
    """Return what the linter says of the workflow in the working directory."""
    done = subprocess.run([sys.executable, "-m", "snakemake", "--lint"], capture_output=True, text=True)
    said = done.stdout + done.stderr
    blocks = re.split(r"^(?=Lints for )", said, flags=re.MULTILINE)
    left = [
        block
        for block in blocks[1:]
        if any(line[:6] == ALLOWED[:6] and ALLOWED not in line for line in block.splitlines())
    ]
    failed = done.returncode != 0 and len(blocks) == 1
    return said if failed else "".join(left)


if __name__ == "__main__":
    sys.exit(lints() or 0)
