"""Stage ``explore``: a page to look closer at the runs of each study.

Pointing at a run names it and gives its values; inits are hidden by a click in the legend; menus choose the recipe and
the measure. plotly draws it, whose script the page carries, so it loads nothing.
"""

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
from markupsafe import Markup
from plotly.offline import get_plotlyjs
from plotly.subplots import make_subplots

from badminima.analysis.columns import described
from badminima.analysis.measures import is_measure
from badminima.analysis.tables import RUN_KEYS, StudyTables
from badminima.report.figures.style import accuracy_label, cell_title, init_label, look_of_inits, recipe_label
from badminima.report.html import render

# matplotlib's markers by plotly's names.
SYMBOLS = {"o": "circle", "D": "diamond", "s": "square", "^": "triangle-up", "v": "triangle-down", "<": "triangle-left"}
OTHER_SYMBOL = "x"
# Pixels: a row of panels, a recipe in it, the space above and below the panels, the menu above their titles.
HEIGHT, RECIPE, TOP, BOTTOM, MENU = 480, 24, 90, 120, 80
ABREAST = 4
# No button that sends data anywhere.
CONFIG = {"displaylogo": False, "responsive": True, "modeBarButtons": [["toImage", "zoom2d", "pan2d", "resetScale2d"]]}

# The rows of one (dataset, model), and where its panel is: row and column.
Panel = tuple[pd.DataFrame, Mapping[str, int]]


def explore_page(studies: Mapping[str, StudyTables], questions: Mapping[str, str]) -> str:
    """Return the page.

    Args:
        studies: tables by study.
        questions: what each study asks.
    """
    shown = [
        {
            "name": study,
            "question": questions.get(study, ""),
            "lost": int(tables.runs["test_accuracy"].isna().sum()),
            "plots": plots_of(tables),
        }
        for study, tables in studies.items()
        if not tables.runs.empty
    ]
    return render("explore.html", studies=shown, plotly=Markup(get_plotlyjs()), config=CONFIG)


def plots_of(tables: StudyTables) -> dict[str, go.Figure]:
    """Return a study's plots by title: accuracies, curves, measures against accuracy."""
    runs, label = tables.runs, accuracy_label(tables.runs)
    measures = [name for name in runs.columns if is_measure(name) and runs[name].notna().any()]
    plots = {"Accuracy of each run": accuracies(runs), "Curves": curves(tables.histories, label)}
    return {**plots, "What was measured": measured(runs, measures)} if measures else plots


def accuracies(runs: pd.DataFrame) -> go.Figure:
    """Plot each run's held-out accuracy: a panel per (dataset, model), a row per recipe."""
    label, names = accuracy_label(runs), runs["recipe"].map(recipe_label)
    recipes = list(names.unique())
    drawn = runs.assign(x=100 * runs["test_accuracy"], y=names)
    figure, _ = _points(drawn, label, "", max(HEIGHT, TOP + BOTTOM + RECIPE * len(recipes)))
    figure.update_yaxes(categoryorder="array", categoryarray=recipes[::-1])
    return figure.update_xaxes(title_text=label)


def curves(histories: pd.DataFrame, label: str) -> go.Figure:
    """Plot accuracy against the epoch, a line per run; a menu chooses the recipe.

    Args:
        histories: a row per run and evaluated epoch.
        label: the name of the accuracy.
    """
    figure, panels = _panels(histories)
    looks = look_of_inits(histories["init"].unique())
    drawn: list[tuple[str, str]] = []
    for rows, place in panels:
        for keys, run in rows.groupby(RUN_KEYS, sort=False):
            init, recipe, seed = map(str, keys[2:])
            line = go.Scatter(
                x=run["epoch"],
                y=100 * run["test_accuracy"],
                mode="lines",
                line={"color": looks[init][0], "width": 1.2},
                name=init_label(init),
                legendgroup=init,
                text=f"{init_label(init)}, {recipe_label(recipe)}, seed {seed}",
                hovertemplate="%{text}<br>epoch %{x}: %{y:.2f}%<extra></extra>",
            )
            figure.add_trace(line, **place)
            drawn.append((init, recipe))
    # Each init is named once in the legend.
    first = {line: number for number, line in reversed(list(enumerate(drawn)))}
    changes = {
        recipe: {
            "visible": [own == recipe for _, own in drawn],
            "showlegend": [line[1] == recipe and first[line] == number for number, line in enumerate(drawn)],
        }
        for _, recipe in drawn
    }
    for number, trace in enumerate(figure.data):
        trace.update({name: values[number] for name, values in changes[drawn[0][1]].items()})
    buttons = [
        {"label": recipe_label(recipe), "method": "restyle", "args": [change]} for recipe, change in changes.items()
    ]
    figure.update_xaxes(title_text="epoch").update_yaxes(title_text=label, col=1)
    return _with_menu(figure, buttons)


def measured(runs: pd.DataFrame, measures: Sequence[str]) -> go.Figure:
    """Plot held-out accuracy against the measure that a menu chooses, a point per run."""
    accuracy = accuracy_label(runs)
    drawn = runs.assign(x=runs[measures[0]], y=100 * runs["test_accuracy"])
    figure, shown = _points(drawn, accuracy, "<br>%{xaxis.title.text}: %{x:.4g}", HEIGHT)
    titles = [f"{axis.plotly_name}.title.text" for axis in figure.select_xaxes()]
    buttons = []
    for name in measures:
        label = described(name).label
        values = [[None if pd.isna(value) else float(value) for value in members[name]] for members in shown]
        change = [{"x": values}, dict.fromkeys(titles, label)]
        buttons.append({"label": label, "method": "update", "args": change})
    figure.update_xaxes(title_text=described(measures[0]).label).update_yaxes(title_text=accuracy, col=1)
    return _with_menu(figure, buttons)


def _panels(table: pd.DataFrame, height: int = HEIGHT) -> tuple[go.Figure, list[Panel]]:
    """Return an empty plot and its panels, one per (dataset, model)."""
    groups = list(table.groupby(["dataset", "model"], sort=False))
    lines, columns = -(-len(groups) // ABREAST), min(len(groups), ABREAST)
    places = [divmod(number, ABREAST) for number in range(len(groups))]
    figure = make_subplots(
        rows=lines,
        cols=columns,
        specs=[[{} if (line, column) in places else None for column in range(columns)] for line in range(lines)],
        shared_yaxes=True,
        subplot_titles=[cell_title(str(dataset), str(model)) for (dataset, model), _ in groups],
        horizontal_spacing=0.03,
        vertical_spacing=0.3 / lines,
    )
    figure.update_layout(
        template="plotly_white",
        height=height * lines,
        margin={"t": TOP, "b": BOTTOM, "r": 10},
        hovermode="closest",
        # Below all panels, where a phone has room for it.
        legend={"orientation": "h", "x": 0, "yref": "container", "y": 0, "yanchor": "bottom"},
    )
    return figure, [
        (rows, {"row": line + 1, "col": column + 1}) for (_, rows), (line, column) in zip(groups, places, strict=True)
    ]


def _points(runs: pd.DataFrame, accuracy: str, more: str, height: int) -> tuple[go.Figure, list[pd.DataFrame]]:
    """Plot runs as points that say their name and outcome when pointed at.

    Args:
        runs: with the columns x and y.
        accuracy: the name of the accuracy.
        more: what a point says besides.
        height: of a panel.

    Returns:
        The plot, and the runs of each of its traces; an init is named once in the legend.
    """
    figure, panels = _panels(runs, height)
    looks, shown, named = look_of_inits(runs["init"].unique()), [], set()
    for rows, place in panels:
        for init, members in rows.groupby("init", sort=False):
            colour, marker = looks[str(init)]
            said = [
                f"{init_label(run['init'])}, {recipe_label(run['recipe'])}, seed {run['seed']}"
                f"<br>train accuracy (%): {100 * run['train_accuracy']:.2f}"
                f"<br>{accuracy}: {100 * run['test_accuracy']:.2f}"
                f"<br>epochs: {run['epochs']}<br>status: {run['status']}"
                for run in members.to_dict("records")
            ]
            look = {"color": colour, "symbol": SYMBOLS.get(marker, OTHER_SYMBOL), "size": 9, "opacity": 0.75}
            points = go.Scatter(
                x=members["x"].tolist(),
                y=members["y"].tolist(),
                mode="markers",
                marker={**look, "line": {"width": 1, "color": "white"}},
                name=init_label(str(init)),
                legendgroup=init,
                showlegend=init not in named,
                text=said,
                hovertemplate=f"%{{text}}{more}<extra></extra>",
            )
            figure.add_trace(points, **place)
            shown.append(members)
            named.add(init)
    return figure, shown


def _with_menu(figure: go.Figure, buttons: Sequence[Mapping[str, object]]) -> go.Figure:
    """Put a menu above the titles of a plot's panels."""
    y = 1 + MENU / (figure.layout.height - TOP - BOTTOM)
    menu = {"buttons": buttons, "x": 0, "xanchor": "left", "y": y, "yanchor": "top", "direction": "down"}
    return figure.update_layout(updatemenus=[menu])
