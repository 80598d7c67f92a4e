"""The report's first page: its answer, its links, and what it says of data that decide nothing."""

import json
import re
from html import unescape

import pytest

from badminima.analysis.claims import evaluate_claims
from badminima.analysis.overview import overview_page
from badminima.claims import CLAIMS
from badminima.claims.overview import OverviewSettings, headline_figure, overview_settings
from badminima.claims.settings import ClaimsSettings
from badminima.config import StudyConfig
from badminima.loading import load_config
from badminima.runs import Paths, Run
from tests.unit.study import STATISTICS, made_up_study
from tests.unit.test_claims import as_in_the_paper
from tests.unit.test_config import overlay, raw_config

STUDY = StudyConfig(question="?", datasets=["digits"], models=["mlp"], inits=["random"], recipes=["vanilla"], seeds=[0])


def page_of(tmp_path, models=("mlp",), figure: str | None = "ablation") -> str:
    """The page of a made-up study; further models have no runs."""
    tables = made_up_study(as_in_the_paper)
    paths = Paths(tmp_path)
    for keys in tables.runs[["dataset", "model", "init", "recipe", "seed"]].itertuples(index=False):
        folder = paths.run(Run(*keys))
        folder.mkdir(parents=True)
        record = {"python": "3.12", "versions": {"torch": "9.9"}, "precision": "fp32" if keys.seed else "bf16"}
        (folder / "run.json").write_text(json.dumps(record))
    if figure:
        paths.figure(figure, "png").parent.mkdir()
        paths.figure(figure, "png").write_bytes(b"a picture")
    study = STUDY.model_copy(update={"models": list(models)})
    figures = {claim.number: "ablation" for claim in CLAIMS}
    settings = ClaimsSettings(studies={"study": study}, figures=figures, statistics=STATISTICS, root_seed=0)
    claims = evaluate_claims(CLAIMS, {"study": tables}, settings)
    shown = OverviewSettings(figure=figure, studies=["ablation"], facts={"Root <seed>": "7"}, statistics=STATISTICS)
    return overview_page(claims, {"ablation": tables}, shown, paths)


def words(page: str) -> str:
    """What a reader sees."""
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
    assert "Root &lt;seed&gt;" in page


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
