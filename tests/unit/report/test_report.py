"""The report: its answer, its claims, and what it says of data that decide nothing. Everything in it is escaped."""

import json
import re
from functools import cache
from html import unescape

import pytest

from badminima.analysis.claims import CLAIMS
from badminima.analysis.claims.grids import ClaimsSettings
from badminima.analysis.claims.verdicts import evaluate_claims
from badminima.analysis.tables import RUN_KEYS
from badminima.config import StudyConfig
from badminima.config.load import load_config
from badminima.experiment.paths import Paths
from badminima.experiment.runs import Run
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import draw_figure, write_drawing
from badminima.report.page import report_page, seeds_of_claim
from badminima.report.settings import ReportSettings, headline_figure
from badminima.report.wording import anchor, caption, explained, glossary
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


@pytest.fixture(scope="module")
def page_of(tables, pictures, tmp_path_factory):
    """Return a function that writes the page of the study; the same page is written once."""

    @cache
    def page(models=("mlp",), question="Which?", behind=(), figures=True, undecided=(), prepared=None) -> str:
        """Write the page; further models have no runs, some runs are in no table, some claims do not survive Holm."""
        paths = Paths(tmp_path_factory.mktemp("results"))
        runs = [Run(*keys) for keys in tables.runs[RUN_KEYS].itertuples(index=False)]
        for run in [*runs, *behind]:
            paths.run(run).mkdir(parents=True)
            record = {"python": "3.12", "versions": {"torch": "9.9"}, "precision": "bf16" if run.seed == 0 else "fp32"}
            record |= {"status": "max_epochs" if run in behind else "converged", "revision": None}
            (paths.run(run) / "run.json").write_text(json.dumps(record | {"evaluated_on": "test", "device": "cpu"}))
        (paths.results / "figures").symlink_to(pictures.figure("ablation", "svg").parent)
        if prepared:
            paths.prepared("digits").parent.mkdir(parents=True)
            paths.prepared("digits").symlink_to(prepared)
        decided = ClaimsSettings(
            studies={"study": STUDY.model_copy(update={"models": list(models)})},
            figures={claim.number: "ablation" for claim in CLAIMS},
            statistics=STATISTICS,
            root_seed=0,
        )
        settings = ReportSettings(
            headline="ablation" if figures else None,
            figures={"ablation": {"kind": "ablation", "question": question, "study": "ablation"}} if figures else {},
            studies=["ablation"],
            claims={"study": "ablation"},
            overlays=["presets/my demo.yaml"],
            # As if the made-up adversarial start were where full-batch training ends.
            ends={"adversarial": {"kind": "run", "start": "random", "recipe": "full_batch"}} if behind else {},
            facts={"Root <seed>": "7"},
            statistics=STATISTICS,
        )
        claims = evaluate_claims(CLAIMS, {"study": tables}, decided)
        claims["family_wise"] = claims["verdict"].mask(claims["claim"].isin(undecided), "inconclusive")
        return report_page(claims, {"ablation": tables}, settings, paths, REPOSITORY / "report", glossary(GLOSSARY))

    return page


def words(page: str) -> str:
    """Return what a reader sees."""
    return " ".join(unescape(re.sub("<[^>]*>", " ", page)).split())


def answer_of(page: str) -> str:
    return words(page.split('id="answer"')[1].split("<figure")[0])


def test_the_answer_stands_first_with_effect_and_interval(page_of):
    answer = answer_of(page_of())
    assert "Yes: from weights that fit random labels, SGD ends at a minimum that generalizes worse." in answer
    assert re.search(r"generalizes worse than from a random init\. supported \+(19|20)\.\d points \[\+1", answer)


def test_an_answer_that_does_not_survive_reading_all_claims_together_says_so(page_of):
    answer = answer_of(page_of(undecided=("2",)))
    assert "it escapes, if this claim is read alone;" in answer
    assert "a minimum that generalizes worse. With" in answer


def test_what_comes_from_a_config_or_its_results_is_text_and_never_markup(page_of):
    page = page_of(question='<script>alert("!")</script>"><img src=x onerror=alert(1)>')
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#34;!&#34;)&lt;/script&gt;" in page
    assert "<img src=x" not in page
    assert "Root &lt;seed&gt;" in page


def test_the_page_needs_no_other_file_and_every_link_in_it_leads_somewhere(page_of):
    page = page_of()
    ids = re.findall(r'\bid="([^"]*)"', page)
    links = set(re.findall(r'\b(?:href|src)="([^"]*)"', page))
    inside = {link for link in links if link.startswith("#")}
    assert len(ids) == len(set(ids))
    assert inside <= {f"#{name}" for name in ids}
    assert all(link.startswith("data:") for link in links - inside)
    assert {"fig-ablation", "term-confusing-set", *(f"claim-{anchor(number)}" for number in NAMES)} <= set(ids)


def test_a_figure_stands_with_its_caption_its_claims_its_seeds_and_its_command(page_of):
    figure = page_of().split("<figure")[1].split("</figure>")[0]
    text = words(figure)
    assert "data:image/svg+xml;base64," in figure
    assert "Held-out accuracy of each set of regularizers" in text
    assert re.search(r"Rests on it: claim 1a supported , claim 1b supported", text)
    assert "seed 0 seed 1 seed 2" in text
    assert "snakemake --cores 2 fig_ablation --configfile 'presets/my demo.yaml'" in text


def test_the_seeds_of_a_claim_are_those_of_its_cells(tables):
    name, seeds = seeds_of_claim(NAMES["1b"], tables.runs, {})
    runs = tables.runs.set_index(["init", "recipe", "seed"])
    expected = [100 * runs.loc[(init, "vanilla", 1), "test_accuracy"] for init in ("random", "adversarial")]
    assert name == "test accuracy in percent"
    assert list(seeds) == ["dataset", "model", "seed", "random, vanilla", "adversarial, vanilla"]
    assert seeds.iloc[1, 3:].tolist() == pytest.approx(expected)
    assert seeds_of_claim(NAMES["1a"], tables.runs, {})[0] == "train accuracy in percent"
    _, attacked = seeds_of_claim(NAMES["5b"], tables.runs, {})
    strengths = runs.loc[("random", "vanilla", 0)].filter(like="robustness.pgd_linf_")
    assert attacked.iloc[0, 3] == pytest.approx(strengths.mean())


BEHIND = tuple(Run("digits", "mlp", "random", "full_batch", seed) for seed in range(3))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            {},
            [
                "By these data: digits, mlp.",
                *("Runs 72: converged", "Precision fp32 (48); bf16 (24)"),
                *("Versions python 3.12, torch 9.9", "Code revision unknown"),
                "6 : no study of replication is configured (claims.replication)",
                "7a , 7b , 7c : no toy is configured (toy)",
            ],
        ),
        (
            {"models": ("mlp", "vgg16")},
            [
                "By these data: digits, mlp; digits, vgg16.",
                *("not measured digits, vgg16: ", "These data do not decide whether SGD ends at a worse minimum"),
            ],
        ),
        ({"behind": BEHIND}, ["Runs 75 (of which 3 only to start others from): converged (72); max_epochs (3)"]),
        ({"figures": False}, ["No figure of the claims' study is configured."]),
    ],
)
def test_the_page_says_what_its_results_are_and_what_they_lack(page_of, asked, said):
    text = words(page_of(**asked))
    assert [part for part in said if part not in text] == []


def test_test_images_that_are_training_images_are_counted(page_of, prepared_path):
    counted = "Images in both parts digits: 0 of 1,677 test images are training images, too"
    assert counted in words(page_of(prepared=prepared_path))


def test_the_first_use_of_a_term_leads_to_its_meaning():
    html = explained("A <seed> and seeds of Recipes, reseeded", {"seed": 'the "number"', "recipe": "what is added"})
    assert html.count("<a ") == 2
    assert 'A &lt;<a class="term" href="#term-seed" title="the &#34;number&#34;">seed</a>&gt; and seeds of' in html
    assert ">Recipes</a>, reseeded" in html


def test_a_caption_cannot_bring_markup_of_its_own(tmp_path):
    (tmp_path / "caption.rst").write_text("A *word*.\n\n.. raw:: html\n\n   <script>1</script>\n")
    html = caption(tmp_path / "caption.rst", {})
    assert "<em>word</em>" in html
    assert "<script" not in html


def test_the_facts_name_settings_that_differ_from_the_defaults_and_what_stands_behind_a_start():
    change = {
        "inits": {"full_batch_end": {"kind": "run", "start": "random", "recipe": "full_batch"}},
        "recipes": {"full_batch": {"full_batch": True}, "spare": {"epochs": 3}},
        "studies": {"ablation": {"inits": ["random", "adversarial", "full_batch_end"]}},
    }
    settings = ReportSettings.of(load_config(overlay(raw_config(), change)), [])
    facts = settings.facts
    assert "adversarial (kind adversarial, replication 10, noise 0.1)" in facts["Initializations"]
    assert "full_batch_end (kind run, start random, recipe full_batch)" in facts["Initializations"]
    assert "vanilla (plain SGD); da (augmentation yes)" in facts["Recipes"]
    assert "full_batch (full batch yes)" in facts["Recipes"]
    assert "spare" not in facts["Recipes"]
    assert "learning rate 0.1, times 0.1 after [150, 250]" in facts["Training"]
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
