"""Figures show what their table says, and open."""

from dataclasses import replace
from itertools import pairwise

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from PIL import Image

from badminima.analysis.tables import summarize_cells
from badminima.figures import draw_figure, write_drawing
from badminima.figures.style import COLOURS, look_of_inits, recipe_label
from badminima.registry import FIGURES
from badminima.settings import FigureSettings
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


def settings(figure: str, recipes=RECIPES, inits=INITS) -> FigureSettings:
    return FigureSettings(draw=figure, recipes=recipes, inits=inits)


@pytest.mark.parametrize("figure", FIGURES.names)
def test_every_figure_is_written_as_pdf_png_and_csv_that_open(tables, tmp_path, figure):
    paths = [tmp_path / f"fig.{extension}" for extension in ("pdf", "png", "csv")]
    write_drawing(draw_figure(tables, settings(figure)), *paths)
    assert paths[0].read_bytes().startswith(b"%PDF")
    with Image.open(paths[1]) as image:
        image.verify()
        assert image.width >= 600
    assert len(pd.read_csv(paths[2])) > 0


@pytest.mark.parametrize("figure", FIGURES.names)
def test_the_same_tables_give_the_same_bytes(tables, tmp_path, figure):
    for copy in ("a", "b"):
        paths = [tmp_path / f"{copy}.{extension}" for extension in ("pdf", "png", "csv")]
        write_drawing(draw_figure(tables, settings(figure)), *paths)
    for extension in ("pdf", "png", "csv"):
        assert (tmp_path / f"a.{extension}").read_bytes() == (tmp_path / f"b.{extension}").read_bytes()


@pytest.mark.parametrize(
    "figure",
    [name for name in FIGURES.names if not FIGURES.entry(name).whole_study and name not in ("landscape", "escape")],
)
def test_a_figure_shows_the_recipes_and_inits_it_was_asked_for(tables, figure):
    shown = draw_figure(tables, settings(figure, ["vanilla", "da"], ["random"])).shown
    assert set(shown["recipe"]) == {"vanilla", "da"}
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
def test_a_diverged_run_spoils_no_figure(tables, tmp_path, figure):
    runs = tables.runs.copy()
    diverged = (runs["init"] == "adversarial") & (runs["recipe"] == "m") & (runs["seed"] == 1)
    runs.loc[diverged, "status"] = "diverged"
    runs.loc[diverged, [name for name in runs if name.startswith(("distance", "norm"))]] = None
    spoilt = replace(tables, runs=runs)
    spoilt = replace(spoilt, cells=summarize_cells(spoilt, STATISTICS, root_seed=0))
    paths = [tmp_path / f"fig.{extension}" for extension in ("pdf", "png", "csv")]
    write_drawing(draw_figure(spoilt, settings(figure)), *paths)
    assert all(path.stat().st_size > 0 for path in paths)
    cell = spoilt.cells.query("init == 'adversarial' and recipe == 'm' and statistic == 'distance.total'")
    assert cell[["mean", "low", "high"]].isna().all(axis=None)


@pytest.mark.parametrize("figure", [name for name in FIGURES.names if name not in ("curves", "ablation")])
def test_a_figure_of_which_nothing_was_measured_says_so_and_stops_nothing(tables, tmp_path, figure):
    kept = [name for name in tables.runs if "." not in name]
    bare = replace(
        tables,
        runs=tables.runs[kept],
        cells=tables.cells[~tables.cells["statistic"].str.contains(".", regex=False)],
        measures=tables.measures.assign(tau=float("nan")),
        landscapes=tables.landscapes[:0],
        gaps=tables.gaps[:0],
        histories=tables.histories[[name for name in tables.histories if "." not in name]],
        pretraining_histories=tables.pretraining_histories[:0],
    )
    drawing = draw_figure(bare, settings(figure))
    assert drawing.figure.texts
    write_drawing(drawing, *(tmp_path / f"f.{extension}" for extension in ("pdf", "png", "csv")))


def test_a_landscape_with_points_that_overflow_is_drawn_without_them(tables):
    landscapes = tables.landscapes.copy()
    landscapes.loc[landscapes["kind"] == "plane", "train_loss"] = [float("nan")] * 3 + [1.0] * 20 + [0.5]
    assert draw_figure(replace(tables, landscapes=landscapes), settings("landscape")).figure.axes


def test_label_noise_has_a_row_per_init_and_shows_medians_ranges_and_the_ends_rank_correlation(tables):
    drawing = draw_figure(tables, settings("label_noise", ["vanilla", "da"], ["random", "adversarial"]))
    assert len(drawing.figure.axes) == 2 * 3
    curves = drawing.shown[drawing.shown["kind"] == "curve"]
    expected = tables.histories.query("init == 'random' and recipe == 'da' and epoch == 10")["test_accuracy"] * 100
    row = curves.query("init == 'random' and recipe == 'da' and epoch == 10 and statistic == 'test_accuracy'").iloc[0]
    assert (row["value"], row["low"], row["high"], row["seeds"]) == pytest.approx(
        (expected.median(), expected.min(), expected.max(), 3)
    )
    # The made-up trace falls as accuracy rises, without exception.
    points = drawing.shown[drawing.shown["kind"] == "point"]
    assert (points["tau"] == -1).all()
    assert (points["runs"] == 2 * 3).all()
    assert len(points) == 2 * 2 * 3 * 3
    first, second = drawing.figure.axes[1], drawing.figure.axes[4]
    assert first.get_yscale() == second.get_yscale() == "log"
    assert first.get_ylim() == second.get_ylim()


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
