"""Figures show what their table says, and open."""

import math
from dataclasses import replace
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from badminima.analysis.gaps import gaps_table
from badminima.analysis.tables import summarize_cells
from badminima.config.doses import Doses
from badminima.config.registry import FIGURES
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import draw_figure, write_drawing
from badminima.report.figures.style import COLOURS, look_of_inits, recipe_label
from tests.unit.study import INITS, RECIPES, STATISTICS, made_up_study

# Figures of whole studies and of chosen runs are not asked for recipes.
OF_CELLS = [
    name for name, entry in FIGURES.entries.items() if not entry.whole_study and name not in ("landscape", "escape")
]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def tables():
    return made_up_study(lambda init, recipe: 0.9 - 0.1 * INITS.index(init))


# As if momentum were what some recipes differ in.
OVER_RECIPES = Doses(over="momentum", axis="recipes", series=[{"vanilla": 0.0, "m": 0.5, "da": 0.9}])
OVER_INITS = Doses(over="replication", axis="inits", series=[{"adversarial": 1.0, "random_rescaled": 10.0}])


def settings(figure: str, recipes=RECIPES, inits=INITS, doses=OVER_RECIPES) -> FigureSettings:
    return FigureSettings(kind=figure, recipes=recipes, inits=inits, doses=doses if figure == "response" else None)


def in_panel(axes, points) -> list[tuple[float, float]]:
    """Where a line's points are drawn, as fractions of its panel."""
    return [
        tuple(place)
        for place in axes.transAxes.inverted().transform(points.get_transform().transform(points.get_xydata()))
    ]


@pytest.mark.parametrize("figure", FIGURES.names)
def test_every_figure_is_written_as_files_that_open_and_the_same_tables_give_the_same_bytes(tables, tmp_path, figure):
    for copy in ("a", "b"):
        paths = [tmp_path / f"{copy}.{extension}" for extension in ("pdf", "png", "svg", "csv")]
        write_drawing(draw_figure(tables, settings(figure)), *paths)
    assert paths[0].read_bytes().startswith(b"%PDF")
    with Image.open(paths[1]) as image:
        image.verify()
        assert image.width >= 600
    assert len(pd.read_csv(paths[3])) > 0
    for extension in ("pdf", "png", "svg", "csv"):
        assert (tmp_path / f"a.{extension}").read_bytes() == (tmp_path / f"b.{extension}").read_bytes()


@pytest.mark.parametrize(
    "figure",
    [name for name in FIGURES.names if not FIGURES.entry(name).whole_study and name not in ("landscape", "escape")],
)
def test_a_figure_shows_the_recipes_and_inits_it_was_asked_for(tables, figure):
    shown = draw_figure(tables, settings(figure, ["vanilla", "da"], ["random"])).shown
    assert set(shown["recipe"].dropna()) == {"vanilla", "da"}
    assert set(shown["init"]) == {"random"}


def test_the_ablation_has_a_row_per_recipe_and_a_point_per_seed(tables):
    drawing = draw_figure(tables, settings("ablation"))
    axes = drawing.figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [recipe_label(recipe) for recipe in RECIPES]
    seeds = drawing.shown[drawing.shown["kind"] == "seed"]
    assert sum(len(points.get_offsets()) for points in axes.collections if len(points.get_offsets()) > 1) >= len(seeds)
    means = drawing.shown[drawing.shown["kind"] == "mean"]
    assert len(means) == len(RECIPES) * len(INITS)
    assert (means["low"] <= means["value"]).all()
    assert (means["value"] <= means["high"]).all()


def test_the_legend_of_the_ablation_fits_the_column(tables):
    figure = draw_figure(tables, settings("ablation")).figure
    figure.canvas.draw()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1


def test_colours_of_the_inits_are_apart_in_greyscale():
    greys = sorted(0.299 * r + 0.587 * g + 0.114 * b for r, g, b in map(plt.matplotlib.colors.to_rgb, COLOURS.values()))
    assert min(b - a for a, b in pairwise(greys)) > 0.15


def test_inits_of_the_users_own_get_looks_of_their_own():
    looks = look_of_inits(["random", "mine", "yours"])
    assert len(set(looks.values())) == 3


@pytest.mark.parametrize("figure", FIGURES.names)
def test_a_diverged_run_spoils_no_figure(tables, figure):
    runs = tables.runs.copy()
    diverged = (runs["init"] == "adversarial") & (runs["recipe"] == "m") & (runs["seed"] == 1)
    runs.loc[diverged, "status"] = "diverged"
    runs.loc[diverged, [name for name in runs if name.startswith(("distance", "norm"))]] = None
    spoilt = replace(tables, runs=runs)
    spoilt = replace(spoilt, cells=summarize_cells(spoilt, STATISTICS, root_seed=0))
    draw_figure(spoilt, settings(figure)).figure.canvas.draw()
    cell = spoilt.cells.query("init == 'adversarial' and recipe == 'm' and statistic == 'distance.total'")
    assert cell[["mean", "low", "high"]].isna().all(axis=None)


@pytest.mark.parametrize("figure", [name for name in FIGURES.names if name not in ("curves", "ablation", "response")])
def test_a_figure_of_which_nothing_was_measured_says_so_and_stops_nothing(tables, tmp_path, figure):
    kept = [name for name in tables.runs if "." not in name]
    bare = replace(
        tables,
        runs=tables.runs[kept],
        cells=tables.cells[~tables.cells["statistic"].str.contains(".", regex=False)],
        measures=tables.measures.assign(tau=float("nan")),
        landscapes=tables.landscapes[:0],
        layers=tables.layers[:0],
        gaps=tables.gaps[:0],
        histories=tables.histories[[name for name in tables.histories if "." not in name]],
        pretraining_histories=tables.pretraining_histories[:0],
    )
    drawing = draw_figure(bare, settings(figure))
    assert drawing.figure.texts
    write_drawing(drawing, *(tmp_path / f"f.{extension}" for extension in ("pdf", "png", "svg", "csv")))


def test_a_landscape_with_points_that_overflow_is_drawn_without_them(tables):
    landscapes = tables.landscapes.copy()
    landscapes.loc[landscapes["kind"] == "plane", "train_loss"] = [float("nan")] * 3 + [1.0] * 20 + [0.5]
    assert draw_figure(replace(tables, landscapes=landscapes), settings("landscape")).figure.axes


def lines_by_colour(axes) -> dict[str, "plt.Line2D"]:
    """The lines of means, by colour."""
    return {line.get_color(): line for line in axes.lines if line.get_marker() not in ("None", None, "_", "|")}


def test_a_response_over_recipes_has_a_line_of_means_per_init_at_the_values(tables):
    drawing = draw_figure(tables, settings("response", inits=["random", "adversarial"]))
    references, axes = drawing.figure.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "0.5", "0.9"]
    assert axes.get_xlabel() == "momentum"
    means = drawing.shown[drawing.shown["kind"] == "mean"].set_index(["init", "recipe"])["value"]
    line = lines_by_colour(axes)[COLOURS["adversarial"]]
    assert line.get_xdata().tolist() == [0.0, 0.5, 0.9]
    expected = [100 * means["adversarial", recipe] for recipe in ("vanilla", "m", "da")]
    assert line.get_ydata().tolist() == pytest.approx(expected)
    assert line.get_linestyle() == "-"
    # What stands nowhere along the setting is at the left, unconnected.
    assert [label.get_text() for label in references.get_xticklabels()] == [
        recipe_label(recipe) for recipe in RECIPES if recipe not in ("vanilla", "m", "da")
    ]
    assert {line.get_linestyle() for line in lines_by_colour(references).values()} == {"None"}


def test_a_response_over_inits_has_a_line_per_recipe(tables):
    drawing = draw_figure(tables, settings("response", recipes=["vanilla", "da"], doses=OVER_INITS))
    references, axes = drawing.figure.axes
    assert axes.get_xscale() == "log"
    assert len(lines_by_colour(axes)) == 2
    assert [label.get_text() for label in references.get_xticklabels()] == ["random"]
    positions = drawing.shown.groupby("init")["position"].first()
    assert positions["adversarial"] == 1
    assert positions["random_rescaled"] == 10
    assert pd.isna(positions["random"])


@pytest.mark.parametrize("values", [(0.0, 0.01, 1.0), (0.0, 0.5), (1.0, 100.0), (2.0, 3.0)])
def test_every_value_of_a_response_is_in_sight_with_its_seeds_and_intervals(tables, values):
    doses = Doses(over="x", axis="recipes", series=[dict(zip(RECIPES, values, strict=False))])
    figure = draw_figure(tables, settings("response", doses=doses)).figure
    figure.canvas.draw()
    axes = figure.axes[-1]
    assert [label.get_text() for label in axes.get_xticklabels()] == [f"{value:g}" for value in values]
    for points in lines_by_colour(axes).values():
        places = in_panel(axes, points)
        assert all(0 < x < 1 and 0 < y < 1 for x, y in places)
        # Neighbours stand apart, whatever the scale.
        assert all(after[0] - before[0] > 0.1 for before, after in pairwise(places))


def test_values_whose_names_would_run_into_each_other_are_evenly_spaced_and_the_axis_says_so(tables):
    doses = Doses(over="x", axis="recipes", series=[dict(zip(RECIPES, (0.0, 0.5, 0.9, 0.95, 0.99), strict=False))])
    figure = draw_figure(tables, settings("response", doses=doses)).figure
    figure.canvas.draw()
    axes = figure.axes[-1]
    assert axes.get_xlabel() == "x (not to scale)"
    for points in lines_by_colour(axes).values():
        places = [x for x, _ in in_panel(axes, points)]
        assert [after - before for before, after in pairwise(places)] == pytest.approx([0.2] * 4)
    labels = [label.get_window_extent() for label in axes.get_xticklabels()]
    assert all(before.x1 < after.x0 for before, after in pairwise(labels))


def test_a_response_without_anything_to_compare_with_is_one_panel(tables):
    doses = Doses(over="x", axis="recipes", series=[{"vanilla": 0.0, "da": 1.0}])
    figure = draw_figure(tables, settings("response", recipes=["vanilla", "da"], doses=doses)).figure
    assert len(figure.axes) == 1


def test_a_response_says_how_many_runs_of_a_cell_diverged(tables):
    runs = tables.runs.copy()
    runs.loc[runs.query("init == 'adversarial' and recipe == 'm' and seed == 1").index, "status"] = "diverged"
    spoilt = replace(tables, runs=runs)
    spoilt = replace(spoilt, cells=summarize_cells(spoilt, STATISTICS, root_seed=0))
    axes = draw_figure(spoilt, settings("response")).figure.axes[-1]
    assert [text.get_text() for text in axes.texts] == ["1/3 diverged"]


@pytest.fixture(scope="module")
def escapes():
    """Vanilla loses 20 points from adversarial weights, nothing from rescaled ones; m wins half of it, da all."""
    lost = {"vanilla": 0.2, "m": 0.1}
    return made_up_study(lambda init, recipe: 0.9 - (lost.get(recipe, 0) if init == "adversarial" else 0))


def test_recipes_are_ranked_by_the_share_of_the_gap_that_they_close(escapes):
    figure = draw_figure(escapes, settings("escape", recipes=["vanilla", "m", "da"], inits=["random", "adversarial"]))
    axes = figure.figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["DA", "M"]
    assert figure.shown.set_index("recipe")["mean"].to_dict() == pytest.approx({"m": 0.5, "da": 1.0}, abs=0.02)
    left, right = axes.get_xlim()
    assert left < 0
    assert right > 1


def without(tables, *diverged: tuple[str, str, int]):
    """The same study, had some runs (init, recipe, seed) diverged."""
    runs = tables.runs.copy()
    runs.loc[runs.set_index(["init", "recipe", "seed"]).index.isin(diverged), "status"] = "diverged"
    spoilt = replace(tables, runs=runs, gaps=gaps_table(runs, tables.correct_of, STATISTICS, root_seed=0))
    return replace(spoilt, cells=summarize_cells(spoilt, STATISTICS, root_seed=0))


def escape(tables, inits=("random", "adversarial")) -> tuple[list[str], dict[str, str], list[str]]:
    """Read what fig_escape says: the recipes from top to bottom, the words in their rows, the notes below."""
    drawing = draw_figure(tables, settings("escape", recipes=["vanilla", "m", "da"], inits=list(inits)))
    axes = drawing.figure.axes[0]
    rows = [label.get_text() for label in axes.get_yticklabels()]
    words = {rows[round(text.get_position()[1])]: text.get_text() for text in axes.texts}
    return rows, words, axes.get_xlabel().splitlines()[1:]


def test_an_init_that_costs_nothing_has_no_gap_to_close_and_the_figure_says_so(escapes):
    assert escape(escapes, INITS) == (["DA", "M"], {}, ["random rescaled: no gap to close"])
    assert escape(escapes, ["random", "random_rescaled"])[1:] == ({}, ["random rescaled: no gap to close"])


def test_a_recipe_whose_runs_all_diverged_keeps_its_row(escapes):
    spoilt = without(escapes, *(("adversarial", "da", seed) for seed in range(3)))
    assert escape(spoilt) == (["M", "DA"], {"DA": "3 of 3 diverged"}, [])


def test_a_lucky_seed_is_drawn_hollow_and_not_ranked(escapes):
    spoilt = without(escapes, ("adversarial", "da", 0), ("adversarial", "da", 1))
    assert escape(spoilt) == (["M", "DA"], {"DA": "2 of 3 diverged"}, [])
    drawing = draw_figure(spoilt, settings("escape", recipes=["vanilla", "m", "da"], inits=["adversarial"]))
    faces = {line.get_ydata()[0]: line.get_markerfacecolor() for line in drawing.figure.axes[0].lines[:2]}
    assert faces == {0: COLOURS["adversarial"], 1: "white"}
    assert drawing.shown.set_index("recipe")["diverged"].to_dict() == {"m": 0, "da": 2}


def test_a_row_whose_interval_is_unbounded_says_so(escapes):
    gaps = without(escapes, ("adversarial", "da", 0)).gaps
    gaps.loc[(gaps["recipe"] == "da") & (gaps["difference"] == "closed"), ["low", "high"]] = -math.inf, math.inf
    spoilt = replace(without(escapes, ("adversarial", "da", 0)), gaps=gaps)
    assert escape(spoilt) == (["M", "DA"], {"DA": "1 of 3 diverged, interval unbounded"}, [])


@pytest.mark.parametrize("init", ["random", "adversarial"])
def test_diverged_runs_of_vanilla_are_told_from_those_of_recipes(escapes, init):
    rows, words, notes = escape(without(escapes, (init, "vanilla", 0)))
    assert (rows, words) == (["DA", "M"], {})
    assert notes == [f"vanilla from {init}: 1 of 3 diverged"]


def test_an_init_all_of_whose_vanilla_runs_diverged_is_named(escapes):
    lost = without(escapes, *(("adversarial", "vanilla", seed) for seed in range(3)))
    notes = escape(lost, INITS)[2]
    assert notes == ["random rescaled: no gap to close", "vanilla from adversarial: 3 of 3 diverged"]


def test_a_share_out_of_sight_is_a_number_beside_an_arrow():
    found = {"vanilla": 0.8, "m": 0.3, "da": 0.9}
    tables = made_up_study(lambda init, recipe: found[recipe] if init == "adversarial" else 0.9, recipes=list(found))
    rows, words, _ = escape(tables)
    assert rows == ["DA", "M"]
    arrow, number = words["M"].split()
    assert arrow == "\N{LEFTWARDS ARROW}"
    assert float(number.replace("\N{MINUS SIGN}", "-")) == pytest.approx(-5, abs=0.5)


def test_label_noise_has_a_row_per_init_and_shows_medians_ranges_and_the_ends_rank_correlation(tables):
    drawing = draw_figure(tables, settings("label_noise", ["vanilla", "da"], ["random", "adversarial"]))
    assert len(drawing.figure.axes) == 2 * 5
    fits = drawing.shown.query("kind == 'curve' and statistic == 'train_accuracy' and epoch == 10")
    assert set(fits["value"]) == {100}
    curves = drawing.shown[drawing.shown["kind"] == "curve"]
    expected = tables.histories.query("init == 'random' and recipe == 'da' and epoch == 10")["test_accuracy"] * 100
    row = curves.query("init == 'random' and recipe == 'da' and epoch == 10 and statistic == 'test_accuracy'").iloc[0]
    assert (row["value"], row["low"], row["high"], row["seeds"]) == pytest.approx(
        (expected.median(), expected.min(), expected.max(), 3)
    )
    # The made-up covariance falls as accuracy rises, without exception.
    points = drawing.shown[drawing.shown["kind"] == "point"]
    assert (points["tau"] == -1).all()
    assert (points["runs"] == 2 * 3).all()
    assert len(points) == 2 * 2 * 3 * 3
    traces = [drawing.figure.axes[place] for place in (1, 2, 6, 7)]
    assert {axes.get_yscale() for axes in traces} == {"log"}
    # Where label noise rests the two traces are one number, so they share a scale.
    assert len({axes.get_ylim() for axes in traces}) == 1
    for values in (points["trace.hessian"], points["trace.noise_covariance"]):
        assert traces[0].get_ylim()[0] < values.min() <= values.max() < traces[0].get_ylim()[1]


def test_a_trace_that_is_missing_takes_no_accuracy_with_it_and_moves_no_end(tables):
    histories = tables.histories.copy()
    last = (histories["seed"] == 0) & (histories["epoch"] == 10)
    histories.loc[last, ["trace.hessian", "trace.noise_covariance"]] = None
    shown = draw_figure(replace(tables, histories=histories), settings("label_noise", ["vanilla"], ["random"])).shown
    seeds = shown.query("kind == 'curve' and epoch == 10").set_index("statistic")["seeds"]
    assert seeds.to_dict() == {
        **dict.fromkeys(("test_accuracy", "train_accuracy"), 3),
        **dict.fromkeys(("trace.hessian", "trace.noise_covariance"), 2),
    }
    points = shown[shown["kind"] == "point"]
    assert (points["runs"] == 2).all()
    assert set(points.loc[points["end"].astype(bool), "epoch"]) == {10}


def test_label_noise_leaves_out_what_diverged(tables):
    runs = tables.runs.copy()
    runs.loc[(runs["recipe"] == "vanilla") & (runs["seed"] == 1), "status"] = "diverged"
    shown = draw_figure(replace(tables, runs=runs), settings("label_noise", ["vanilla"], ["random"])).shown
    assert set(shown.loc[shown["kind"] == "point", "seed"]) == {0, 2}
    assert set(shown.loc[shown["kind"] == "curve", "seeds"]) == {2}


def test_a_pretraining_that_has_ended_stays_where_it_ended(tables):
    drawing = draw_figure(tables, settings("memorisation"))
    assert [line.get_label() for line in drawing.figure.axes[0].lines] == ["adversarial", "adversarial half"]
    wrong = drawing.shown.query("init == 'adversarial' and statistic == 'labels.wrong'").set_index("epoch")
    assert wrong["value"].to_dict() == {0: 0, 5: 37.5, 10: 75, 15: 87.5, 20: 100}
    assert wrong["low"].to_dict() == {0: 0, 5: 25, 10: 50, 15: 75, 20: 100}
    assert wrong["high"].to_dict() == {0: 0, 5: 50, 10: 100, 15: 100, 20: 100}
    assert (wrong["seeds"] == 2).all()


def test_distances_are_on_a_logarithmic_axis_with_geometric_means_and_intervals_above_zero(tables):
    drawing = draw_figure(tables, settings("distance"))
    assert [axes.get_xscale() for axes in drawing.figure.axes[:3]] == ["log", "linear", "log"]
    shown = drawing.shown.query("init == 'random' and recipe == 'vanilla' and statistic == 'distance.relative'")
    seeds, mean = shown.loc[shown["kind"] == "seed", "value"], shown[shown["kind"] == "mean"].iloc[0]
    assert mean["value"] == pytest.approx(math.prod(seeds) ** (1 / 3))
    logs = np.log(seeds)
    assert math.log(mean["high"] / mean["value"]) == pytest.approx(4.302653 * logs.std() / math.sqrt(3))
    assert mean["low"] > 0


def test_a_cell_with_a_seed_that_a_logarithmic_axis_cannot_show_says_so(tables):
    runs = tables.runs.copy()
    place = runs.query("init == 'random' and recipe == 'da' and seed == 1").index
    runs.loc[place, "sharpness.trace"] = -1.0
    runs.loc[runs["init"] != "random", "sharpness.trace"] = 2.0
    drawing = draw_figure(replace(tables, runs=runs), settings("sharpness", ["da"], ["random"]))
    assert "of 3 not above 0" in drawing.figure.axes[0].texts[0].get_text()
    assert drawing.shown.query("kind == 'mean' and statistic == 'sharpness.trace'")["value"].isna().all()


def test_no_mean_hides_a_seed(tables):
    axes = draw_figure(tables, settings("ablation")).figure.axes[0]
    seeds = {
        round(y, 3) for points in axes.collections for _, y in points.get_offsets() if len(points.get_offsets()) > 1
    }
    means = {round(y, 3) for line in lines_by_colour(axes).values() for y in line.get_ydata()}
    assert seeds
    assert means
    assert not seeds & means


def words_below(figure) -> str:
    return figure.get_supxlabel()


def test_a_figure_says_what_its_marks_are_and_when_there_is_one_seed(tables):
    assert words_below(draw_figure(tables, settings("ablation")).figure).startswith("circle: seed")
    one = made_up_study(lambda init, recipe: 0.9, seeds=1, recipes=["vanilla"], inits=["random"])
    drawing = draw_figure(one, settings("ablation", ["vanilla"], ["random"]))
    assert words_below(drawing.figure) == "one seed, which says nothing of others\nbars: noise of the images alone"
    mean = drawing.shown[drawing.shown["kind"] == "mean"].iloc[0]
    # Of 2,000 images at 90%: 1.96 * sqrt(.9 * .1 / 2000).
    assert mean["high"] - mean["low"] == pytest.approx(2 * 0.0131, rel=0.05)
    memory = draw_figure(one, settings("memory", ["vanilla"], ["random"]))
    assert words_below(memory.figure) == "one seed, which says nothing of others\nno intervals"


def test_standard_errors_of_stochastic_numbers_are_drawn(tables):
    runs = tables.runs.assign(**{"sharpness.trace_se": 0.5})
    shown = draw_figure(replace(tables, runs=runs), settings("sharpness")).shown
    errors = shown[shown["kind"] == "seed"].groupby("statistic")["se"].agg(["min", "max"])
    assert errors.loc["sharpness.trace"].tolist() == [0.5, 0.5]
    assert errors.loc["sharpness.asam"].isna().all()


def test_curves_show_the_start_and_where_the_rate_drops(tables):
    axes = draw_figure(tables, settings("curves")).figure.axes[0]
    low, high = axes.get_ylim()
    assert low <= 0 <= 100 <= high
    dotted = [line for line in axes.lines if line.get_linestyle() != "-" and len(set(line.get_xdata())) == 1]
    assert [line.get_xdata()[0] for line in dotted] == [5]


def test_landscapes_have_one_scale_for_distances_and_one_for_the_loss(tables):
    other = tables.landscapes.assign(recipe="da", train_loss=tables.landscapes["train_loss"] * 7)
    both = replace(tables, landscapes=pd.concat([tables.landscapes, other]))
    figure = draw_figure(both, settings("landscape")).figure
    planes = [axes for axes in figure.axes if axes.collections and axes.get_aspect() == 1]
    assert len(planes) == 2
    assert planes[0].get_xlim() == planes[1].get_xlim()
    assert planes[0].collections[0].norm.vmax == planes[1].collections[0].norm.vmax
    assert "one seed" in words_below(figure)


def test_valleys_of_all_recipes_have_one_scale_and_lines_are_means_over_seeds_and_directions(tables):
    drawing = draw_figure(tables, settings("filter_landscape"))
    panels = [axes for axes in drawing.figure.axes if axes.get_yscale() == "log"]
    assert len(panels) == len(RECIPES)
    assert len({axes.get_ylim() for axes in panels}) == 1
    edge = drawing.shown.query("t == 1 and statistic == 'filter_landscape.loss'")
    assert edge["mean"].tolist() == pytest.approx([(0.1 * 1.0) ** 0.5] * len(edge))
    assert set(edge["low"].round(9)) == {0.1}
    assert set(edge["high"].round(9)) == {1.0}
    assert set(edge["lines"]) == {6}


def test_a_point_of_a_valley_where_one_line_overflows_is_not_drawn(tables):
    gone = tables.layers.query("tensor == '2:1' and seed == 0").index
    shown = draw_figure(replace(tables, layers=tables.layers.drop(gone)), settings("filter_landscape")).shown
    assert sorted(set(shown["t"])) == [-1, -0.5, 0, 0.5]


def test_an_interval_that_goes_on_ends_in_an_arrow(escapes):
    gaps = escapes.gaps.copy()
    gaps.loc[(gaps["recipe"] == "m") & (gaps["difference"] == "closed"), "high"] = 5.0
    axes = draw_figure(
        replace(escapes, gaps=gaps), settings("escape", ["vanilla", "m", "da"], ["adversarial"])
    ).figure.axes[0]
    arrows = [line for line in axes.lines if line.get_marker() in ("<", ">")]
    assert [(line.get_marker(), line.get_xdata()[0] == axes.get_xlim()[1]) for line in arrows] == [(">", True)]


def test_measures_stand_in_groups_with_readable_names(tables):
    figure = draw_figure(tables, settings("measures")).figure
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names[0] == "distance"
    assert "path norm / margin² (log)" in names
    assert not [name for name in names if "." in name.split(" ")[0]]
    assert figure.get_figheight() < 10


def test_measures_of_several_networks_fit_a_page_as_colours(tables):
    several = pd.concat([tables.measures.assign(model=f"model{place}") for place in range(16)])
    drawing = draw_figure(replace(tables, measures=several), settings("measures"))
    assert drawing.figure.get_figheight() < 10
    assert len(drawing.figure.axes[0].images[0].get_array()[0]) == 16


def test_the_scatter_has_a_point_for_every_run_that_fits(tables):
    runs = tables.runs.copy()
    runs.loc[runs.query("init == 'random' and recipe == 'm'").index, "train_accuracy"] = 0.9
    shown = draw_figure(replace(tables, runs=runs), settings("scatter")).shown
    assert len(shown) == len(runs) - 3
    assert (shown["gap"] > 0).all()


def test_a_pretraining_has_a_line_for_every_seed_that_ends_where_it_ended(tables):
    axes = draw_figure(tables, settings("pretraining")).figure.axes[0]
    lines = [line for line in axes.lines if line.get_linestyle() == "-" and len(line.get_xdata()) > 1]
    assert sorted(max(line.get_xdata()) for line in lines) == [10, 10, 20, 20]
    assert {line.get_ydata()[-1] for line in lines} == {100}


@pytest.mark.parametrize(
    ("recipe", "label"),
    [
        ("da+m+l2", "DA + M + L2"),
        ("m_x0.1", "M x0.1"),
        ("vanilla_lr0.1", "vanilla, rate 0.1"),
        ("lr_x3", "rate x3"),
        ("da+m_lr0.1", "DA + M, rate 0.1"),
        ("label_noise_x4_batch_x4", "label noise x4 batch x4"),
    ],
)
def test_recipes_are_named_in_words(recipe, label):
    assert recipe_label(recipe) == label


def test_lines_say_what_they_are_and_when_there_is_one_seed(tables):
    expected = {"curves": "line: mean of 3 seeds", "robustness": "line: mean of 3", "label_noise": "line: median of 3"}
    for figure, words in expected.items():
        assert words_below(draw_figure(tables, settings(figure, ["vanilla"], ["random"])).figure).startswith(words)
    one = made_up_study(lambda init, recipe: 0.9, seeds=1, recipes=["vanilla"], inits=["random"])
    assert words_below(draw_figure(one, settings("curves", ["vanilla"], ["random"])).figure).startswith("one seed")


def test_a_reliability_diagram_pools_the_answers_of_all_seeds(tables):
    drawing = draw_figure(tables, settings("calibration"))
    bins = drawing.shown.query("kind == 'reliability'")
    assert set(bins["recipe"]) == {RECIPES[0], RECIPES[-1]}
    assert (bins["confidence"] - bins["accuracy"]).tolist() == pytest.approx([10] * len(bins))
    assert bins["share"].tolist() == [50] * len(bins)
    # A seed with ten times the answers in a bin counts ten times.
    layers = tables.layers.copy()
    of_seed = (layers["seed"] == 0) & (layers["tensor"] == "1.0")
    layers.loc[of_seed & (layers["statistic"] == "calibration.share"), "value"] = 5.0
    layers.loc[of_seed & (layers["statistic"] == "calibration.accuracy"), "value"] = 0.25
    bins = draw_figure(replace(tables, layers=layers), settings("calibration")).shown.query("bin == 1.0")
    assert bins["accuracy"].tolist() == pytest.approx([100 * (5 * 0.25 + 2 * 0.5 * 0.85) / 6] * len(bins))


def test_the_mechanism_has_a_panel_for_each_candidate_and_says_what_holds(tables):
    drawing = draw_figure(tables, settings("mechanism", inits=["adversarial"]))
    shown = [axes for axes in drawing.figure.axes if axes.get_visible()]
    labels = [axes.get_ylabel() for axes in shown]
    assert labels == [
        "test accuracy (%)",
        *("gradient coherence", "norm of the weights", "rate over squared norm", "trace of the Hessian"),
    ]
    verdicts = drawing.shown.query("kind == 'verdict'")
    assert set(verdicts["measure"]) == {"gradients.coherence", "norm.end", "effective_rate", "trace.hessian"}
    assert not verdicts["tells"].astype(bool).any()
    curves = drawing.shown.query("kind == 'curve' and measure == 'norm.end' and recipe == 'vanilla'")
    assert curves["epoch"].tolist() == [0, 5, 10]
