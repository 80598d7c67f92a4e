"""The report's first page: its answer, its links, and what it says of data that decide nothing."""

import json
import re
from html import unescape

import pytest

from badminima.analysis.tables import RUN_KEYS
from badminima.claims import CLAIMS
from badminima.claims.grids import ClaimsSettings
from badminima.claims.verdicts import evaluate_claims
from badminima.config import StudyConfig
from badminima.config.load import load_config
from badminima.experiment.paths import Paths
from badminima.experiment.runs import Run
from badminima.report.facts import OverviewSettings, headline_figure, overview_settings
from badminima.report.overview import overview_page
from tests.unit.study import STATISTICS, made_up_study
from tests.unit.test_claims import as_in_the_paper
from tests.unit.test_config import overlay, raw_config

STUDY = StudyConfig(question="?", datasets=["digits"], models=["mlp"], inits=["random"], recipes=["vanilla"], seeds=[0])


def page_of(tmp_path, models=("mlp",), figure: str | None = "ablation", ends=None, behind=()) -> str:
    """The page of a made-up study; further models have no runs, and some runs are in no table."""
    tables = made_up_study(as_in_the_paper)
    paths = Paths(tmp_path)
    runs = [Run(*keys) for keys in tables.runs[RUN_KEYS].itertuples(index=False)]
    for run in [*runs, *behind]:
        folder = paths.run(run)
        folder.mkdir(parents=True)
        record = {"python": "3.12", "versions": {"torch": "9.9"}, "precision": "bf16" if run.seed == 0 else "fp32"}
        record |= {"status": "max_epochs" if run in behind else "converged", "revision": None}
        (folder / "run.json").write_text(json.dumps(record | {"evaluated_on": "test", "device": "cpu"}))
    if figure:
        paths.figure(figure, "png").parent.mkdir()
        paths.figure(figure, "png").write_bytes(b"a picture")
    study = STUDY.model_copy(update={"models": list(models)})
    figures = {claim.number: "ablation" for claim in CLAIMS}
    settings = ClaimsSettings(studies={"study": study}, figures=figures, statistics=STATISTICS, root_seed=0)
    claims = evaluate_claims(CLAIMS, {"study": tables}, settings)
    known = {"facts": {"Root <seed>": "7"}, "ends": ends or {}}
    shown = OverviewSettings(figure=figure, studies=["ablation"], statistics=STATISTICS, **known)
    return overview_page(claims, {"ablation": tables}, shown, paths)


def words(page: str) -> str:
    """Return what a reader sees."""
    return " ".join(unescape(re.sub("<[^>]*>", " ", page)).split())


def test_the_answer_stands_first_with_effect_and_interval(tmp_path):
    page = page_of(tmp_path)
    answer = words(page[: page.index("<h2>Claims")])
    assert re.search(r"generalizes worse than from a random init\. supported \+(19|20)\.\d points \[\+1", answer)
    assert "By these data (digits, mlp):" in answer
    assert "data:image/png;base64,YSBwaWN0dXJl" in page


def test_every_measured_claim_has_a_row_with_a_link_to_its_figure_and_the_others_a_reason(tmp_path):
    page = page_of(tmp_path)
    assert page.count("figures/fig_ablation.png") == 2 + sum(claim.study == "study" for claim in CLAIMS)
    assert "6: no study of replication is configured (claims.replication)" in words(page)
    assert "7a, 7b, 7c: no toy is configured (toy)" in words(page)


def test_several_networks_share_a_row_that_counts_verdicts(tmp_path):
    text = words(page_of(tmp_path, models=("mlp", "vgg16")))
    # Two verdicts, and the effect of the one that was measured.
    assert re.search(r"vanilla; supported if above 1\.0 points supported 1 , not measured 1 \+(19|20)\.\d points", text)
    assert "By these data (digits, mlp; digits, vgg16):" in text


def test_provenance_counts_what_differs_and_names_what_does_not(tmp_path):
    page = page_of(tmp_path)
    text = words(page)
    assert "Runs 72: converged" in text
    assert "Precision fp32 (48); bf16 (24)" in text
    assert "Versions python 3.12, torch 9.9" in text
    assert "Code revision unknown" in text
    assert "Root &lt;seed&gt;" in page


def test_runs_behind_the_starts_of_others_are_counted_too(tmp_path):
    # As if the made-up adversarial start were where full-batch training ends.
    ends = {"adversarial": {"kind": "run", "start": "random", "recipe": "full_batch"}}
    behind = [Run("digits", "mlp", "random", "full_batch", seed) for seed in range(3)]
    text = words(page_of(tmp_path, ends=ends, behind=behind))
    assert "Runs 75 (of which 3 only to start others from): converged (72); max_epochs (3)" in text


def test_the_facts_name_what_stands_behind_a_start():
    change = {
        "inits": {"full_batch_end": {"kind": "run", "start": "random", "recipe": "full_batch"}},
        "recipes": {"full_batch": {"full_batch": True}, "spare": {"epochs": 3}},
        "studies": {"ablation": {"inits": ["random", "adversarial", "full_batch_end"]}},
    }
    settings = overview_settings(load_config(overlay(raw_config(), change)))
    assert "full_batch_end (kind run, start random, recipe full_batch)" in settings.facts["Initializations"]
    assert "full_batch (full batch yes)" in settings.facts["Recipes"]
    assert "spare" not in settings.facts["Recipes"]
    assert list(settings.ends) == ["full_batch_end"]


def test_without_a_figure_the_page_says_so(tmp_path):
    assert "No figure of the claims' study is configured." in page_of(tmp_path, figure=None)


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ({}, "ablation"),
        ({"ablation": None}, "curves"),
        ({"curves": None, "ablation": {"study": "scale"}, "mine": {"draw": "ablation", "study": "ablation"}}, "mine"),
    ],
)
def test_the_headline_is_the_ablation_of_the_claims_study_or_its_first_figure(figures, expected):
    assert headline_figure(load_config(overlay(raw_config(), {"figures": figures}))) == expected


def test_the_facts_name_settings_that_differ_from_the_defaults():
    facts = overview_settings(load_config(raw_config())).facts
    assert "adversarial (kind adversarial, replication 10, noise 0.1)" in facts["Initializations"]
    assert "vanilla (plain SGD); da (augmentation yes)" in facts["Recipes"]
    assert facts["Training"].startswith("350 epochs, batch size 128, learning rate 0.1, times 0.1 after [150, 250]")
