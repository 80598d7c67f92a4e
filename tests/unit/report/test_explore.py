"""The page to look closer at runs: every run is there, every measure can be chosen, nothing is loaded."""

from dataclasses import replace

import pandas as pd
import pytest

from badminima.analysis.measures import is_measure
from badminima.report.explore import accuracies, curves, explore_page, measured, plots_of
from tests.unit.study import INITS, RECIPES, made_up_study
from tests.workflow.browser import WIDTHS, in_chromium


@pytest.fixture(scope="module")
def tables():
    """A study of two networks."""
    one = made_up_study(lambda init, recipe: 0.9 - 0.1 * INITS.index(init))
    both = {
        name: pd.concat([table, table.assign(model="vgg16")], ignore_index=True)
        for name, table in (("runs", one.runs), ("histories", one.histories))
    }
    return replace(one, **both)


def test_a_point_is_a_run_and_says_which(tables):
    plot = accuracies(tables.runs)
    assert sum(len(trace.x) for trace in plot.data) == len(tables.runs)
    first = tables.runs.iloc[0]
    assert plot.data[0].x[0] == 100 * first["test_accuracy"]
    accuracy = f"<br>test accuracy (%): {100 * first['test_accuracy']:.2f}<br>"
    assert plot.data[0].text[0].startswith("random, vanilla, seed 0<br>")
    assert accuracy in plot.data[0].text[0]


def test_a_curve_is_a_run_and_the_menu_chooses_the_recipe(tables):
    plot = curves(tables.histories, "test accuracy (%)")
    assert len(plot.data) == len(tables.runs)
    buttons = plot.layout.updatemenus[0].buttons
    assert len(buttons) == len(RECIPES)
    runs_of_a_recipe = len(tables.runs) // len(RECIPES)
    for button in buttons:
        change = button.args[0]
        assert sum(change["visible"]) == runs_of_a_recipe
        assert sum(change["showlegend"]) == len(INITS)


def test_every_measure_can_be_chosen_and_missing_values_are_left_out(tables):
    plot = plots_of(tables)["What was measured"]
    buttons = {button.label: button.args[0]["x"] for button in plot.layout.updatemenus[0].buttons}
    assert len(buttons) == sum(is_measure(name) for name in tables.runs)
    values = next(values for label, values in buttons.items() if any(None in trace for trace in values))
    of_random = [trace for trace, points in zip(values, plot.data, strict=True) if points.name == "random"]
    assert all(value is None for trace in of_random for value in trace)


def test_accuracies_are_named_after_their_split_and_inits_of_the_users_own_look_different(tables):
    own = {init: f"own_{init}" for init in INITS}
    runs = tables.runs.assign(evaluated_on="validation").replace(own)
    for plot in plots_of(replace(tables, runs=runs, histories=tables.histories.replace(own))).values():
        titles = {axis.title.text for axis in (*plot.select_xaxes(), *plot.select_yaxes())}
        assert "validation accuracy (%)" in titles
        colours = {trace.name: (trace.marker.color or trace.line.color) for trace in plot.data}
        assert len(set(colours.values())) == len(INITS)


@pytest.mark.parametrize("models", [1, 5])
def test_many_networks_have_panels_in_several_rows(tables, models):
    one = tables.runs[tables.runs["model"] == "mlp"]
    many = pd.concat([one.assign(model=f"net{number}") for number in range(models)])
    for plot in (accuracies(many), measured(many, ["distance.relative"])):
        assert len(list(plot.select_xaxes())) == models
        assert sum(trace.showlegend for trace in plot.data) == len(INITS)
        assert all(axis.domain[1] - axis.domain[0] > 0.2 for axis in plot.select_xaxes())
    change = plot.layout.updatemenus[0].buttons[0].args[1]
    assert len(change) == models


def test_runs_that_cannot_be_drawn_are_counted_and_questions_are_text(tables):
    runs = tables.runs.copy()
    runs.loc[:1, "test_accuracy"] = float("nan")
    assert "which are not drawn: 2." in explore_page({"ablation": replace(tables, runs=runs)}, {})
    html = explore_page({"ablation": tables}, {"ablation": "Is <script> text?"})
    assert "not drawn" not in html
    assert "Is &lt;script&gt; text?" in html
    assert "default-src 'none'" in html


def test_the_page_draws_in_a_browser(tables, tmp_path):
    page = tmp_path / "explore.html"
    page.write_text(explore_page({"ablation": tables}, {}))
    seen = in_chromium(page, tmp_path)
    assert seen["console"] == []
    for width in WIDTHS:
        assert seen[width]["wide"] <= width
        assert all(title in seen[width]["text"] for title in plots_of(tables))
    assert "adversarial" in seen[1400]["text"]
