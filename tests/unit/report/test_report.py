"""The report: its answer, its claims, and what it says of data that decide nothing. Everything in it is escaped."""

import json
import re
from html import unescape
from html.parser import HTMLParser

import pytest

from badminima.analysis.claims import CLAIMS, GROUPS
from badminima.analysis.claims.grids import ClaimsSettings
from badminima.analysis.claims.verdicts import evaluate_claims
from badminima.analysis.tables import RUN_KEYS
from badminima.config import StudyConfig
from badminima.config.load import load_config
from badminima.errors import UserError
from badminima.experiment.paths import Paths
from badminima.experiment.runs import Run
from badminima.experiment.settings import FigureSettings
from badminima.report import wording
from badminima.report.figures import draw_figure, write_drawing
from badminima.report.page import report_page, seeds_of_claim
from badminima.report.settings import ReportFigure, ReportSettings, headline_figure, report_settings
from badminima.report.wording import EXPLAINED, anchor, caption, explained, glossary
from tests.configs import overlay, raw_config
from tests.conftest import REPOSITORY
from tests.unit.study import INITS, RECIPES, STATISTICS, as_in_the_paper, made_up_study

STUDY = StudyConfig(question="?", datasets=["digits"], models=["mlp"], inits=["random"], recipes=["vanilla"], seeds=[0])
GLOSSARY = REPOSITORY / "docs" / "reference" / "glossary.md"
NAMES = {claim.number: claim for claim in CLAIMS}


@pytest.fixture(scope="module")
def tables():
    return made_up_study(as_in_the_paper)


@pytest.fixture(scope="module")
def pictures(tables, tmp_path_factory):
    """A folder with the ablation of the study."""
    paths = Paths(tmp_path_factory.mktemp("pictures"))
    paths.figure("ablation", "svg").parent.mkdir()
    drawing = draw_figure(tables, FigureSettings(kind="ablation", recipes=RECIPES, inits=INITS))
    write_drawing(drawing, *(paths.figure("ablation", extension) for extension in ("pdf", "png", "svg", "csv")))
    return paths


@pytest.fixture
def page_of(tables, pictures, tmp_path):
    """Return a function that writes the page of the study."""

    def page(models=("mlp",), question="Which?", ends=None, behind=(), figures=True, undecided=()) -> str:
        """Write the page; further models have no runs, some runs are in no table, some claims do not survive Holm."""
        paths = Paths(tmp_path)
        runs = [Run(*keys) for keys in tables.runs[RUN_KEYS].itertuples(index=False)]
        for run in [*runs, *behind]:
            folder = paths.run(run)
            folder.mkdir(parents=True)
            record = {"python": "3.12", "versions": {"torch": "9.9"}, "precision": "bf16" if run.seed == 0 else "fp32"}
            record |= {"status": "max_epochs" if run in behind else "converged", "revision": None}
            (folder / "run.json").write_text(json.dumps(record | {"evaluated_on": "test", "device": "cpu"}))
        (tmp_path / "figures").symlink_to(pictures.figure("ablation", "svg").parent)
        study = STUDY.model_copy(update={"models": list(models)})
        decided = ClaimsSettings(
            studies={"study": study},
            figures={claim.number: "ablation" for claim in CLAIMS},
            statistics=STATISTICS,
            root_seed=0,
        )
        settings = ReportSettings(
            headline="ablation" if figures else None,
            figures={"ablation": ReportFigure(kind="ablation", question=question, study="ablation")} if figures else {},
            studies=["ablation"],
            claims={"study": "ablation"},
            overlays=["presets/my demo.yaml"],
            ends=ends or {},
            facts={"Root <seed>": "7"},
            statistics=STATISTICS,
        )
        claims = evaluate_claims(CLAIMS, {"study": tables}, decided)
        claims["family_wise"] = claims["verdict"].mask(claims["claim"].isin(undecided), "inconclusive")
        return report_page(
            claims,
            {"ablation": tables},
            settings,
            paths,
            REPOSITORY / "report",
            glossary(GLOSSARY),
        )

    return page


def words(page: str) -> str:
    """Return what a reader sees."""
    return " ".join(unescape(re.sub("<[^>]*>", " ", page)).split())


class Addresses(HTMLParser):
    """The anchors of a page, and where its links and pictures lead."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids, self.links = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found[name] for name in ("href", "src") if name in found]


def test_the_answer_stands_first_with_effect_and_interval(page_of):
    answer = words(page_of().split('id="answer"')[1].split("<figure")[0])
    assert "Yes: from weights that fit random labels, SGD ends at a minimum that generalizes worse." in answer
    assert re.search(r"generalizes worse than from a random init\. supported \+(19|20)\.\d points \[\+1", answer)
    assert "By these data: digits, mlp." in answer


def test_an_answer_that_does_not_survive_reading_all_claims_together_says_so(page_of):
    answer = words(page_of(undecided=["2"]).split('id="answer"')[1].split("<figure")[0])
    reached, escaped = re.findall(r"(\w[^.]*)\.", answer.split("By these data")[0].removeprefix("> Answer"))
    assert reached.endswith("generalizes worse")
    assert escaped.endswith(
        "it escapes, if this claim is read alone; corrected for reading all claims together, it is undecided"
    )


def test_what_comes_from_a_config_or_its_results_is_text_and_never_markup(page_of):
    page = page_of(question='<script>alert("!")</script>"><img src=x onerror=alert(1)>')
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#34;!&#34;)&lt;/script&gt;" in page
    assert "<img src=x" not in page
    assert "Root &lt;seed&gt;" in page


def test_the_page_needs_no_other_file_and_every_link_in_it_leads_somewhere(page_of):
    found = Addresses(page_of())
    assert len(found.ids) == len(set(found.ids))
    inside = {link[1:] for link in found.links if link.startswith("#")}
    assert inside <= set(found.ids)
    assert all(link.startswith(("#", "data:")) for link in found.links)
    assert {"claim-1", "claim-2", "claim-3a-da-m", "fig-ablation", "term-confusing-set"} <= set(found.ids)


def test_every_claim_has_an_anchor_and_those_that_were_not_measured_a_reason(page_of):
    page = page_of()
    anchors = {link for link in Addresses(page).ids if link.startswith("claim-")}
    assert {f"claim-{anchor(number)}" for number in NAMES} <= anchors
    assert "6 : no study of replication is configured (claims.replication)" in words(page)
    assert "7a , 7b , 7c : no toy is configured (toy)" in words(page)


def test_a_figure_stands_with_its_caption_its_claims_its_seeds_and_its_command(page_of, pictures):
    page = page_of()
    figure = page[page.index("<figure") : page.index("</figure>")]
    text = words(figure)
    assert "data:image/svg+xml;base64," in figure
    assert "Held-out accuracy of each set of regularizers" in text
    assert re.search(r"Rests on it: claim 1a supported , claim 1b supported", text)
    assert "seed 0 seed 1 seed 2" in text
    assert "snakemake --cores 2 fig_ablation --configfile 'presets/my demo.yaml'" in text


def test_the_seeds_of_a_claim_are_those_of_its_cells(tables):
    seeds = seeds_of_claim(NAMES["1b"], tables.runs, {})
    runs = tables.runs.set_index(["init", "recipe", "seed"])["test_accuracy"]
    assert list(seeds) == ["dataset", "model", "seed", "random, vanilla", "adversarial, vanilla"]
    assert seeds.iloc[1, 3:].tolist() == pytest.approx(
        [100 * runs[init, "vanilla", 1] for init in ("random", "adversarial")]
    )
    attacked = seeds_of_claim(NAMES["5b"], tables.runs, {})
    columns = [name for name in tables.runs if name.startswith("robustness.pgd_linf_")]
    assert attacked.iloc[0, 3] == pytest.approx(
        tables.runs.query("init == 'random' and recipe == 'vanilla' and seed == 0")[columns].mean(axis=1).iloc[0]
    )


def test_several_networks_have_a_verdict_each(page_of):
    text = words(page_of(models=("mlp", "vgg16")))
    assert re.search(
        r"1b From the adversarial init.*? supported \+\d+\.\d points .*? not measured digits, vgg16: ", text
    )
    assert "By these data: digits, mlp; digits, vgg16." in text
    assert "These data do not decide whether SGD ends at a worse minimum" in text


def test_provenance_counts_what_differs_and_names_what_does_not(page_of):
    text = words(page_of())
    assert "Images in both parts" not in text
    assert "Runs 72: converged" in text
    assert "Precision fp32 (48); bf16 (24)" in text
    assert "Versions python 3.12, torch 9.9" in text
    assert "Code revision unknown" in text


def test_test_images_that_are_training_images_are_counted(page_of, tmp_path, prepared_path):
    path = Paths(tmp_path).prepared("digits")
    path.parent.mkdir(parents=True)
    path.symlink_to(prepared_path)
    assert "Images in both parts digits: 0 of 1,677 test images are training images, too" in words(page_of())


def test_runs_behind_the_starts_of_others_are_counted_too(page_of):
    # As if the made-up adversarial start were where full-batch training ends.
    ends = {"adversarial": {"kind": "run", "start": "random", "recipe": "full_batch"}}
    behind = [Run("digits", "mlp", "random", "full_batch", seed) for seed in range(3)]
    text = words(page_of(ends=ends, behind=behind))
    assert "Runs 75 (of which 3 only to start others from): converged (72); max_epochs (3)" in text


def test_without_a_figure_the_page_says_so(page_of):
    assert "No figure of the claims' study is configured." in words(page_of(figures=False))


def test_the_first_use_of_a_term_leads_to_its_meaning():
    html = explained("A <seed> and seeds of Recipes, reseeded", {"seed": 'the "number"', "recipe": "what is added"})
    assert html.count("<a ") == 2
    assert 'A &lt;<a class="term" href="#term-seed" title="the &#34;number&#34;">seed</a>&gt; and seeds of' in html
    assert ">Recipes</a>, reseeded" in html


def test_every_term_that_the_page_explains_is_in_the_glossary(tmp_path):
    assert all(glossary(GLOSSARY).values())
    (tmp_path / "glossary.md").write_text(GLOSSARY.read_text().replace("| dose |", "| amount |"))
    with pytest.raises(UserError, match="no term 'dose'"):
        glossary(tmp_path / "glossary.md")
    assert "dose" in EXPLAINED


def test_a_caption_cannot_bring_markup_of_its_own(tmp_path):
    (tmp_path / "caption.rst").write_text("A *word*.\n\n.. raw:: html\n\n   <script>1</script>\n")
    html = caption(tmp_path / "caption.rst", {})
    assert "<em>word</em>" in html
    assert "<script" not in html


def test_what_the_papers_say_belongs_to_claims_and_every_target_has_a_title():
    assert set(wording.PASSAGES) <= set(NAMES)
    assert set(wording.GROUPS) == set(GROUPS)


def test_the_facts_name_what_stands_behind_a_start():
    change = {
        "inits": {"full_batch_end": {"kind": "run", "start": "random", "recipe": "full_batch"}},
        "recipes": {"full_batch": {"full_batch": True}, "spare": {"epochs": 3}},
        "studies": {"ablation": {"inits": ["random", "adversarial", "full_batch_end"]}},
    }
    settings = report_settings(load_config(overlay(raw_config(), change)), [])
    assert "full_batch_end (kind run, start random, recipe full_batch)" in settings.facts["Initializations"]
    assert "full_batch (full batch yes)" in settings.facts["Recipes"]
    assert "spare" not in settings.facts["Recipes"]
    assert list(settings.ends) == ["full_batch_end"]


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ({}, "ablation"),
        ({"ablation": None}, "curves"),
        ({"curves": None, "ablation": {"study": "scale"}, "mine": {"kind": "ablation", "study": "ablation"}}, "mine"),
    ],
)
def test_the_headline_is_the_ablation_of_the_claims_study_or_its_first_figure(figures, expected):
    assert headline_figure(load_config(overlay(raw_config(), {"figures": figures}))) == expected


def test_the_facts_name_settings_that_differ_from_the_defaults():
    facts = report_settings(load_config(raw_config()), []).facts
    assert "adversarial (kind adversarial, replication 10, noise 0.1)" in facts["Initializations"]
    assert "vanilla (plain SGD); da (augmentation yes)" in facts["Recipes"]
    assert facts["Training"].startswith("350 epochs, batch size 128, learning rate 0.1, times 0.1 after [150, 250]")
