"""Figures show what their table says, and open."""

import math
from dataclasses import replace
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from badminima.config.registry import FIGURES
from badminima.config.studies import Doses
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import draw_figure, write_drawing
from badminima.report.figures.style import LOOKS, look_of_inits, recipe_label
from tests.unit.study import INITS, RECIPES, diverged, made_up_study

# Figures of whole studies and of chosen runs are not asked for recipes.
OF_CELLS = [
    name for name, entry in FIGURES.entries.items() if not entry.whole_study and name not in ("landscape", "escape")
]
# As if momentum were what some recipes differ in.
OVER_RECIPES = Doses(over="momentum", axis="recipes", series=[{"vanilla": 0.0, "m": 0.5, "da": 0.9}])
OVER_INITS = Doses(over="replication", axis="inits", series=[{"adversarial": 1.0, "random_rescaled": 10.0}])


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def tables():
    return made_up_study(lambda init, recipe: 0.9 - 0.1 * INITS.index(init))


@pytest.fixture(scope="module")
def one_seed():
    return made_up_study(lambda init, recipe: 0.9, seeds=1, recipes=["vanilla"], inits=["random"])


def drawn(tables, figure: str, recipes=RECIPES, inits=INITS, doses=OVER_RECIPES):
    """Draw a figure of some tables."""
    doses = doses if figure == "response" else None
    return draw_figure(tables, FigureSettings(kind=figure, recipes=list(recipes), inits=list(inits), doses=doses))


def tick_labels(axes, of: str = "x") -> list[str]:
    return [label.get_text() for label in getattr(axes, f"get_{of}ticklabels")()]


def lines_by_colour(axes) -> dict[str, "plt.Line2D"]:
    """The lines of means, by colour."""
    return {line.get_color(): line for line in axes.lines if line.get_marker() not in ("None", None, "_", "|")}


def test_a_figure_and_its_table_are_files_that_open_and_the_same_tables_give_the_same_bytes(tables, tmp_path):
    written = []
    for name in "ab":
        paths = [tmp_path / f"{name}.{extension}" for extension in ("pdf", "png", "svg", "csv")]
        write_drawing(drawn(tables, "memory"), *paths)
        written.append([path.read_bytes() for path in paths])
    assert written[0] == written[1]
    assert written[0][0].startswith(b"%PDF")
    with Image.open(tmp_path / "a.png") as image:
        assert image.width >= 600
    assert len(pd.read_csv(tmp_path / "a.csv")) > 0


@pytest.fixture(scope="module")
def spoilt(tables):
    found = diverged(tables, ("adversarial", "m", 1))
    found.runs.loc[found.runs["status"] == "diverged", ["distance.relative", "norm.end"]] = None
    return found


@pytest.mark.parametrize("figure", FIGURES.names)
def test_every_figure_can_be_drawn_where_a_run_diverged(spoilt, figure):
    drawing = drawn(spoilt, figure)
    drawing.figure.canvas.draw()
    assert len(drawing.shown) > 0
    assert drawing.figure.axes


@pytest.mark.parametrize("figure", OF_CELLS)
def test_a_figure_shows_the_recipes_and_inits_it_was_asked_for(tables, figure):
    shown = drawn(tables, figure, ["vanilla", "da"], ["random"]).shown
    assert set(shown["recipe"].dropna()) == {"vanilla", "da"}
    assert set(shown["init"]) == {"random"}


@pytest.mark.parametrize("figure", [name for name in FIGURES.names if name not in ("curves", "ablation", "response")])
def test_a_figure_of_which_nothing_was_measured_says_so(tables, figure):
    bare = replace(
        tables,
        cells=tables.cells[~tables.cells["statistic"].str.contains(".", regex=False)],
        measures=tables.measures.assign(tau=math.nan),
        **{name: getattr(tables, name).filter(regex=r"^[^.]*$") for name in ("runs", "histories")},
        **{name: getattr(tables, name)[:0] for name in ("landscapes", "layers", "gaps", "pretraining_histories")},
    )
    assert drawn(bare, figure).figure.texts


@pytest.mark.parametrize(("figure", "has_bars"), [("ablation", True), ("memory", False)])
def test_a_figure_of_one_seed_says_so_and_has_bars_over_test_images_alone(one_seed, figure, has_bars):
    drawing = drawn(one_seed, figure, ["vanilla"], ["random"])
    assert drawing.figure.get_supxlabel().startswith("one seed")
    mean = drawing.shown[drawing.shown["kind"] == "mean"].iloc[0]
    # Of 2,000 images at 90%: 1.96 * sqrt(.9 * .1 / 2000).
    width = 2 * 0.0131 if has_bars else math.nan
    assert mean["high"] - mean["low"] == pytest.approx(width, rel=0.05, nan_ok=True)


@pytest.mark.parametrize(("seeds", "words"), [("tables", "line: mean of 3 seeds"), ("one_seed", "one seed")])
def test_lines_say_how_many_seeds_they_are_of(request, seeds, words):
    drawing = drawn(request.getfixturevalue(seeds), "curves", ["vanilla"], ["random"])
    assert drawing.figure.get_supxlabel().startswith(words)


def test_inits_look_different_to_the_colour_blind_and_in_greyscale():
    greys = sorted(0.299 * r + 0.587 * g + 0.114 * b for r, g, b in (to_rgb(colour) for colour, _ in LOOKS.values()))
    assert min(b - a for a, b in pairwise(greys)) > 0.15
    assert len(set(look_of_inits(["random", "mine", "yours"]).values())) == 3


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


def test_the_ablation_has_a_row_per_recipe_and_a_point_per_seed_that_no_mean_hides(tables):
    drawing = drawn(tables, "ablation")
    drawing.figure.canvas.draw()
    axes = drawing.figure.axes[0]
    assert tick_labels(axes, "y") == [recipe_label(recipe) for recipe in RECIPES]
    points = [y for dots in axes.collections if len(dots.get_offsets()) > 1 for _, y in dots.get_offsets()]
    assert len(points) == (drawing.shown["kind"] == "seed").sum()
    heights = [y for line in lines_by_colour(axes).values() for y in line.get_ydata()]
    assert np.abs(np.subtract.outer(points, heights)).min() > 0.01
    means = drawing.shown[drawing.shown["kind"] == "mean"]
    assert len(means) == len(RECIPES) * len(INITS)
    assert means["value"].between(means["low"], means["high"]).all()


def test_distances_are_on_a_logarithmic_axis_with_geometric_means_and_intervals_above_zero(tables):
    drawing = drawn(tables, "distance")
    assert [axes.get_xscale() for axes in drawing.figure.axes[:3]] == ["log", "linear", "log"]
    shown = drawing.shown.query("init == 'random' and recipe == 'vanilla' and statistic == 'distance.relative'")
    seeds, mean = shown.loc[shown["kind"] == "seed", "value"], shown[shown["kind"] == "mean"].iloc[0]
    assert mean["value"] == pytest.approx(math.prod(seeds) ** (1 / 3))
    assert math.log(mean["high"] / mean["value"]) == pytest.approx(4.302653 * np.log(seeds).std() / math.sqrt(3))
    assert mean["low"] > 0


def test_a_cell_with_a_seed_that_a_logarithmic_axis_cannot_show_says_so(tables):
    runs = tables.runs.copy()
    runs.loc[runs["init"] != "random", "sharpness.trace"] = 2.0
    runs.loc[runs.query("init == 'random' and recipe == 'da' and seed == 1").index, "sharpness.trace"] = -1.0
    drawing = drawn(replace(tables, runs=runs), "sharpness", ["da"], ["random"])
    assert "of 3 not above 0" in drawing.figure.axes[0].texts[0].get_text()
    assert drawing.shown.query("kind == 'mean' and statistic == 'sharpness.trace'")["value"].isna().all()


def test_a_response_over_recipes_has_a_line_of_means_per_init_at_the_values(tables):
    drawing = drawn(tables, "response", inits=["random", "adversarial"])
    references, axes = drawing.figure.axes
    assert tick_labels(axes) == ["0", "0.5", "0.9"]
    assert axes.get_xlabel() == "momentum"
    means = drawing.shown[drawing.shown["kind"] == "mean"].set_index(["init", "recipe"])["value"]
    line = lines_by_colour(axes)[LOOKS["adversarial"][0]]
    assert line.get_xdata().tolist() == [0.0, 0.5, 0.9]
    expected = [100 * means["adversarial", recipe] for recipe in ("vanilla", "m", "da")]
    assert line.get_ydata().tolist() == pytest.approx(expected)
    # What stands nowhere along the setting is at the left, unconnected.
    assert tick_labels(references) == [recipe_label(name) for name in RECIPES if name not in ("vanilla", "m", "da")]
    assert {line.get_linestyle() for line in lines_by_colour(references).values()} == {"None"}


def test_a_response_over_inits_has_a_line_per_recipe(tables):
    drawing = drawn(tables, "response", recipes=["vanilla", "da"], doses=OVER_INITS)
    references, axes = drawing.figure.axes
    assert axes.get_xscale() == "log"
    assert len(lines_by_colour(axes)) == 2
    assert tick_labels(references) == ["random"]
    positions = drawing.shown.groupby("init")["position"].first()
    assert positions.dropna().to_dict() == {"adversarial": 1, "random_rescaled": 10}


@pytest.mark.parametrize(
    ("values", "apart"),
    [
        *(((0.0, 0.01, 1.0), 0.1), ((0.0, 0.5), 0.1), ((1.0, 100.0), 0.1), ((2.0, 3.0), 0.1)),
        # Names that would run into each other are evenly spaced.
        ((0.0, 0.5, 0.9, 0.95, 0.99), 0.199),
    ],
)
def test_every_value_of_a_response_is_in_sight_with_its_name(tables, values, apart):
    doses = Doses(over="x", axis="recipes", series=[dict(zip(RECIPES, values, strict=False))])
    figure = drawn(tables, "response", doses=doses).figure
    figure.canvas.draw()
    axes = figure.axes[-1]
    assert tick_labels(axes) == [f"{value:g}" for value in values]
    assert axes.get_xlabel() == ("x (not to scale)" if len(values) == 5 else "x")
    for points in lines_by_colour(axes).values():
        places = axes.transAxes.inverted().transform(points.get_transform().transform(points.get_xydata()))
        assert ((places > 0) & (places < 1)).all()
        assert (np.diff(places[:, 0]) > apart).all()
    labels = [label.get_window_extent() for label in axes.get_xticklabels()]
    assert all(before.x1 < after.x0 for before, after in pairwise(labels))


def test_a_response_counts_diverged_runs_and_needs_nothing_to_compare_with(tables, spoilt):
    axes = drawn(spoilt, "response").figure.axes[-1]
    assert [text.get_text() for text in axes.texts] == ["1/3 diverged"]
    doses = Doses(over="x", axis="recipes", series=[{"vanilla": 0.0, "da": 1.0}])
    assert len(drawn(tables, "response", recipes=["vanilla", "da"], doses=doses).figure.axes) == 1


THREE = ["vanilla", "m", "da"]


@pytest.fixture(scope="module")
def escapes():
    """Vanilla loses 20 points from adversarial weights, nothing from rescaled ones; m wins half of it, da all."""
    lost = {"vanilla": 0.2, "m": 0.1}
    return made_up_study(lambda init, recipe: 0.9 - (lost.get(recipe, 0) if init == "adversarial" else 0))


def read_escape(tables, inits=("random", "adversarial")) -> tuple[list[str], dict[str, str], list[str]]:
    """Read what fig_escape says: the recipes from top to bottom, the words in their rows, the notes below."""
    axes = drawn(tables, "escape", THREE, inits).figure.axes[0]
    rows = tick_labels(axes, "y")
    words = {rows[round(text.get_position()[1])]: text.get_text() for text in axes.texts}
    return rows, words, axes.get_xlabel().splitlines()[1:]


def test_recipes_are_ranked_by_the_share_of_the_gap_that_they_close(escapes):
    drawing = drawn(escapes, "escape", THREE, ["random", "adversarial"])
    assert tick_labels(drawing.figure.axes[0], "y") == ["DA", "M"]
    assert drawing.shown.set_index("recipe")["mean"].to_dict() == pytest.approx({"m": 0.5, "da": 1.0}, abs=0.02)


@pytest.mark.parametrize(
    ("lost", "inits", "rows", "words", "notes"),
    [
        ([], INITS, ["DA", "M"], {}, ["random rescaled: no gap to close"]),
        ([("adversarial", "da", seed) for seed in range(3)], INITS[:2], ["M", "DA"], {"DA": "3 of 3 diverged"}, []),
        ([("random", "vanilla", 0)], INITS[:2], ["DA", "M"], {}, ["vanilla from random: 1 of 3 diverged"]),
    ],
)
def test_the_escape_says_of_each_row_and_init_what_has_no_place_on_its_axis(escapes, lost, inits, rows, words, notes):
    assert read_escape(diverged(escapes, *lost), inits) == (rows, words, notes)


def test_an_interval_that_goes_on_ends_in_an_arrow_and_an_unbounded_one_in_words(escapes):
    gaps = escapes.gaps.copy()
    gaps.loc[(gaps["recipe"] == "m") & (gaps["difference"] == "closed"), "high"] = 5.0
    axes = drawn(replace(escapes, gaps=gaps), "escape", THREE, ["adversarial"]).figure.axes[0]
    arrows = [line for line in axes.lines if line.get_marker() in ("<", ">")]
    assert [(line.get_marker(), line.get_xdata()[0] == axes.get_xlim()[1]) for line in arrows] == [(">", True)]
    gaps.loc[(gaps["recipe"] == "m") & (gaps["difference"] == "closed"), ["low", "high"]] = -math.inf, math.inf
    assert read_escape(replace(escapes, gaps=gaps)) == (["DA", "M"], {"M": "interval unbounded"}, [])


def test_label_noise_has_a_row_per_init_and_shows_medians_ranges_and_the_ends_rank_correlation(tables):
    drawing = drawn(tables, "label_noise", ["vanilla", "da"], ["random", "adversarial"])
    assert len(drawing.figure.axes) == 2 * 5
    shown = drawing.shown.query("kind == 'curve' and init == 'random' and recipe == 'da' and epoch == 10")
    rows = shown.set_index("statistic")[["value", "low", "high", "seeds"]]
    expected = tables.histories.query("init == 'random' and recipe == 'da' and epoch == 10")["test_accuracy"] * 100
    assert rows.loc["test_accuracy"].tolist() == pytest.approx([expected.median(), expected.min(), expected.max(), 3])
    # The made-up covariance falls as accuracy rises, without exception.
    points = drawing.shown[drawing.shown["kind"] == "point"]
    assert (points["tau"] == -1).all()
    # Where label noise rests the two traces are one number, so they share a scale.
    ((low, high),) = {drawing.figure.axes[place].get_ylim() for place in (1, 2, 6, 7)}
    assert points[["trace.hessian", "trace.noise_covariance"]].stack().between(low, high).all()


def test_a_trace_that_is_missing_takes_no_accuracy_with_it_and_moves_no_end(tables):
    histories = tables.histories.copy()
    last = (histories["seed"] == 0) & (histories["epoch"] == 10)
    histories.loc[last, ["trace.hessian", "trace.noise_covariance"]] = None
    shown = drawn(replace(tables, histories=histories), "label_noise", ["vanilla"], ["random"]).shown
    seeds = shown.query("kind == 'curve' and epoch == 10").set_index("statistic")["seeds"].to_dict()
    assert seeds == {"test_accuracy": 3, "train_accuracy": 3, "trace.hessian": 2, "trace.noise_covariance": 2}
    points = shown[shown["kind"] == "point"]
    assert (points["runs"] == 2).all()
    assert set(points.loc[points["end"].astype(bool), "epoch"]) == {10}


def test_a_pretraining_ends_where_it_ended_and_its_memorisation_stays_there(tables):
    axes = drawn(tables, "pretraining").figure.axes[0]
    lines = [line for line in axes.lines if len(line.get_xdata()) > 1]
    assert sorted(max(line.get_xdata()) for line in lines) == [10, 10, 20, 20]
    assert {line.get_ydata()[-1] for line in lines} == {100}
    shown = drawn(tables, "memorisation").shown
    wrong = shown.query("init == 'adversarial' and statistic == 'labels.wrong'").set_index("epoch")
    assert wrong["value"].to_dict() == {0: 0, 5: 37.5, 10: 75, 15: 87.5, 20: 100}
    assert wrong["low"].to_dict() == {0: 0, 5: 25, 10: 50, 15: 75, 20: 100}
    assert wrong["high"].to_dict() == {0: 0, 5: 50, 10: 100, 15: 100, 20: 100}


def test_curves_show_the_start_and_where_the_rate_drops(tables):
    axes = drawn(tables, "curves").figure.axes[0]
    low, high = axes.get_ylim()
    assert low <= 0 <= 100 <= high
    dotted = [line for line in axes.lines if line.get_linestyle() != "-" and len(set(line.get_xdata())) == 1]
    assert [line.get_xdata()[0] for line in dotted] == [5]


def test_landscapes_have_one_scale_and_leave_out_points_that_overflow(tables):
    other = tables.landscapes.assign(recipe="da", train_loss=tables.landscapes["train_loss"] * 7)
    other.loc[other.index[other["kind"] == "plane"][:3], "train_loss"] = float("nan")
    figure = drawn(replace(tables, landscapes=pd.concat([tables.landscapes, other])), "landscape").figure
    planes = [axes for axes in figure.axes if axes.collections and axes.get_aspect() == 1]
    assert len(planes) == 2
    assert planes[0].get_xlim() == planes[1].get_xlim()
    assert planes[0].collections[0].norm.vmax == planes[1].collections[0].norm.vmax


def test_valleys_of_all_recipes_have_one_scale_and_lines_are_means_over_seeds_and_directions(tables):
    drawing = drawn(tables, "filter_landscape")
    panels = [axes for axes in drawing.figure.axes if axes.get_yscale() == "log"]
    assert len(panels) == len(RECIPES)
    assert len({axes.get_ylim() for axes in panels}) == 1
    edge = drawing.shown.query("t == 1 and statistic == 'filter_landscape.loss'")
    assert edge["mean"].tolist() == pytest.approx([(0.1 * 1.0) ** 0.5] * len(edge))
    assert [set(edge[name].round(9)) for name in ("low", "high", "lines")] == [{0.1}, {1.0}, {6}]
    # A point where one line overflows is not drawn.
    gone = tables.layers.query("tensor == '2:1' and seed == 0").index
    shown = drawn(replace(tables, layers=tables.layers.drop(gone)), "filter_landscape").shown
    assert sorted(set(shown["t"])) == [-1, -0.5, 0, 0.5]


def test_measures_of_many_networks_fit_a_page_as_colours(tables):
    several = pd.concat([tables.measures.assign(model=f"model{place}") for place in range(16)])
    figure = drawn(replace(tables, measures=several), "measures").figure
    assert figure.get_figheight() < 10
    assert len(figure.axes[0].images[0].get_array()[0]) == 16


def test_the_scatter_has_a_point_for_every_run_that_fits(tables):
    runs = tables.runs.copy()
    runs.loc[runs.query("init == 'random' and recipe == 'm'").index, "train_accuracy"] = 0.9
    shown = drawn(replace(tables, runs=runs), "scatter").shown
    assert len(shown) == len(runs) - 3
    assert shown["gap"].tolist() == pytest.approx(100 * (1 - tables.runs.loc[shown.index, "test_accuracy"]))


def test_a_reliability_diagram_pools_the_answers_of_all_seeds(tables):
    bins = drawn(tables, "calibration").shown.query("kind == 'reliability'")
    assert set(bins["recipe"]) == {RECIPES[0], RECIPES[-1]}
    assert (bins["confidence"] - bins["accuracy"]).tolist() == pytest.approx([10] * len(bins))
    assert bins["share"].tolist() == [50] * len(bins)
    # A seed with ten times the answers in a bin counts ten times.
    layers = tables.layers.copy()
    of_seed = (layers["seed"] == 0) & (layers["tensor"] == "1.0")
    layers.loc[of_seed & (layers["statistic"] == "calibration.share"), "value"] = 5.0
    layers.loc[of_seed & (layers["statistic"] == "calibration.accuracy"), "value"] = 0.25
    bins = drawn(replace(tables, layers=layers), "calibration").shown.query("bin == 1.0")
    assert bins["accuracy"].tolist() == pytest.approx([100 * (5 * 0.25 + 2 * 0.5 * 0.85) / 6] * len(bins))


def test_the_mechanism_has_a_panel_for_each_candidate_and_says_what_holds(tables):
    drawing = drawn(tables, "mechanism", inits=["adversarial"])
    labels = [axes.get_ylabel() for axes in drawing.figure.axes if axes.get_visible()]
    candidates = ["gradient coherence", "norm of the weights", "rate over squared norm", "trace of the Hessian"]
    assert labels == ["test accuracy (%)", *candidates]
    verdicts = drawing.shown.query("kind == 'verdict'")
    assert set(verdicts["measure"]) == {"gradients.coherence", "norm.end", "effective_rate", "trace.hessian"}
    assert not verdicts["tells"].astype(bool).any()
