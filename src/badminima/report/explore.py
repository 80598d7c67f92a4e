"""Stage ``explore``: a page to look closer at the runs of each study.

Pointing at a run names it and gives its values; inits are hidden by a click in the legend; menus choose the recipe and
the measure. plotly draws it, whose script the page carries, so it loads nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs
from plotly.subplots import make_subplots

from badminima.analysis.columns import described
from badminima.analysis.measures import is_measure
from badminima.analysis.tables import RUN_KEYS, StudyTables
from badminima.figures.style import cell_title, init_label, look_of_inits, recipe_label

TEMPLATE = "explore.html"
# matplotlib's markers by plotly's names.
SYMBOLS = {"o": "circle", "D": "diamond", "s": "square", "^": "triangle-up", "v": "triangle-down", "<": "triangle-left"}
OTHER_SYMBOL = "x"
HEIGHT, ROW = 440, 24
# No button that sends data anywhere.
CONFIG = {"displaylogo": False, "responsive": True, "modeBarButtons": [["toImage", "zoom2d", "pan2d", "resetScale2d"]]}
# What is said of a run beside its measures.
TOLD = ("train_accuracy", "test_accuracy", "epochs", "status")


def explore_page(studies: Mapping[str, StudyTables], questions: Mapping[str, str], frame: Path) -> str:
    """Return the page.

    Args:
        studies: tables by study.
        questions: what each study asks.
        frame: the folder of the template.
    """
    shown = [
        {"name": study, "question": questions.get(study, ""), "plots": _html(plots_of(tables))}
        for study, tables in studies.items()
        if not tables.runs.empty
    ]
    environment = Environment(loader=FileSystemLoader(frame), autoescape=True, undefined=StrictUndefined)
    return environment.get_template(TEMPLATE).render(studies=shown, plotly=Markup(get_plotlyjs()))


def plots_of(tables: StudyTables) -> dict[str, go.Figure]:
    """Return a study's plots by title: accuracies of its runs, their curves, and any measure against the accuracy."""
    measures = [name for name in tables.runs.columns if is_measure(name) and tables.runs[name].notna().any()]
    plots = {"Accuracy of each run": accuracies(tables.runs), "Curves": curves(tables.histories)}
    return {**plots, "What was measured": measured(tables.runs, measures)} if measures else plots


def accuracies(runs: pd.DataFrame) -> go.Figure:
    """Plot the test accuracy of each run, a line per recipe, a panel per (dataset, model)."""
    figure, panels = _panels(runs)
    recipes = [recipe_label(recipe) for recipe in dict.fromkeys(runs["recipe"])]
    for column, rows in panels:
        for init, members in rows.groupby("init", sort=False):
            names = [recipe_label(recipe) for recipe in members["recipe"]]
            points = _points(members, str(init), 100 * members["test_accuracy"], names, column)
            figure.add_trace(points, row=1, col=column)
    figure.update_yaxes(categoryorder="array", categoryarray=recipes[::-1])
    figure.update_xaxes(title_text="test accuracy (%)")
    return figure.update_layout(height=max(HEIGHT, 160 + ROW * len(recipes)))


def curves(histories: pd.DataFrame) -> go.Figure:
    """Plot test accuracy against the epoch, a line per run; a menu chooses the recipe."""
    figure, panels = _panels(histories)
    drawn: list[tuple[str, str]] = []
    for column, rows in panels:
        for keys, run in rows.groupby(RUN_KEYS, sort=False):
            init, recipe, seed = map(str, keys[2:])
            line = go.Scatter(
                x=run["epoch"],
                y=100 * run["test_accuracy"],
                mode="lines",
                line={"color": _look(init)[0], "width": 1.2},
                name=init_label(init),
                legendgroup=init,
                text=[f"{init_label(init)}, {recipe_label(recipe)}, seed {seed}"] * len(run),
                hovertemplate="%{text}<br>epoch %{x}: %{y:.2f}%<extra></extra>",
            )
            figure.add_trace(line, row=1, col=column)
            drawn.append((init, recipe))
    changes = {recipe: _shown_lines(drawn, recipe) for _, recipe in drawn}
    for place, trace in enumerate(figure.data):
        trace.update({name: values[place] for name, values in next(iter(changes.values())).items()})
    buttons = [
        {"label": recipe_label(recipe), "method": "restyle", "args": [change]} for recipe, change in changes.items()
    ]
    figure.update_xaxes(title_text="epoch").update_yaxes(title_text="test accuracy (%)", col=1)
    return figure.update_layout(height=HEIGHT, updatemenus=[_menu(buttons)])


def measured(runs: pd.DataFrame, measures: Sequence[str]) -> go.Figure:
    """Plot test accuracy against a measure, a point per run; a menu chooses the measure."""
    figure, panels = _panels(runs)
    shown = []
    for column, rows in panels:
        for init, members in rows.groupby("init", sort=False):
            accuracy = 100 * members["test_accuracy"]
            figure.add_trace(_points(members, str(init), members[measures[0]], accuracy, column), row=1, col=column)
            shown.append(members)
    titles = [f"xaxis{column if column > 1 else ''}.title.text" for column, _ in panels]
    buttons = []
    for name in measures:
        label = described(name).label
        values = [[None if pd.isna(value) else float(value) for value in members[name]] for members in shown]
        change = [{"x": values}, dict.fromkeys(titles, label)]
        buttons.append({"label": label, "method": "update", "args": change})
    figure.update_xaxes(title_text=described(measures[0]).label).update_yaxes(title_text="test accuracy (%)", col=1)
    return figure.update_layout(height=HEIGHT, updatemenus=[_menu(buttons)])


def _shown_lines(drawn: Sequence[tuple[str, str]], recipe: str) -> dict[str, list[bool]]:
    """Say of each line, an (init, recipe), whether it is seen, and whether it stands for its init in the legend."""
    first = {init: place for place, (init, own) in reversed(list(enumerate(drawn))) if own == recipe}
    return {
        "visible": [own == recipe for _, own in drawn],
        "showlegend": [first.get(init) == place for place, (init, _) in enumerate(drawn)],
    }


def _panels(table: pd.DataFrame) -> tuple[go.Figure, list[tuple[int, pd.DataFrame]]]:
    """Return an empty plot with a panel per (dataset, model), and the rows of each with its column."""
    groups = list(table.groupby(["dataset", "model"], sort=False))
    titles = [cell_title(str(dataset), str(model)) for (dataset, model), _ in groups]
    figure = make_subplots(cols=len(groups), shared_yaxes=True, subplot_titles=titles, horizontal_spacing=0.03)
    figure.update_layout(template="plotly_white", margin={"t": 90}, hovermode="closest")
    return figure, [(column, rows) for column, (_, rows) in enumerate(groups, start=1)]


def _points(members: pd.DataFrame, init: str, x: Iterable[float], y: Iterable[float | str], column: int) -> go.Scatter:
    colour, symbol = _look(init)
    return go.Scatter(
        x=list(x),
        y=list(y),
        mode="markers",
        marker={"color": colour, "symbol": symbol, "size": 9, "opacity": 0.75, "line": {"width": 1, "color": "white"}},
        name=init_label(init),
        legendgroup=init,
        showlegend=column == 1,
        text=[_said({str(name): value for name, value in row.items()}) for row in members.to_dict("records")],
        hovertemplate="%{text}<br>x: %{x:.4g}<extra></extra>",
    )


def _said(run: Mapping[str, object]) -> str:
    """Return a run's name and outcome, for who points at it."""
    name = f"{init_label(str(run['init']))}, {recipe_label(str(run['recipe']))}, seed {run['seed']}"
    told = [f"{described(column).label}: {run[column]:.4g}" for column in TOLD if isinstance(run[column], float | int)]
    return "<br>".join([name, *told, f"status: {run['status']}"])


def _look(init: str) -> tuple[str, str]:
    colour, marker = look_of_inits([init])[init]
    return colour, SYMBOLS.get(marker, OTHER_SYMBOL)


def _menu(buttons: Sequence[Mapping[str, object]]) -> dict[str, object]:
    return {"buttons": buttons, "x": 0, "xanchor": "left", "y": 1.3, "yanchor": "top", "direction": "down"}


def _html(plots: Mapping[str, go.Figure]) -> dict[str, Markup]:
    return {
        title: Markup(figure.to_html(full_html=False, include_plotlyjs=False, config=CONFIG))
        for title, figure in plots.items()
    }
