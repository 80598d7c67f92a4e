"""The documentation against the repository: links, names of rooms, targets and modules, and the form of its prose."""

import re
import runpy
from pathlib import Path

import pytest
import yaml

from badminima.analysis.claims import GROUPS
from badminima.config.load import load_config
from badminima.config.registry import FIGURES
from tests.configs import overlay, raw_config
from tests.conftest import REPOSITORY
from tests.unit.test_structure import FLOOR_OF

DOCS = REPOSITORY / "docs"


def name_of(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


PAGES = sorted([*REPOSITORY.glob("*.md"), *DOCS.rglob("*.md")])
CONFIGS = [REPOSITORY / "config.yaml", *(REPOSITORY / "presets").rglob("*.yaml")]
RULES = "".join(path.read_text() for path in [REPOSITORY / "Snakefile", *(REPOSITORY / "rules").glob("*.smk")])
YAML = [
    (name_of(page), block) for page in PAGES for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)
]
# The how-to page adds these.
EXAMPLES = ("rings", "shallow", "sparsity", "transposed")


def without_code(text: str) -> str:
    return re.sub(r"^( *)(`{3,})\w*\n.*?^\1\2$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ +(.*)$", without_code(page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def first_cells(page: str) -> list[str]:
    """Return what stands in backticks in the first column of a page's tables."""
    rows = re.findall(r"^\|([^|]*)\|", (DOCS / page).read_text(), re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def configured(key: str) -> set[str]:
    """The entries that some config of the repository has in a mapping."""
    mappings = [yaml.safe_load(path.read_text()).get(key) or {} for path in CONFIGS]
    return {name for mapping in mappings for name, entry in mapping.items() if entry is not None}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_to_a_file_and_a_heading(page):
    broken = []
    for link in re.findall(r"\]\((?!\w+:)([^)\s]+)\)", without_code(page.read_text())):
        path, _, anchor = link.partition("#")
        target = page if not path else page.parent / path
        if not target.is_file() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_module_and_path_that_a_page_names_exists(page):
    text = without_code(page.read_text())
    missing = {
        path
        for path in re.findall(r"`((?:src|tests|rules|presets|workflow|docs|report|envs|slurm)/[\w./-]+)`", text)
        if not (REPOSITORY / path).exists() and not Path(path).stem.endswith(EXAMPLES)
    }
    missing |= {name for name in re.findall(r"\| `(\w+\.py)` \|", text) if not [*(REPOSITORY / "src").rglob(name)]}
    for name in re.findall(r"`(badminima(?:\.\w+)+)`", text):
        module = REPOSITORY / "src"
        rest = name.split(".")
        while rest and ((module / rest[0]).is_dir() or (module / f"{rest[0]}.py").is_file()):
            module /= rest.pop(0)
        file = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
        # What the rules define, an importing workflow has as badminima.PATHS.
        if not all(re.search(rf"\b{part}\b", file.read_text() + RULES) for part in rest):
            missing.add(name)
    assert not missing


def test_contributing_names_every_room_on_its_floor():
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", (REPOSITORY / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert {room: int(floor) for floor, room in rows} == FLOOR_OF


def test_every_documented_target_exists_and_every_figure_table_and_claim_is_documented():
    rules = set(re.findall(r'^ *(?:rule |use rule \w+ as |PRODUCTS\[")(\w+)', RULES, re.MULTILINE))
    families = {"fig": configured("figures"), "table": configured("tables"), "claim": set(GROUPS)}
    for family in families:
        assert f'f"{family}_{{' in RULES  # a rule for each of its names
    known = rules | {f"{family}_{name}" for family, names in families.items() for name in names}
    named = set(first_cells("reference/targets.md"))
    assert named - set(FIGURES.names) <= known
    families_named = {name for name in known if name.startswith(("fig_", "anim_", "table_", "claim_"))}
    assert families_named | set(FIGURES.names) <= named


@pytest.mark.parametrize(("page", "example"), YAML)
def test_every_yaml_example_is_an_overlay_of_the_demo_with_its_controls(page, example):
    presets = [REPOSITORY / "presets" / f"{name}.yaml" for name in ("demo", "overlays/controls")]
    raw = raw_config()
    for text in [*(path.read_text() for path in presets), example]:
        raw = overlay(raw, yaml.safe_load(text))
    assert load_config(raw)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_name_presets_and_targets_that_exist(page):
    commands = re.findall(r"^snakemake (?:.*\\\n)*.*$", page.read_text(), re.MULTILINE)
    words = {word for command in commands for word in command.split("#")[0].split()}
    presets = {word for word in words if word.startswith("presets/")}
    assert not {preset for preset in presets if not (REPOSITORY / preset).is_file()}
    targets = {word for word in words if word.startswith(("fig_", "anim_", "table_", "claim_"))}
    assert targets - {"fig_step"} <= set(first_cells("reference/targets.md"))  # the tutorial makes that one


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_of_scripts_use_options_that_they_have(page):
    for script, rest in re.findall(
        r"^python (workflow/scripts/\w+\.py)((?:.*\\\n)*.*)$", page.read_text(), re.MULTILINE
    ):
        code = (REPOSITORY / script).read_text()
        options = re.findall(r" --([\w-]+)", rest.split("#")[0])
        assert not [option for option in options if not re.search(rf"\b{option.replace('-', '[-_]')}\b", code)]


def test_the_site_lists_every_page():
    navigation = yaml.safe_load((REPOSITORY / "mkdocs.yml").read_text())["nav"]
    listed = re.findall(r"[\w/-]+\.md", str(navigation))
    assert sorted(listed) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_tables_of_results_are_those_of_their_data(page):
    filled = runpy.run_path(str(DOCS / "pages.py"))["filled"]
    assert filled(page.read_text()) == page.read_text()
