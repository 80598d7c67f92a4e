"""Print the targets of a config: what each makes, and which FILES (presets, overlays) bring those that it lacks."""

from pathlib import Path

import click

from badminima.cli import INPUT_FILE, one_line_errors
from badminima.config.load import load_config
from badminima.storage.files import read_json
from badminima.workflow.targets import configured, elsewhere, needed_files

FOOTER = "Type snakemake TARGET, and --configfile for what a preset brings; docs/reference/targets.md says more."


@click.command(help=__doc__)
@click.option("--config", "config_file", type=INPUT_FILE, required=True, help="The merged configuration (JSON).")
@click.option("--page", type=INPUT_FILE, required=True, help="The reference page, which has the words.")
@click.argument("files", nargs=-1, type=INPUT_FILE)
@one_line_errors
def main(config_file: Path, page: Path, files: tuple[Path, ...]) -> None:
    config = load_config(read_json(config_file))
    words = page.read_text(encoding="utf-8")
    targets = configured(config, words)
    width = max(len(target.name) for target in targets)
    groups = dict.fromkeys(target.group for target in targets)
    lines = []
    for group in groups:
        lines += [group, *(f"  {one.name:<{width}}  {one.meaning}" for one in targets if one.group == group), ""]
    if lacking := elsewhere({target.name for target in targets}, words, files):
        lines += [
            "Not in this config",
            *(f"  {brings(file)}: {', '.join(names)}" for file, names in lacking.items()),
            "",
        ]
    click.echo("\n".join([*lines, FOOTER]))


def brings(file: Path) -> str:
    """Return how a command names a config file; ``config.yaml`` is there by itself."""
    files = needed_files(file)
    return f"--configfile {' '.join(files)}" if files else "without --configfile"


if __name__ == "__main__":
    main()
