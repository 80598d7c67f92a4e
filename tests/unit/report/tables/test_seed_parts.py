"""The table of a seed's parts says where a planted variance comes from."""

import pandas as pd
import pytest

from badminima.config.studies import SeedParts
from badminima.experiment.settings import TableSettings
from badminima.report.tables import make_table, write_table
from tests.unit.study import STATISTICS, made_up_study

PARTS = {
    f"weights_{weights}_set_{confusing}": SeedParts(weights=weights, confusing=confusing)
    for weights in (0, 1)
    for confusing in (0, 1)
}
SETTINGS = TableSettings(
    kind="seed_parts",
    name="seed_parts",
    study="seed_parts",
    recipes=["vanilla"],
    inits=list(PARTS),
    parts=PARTS,
    statistics=STATISTICS,
)


@pytest.fixture(scope="module")
def tables():
    """A study in which the confusing set decides almost everything."""
    return made_up_study(
        lambda init, recipe: 0.8 + 0.1 * PARTS[init].confusing, recipes=["vanilla"], inits=list(PARTS), images=20_000
    )


def test_the_part_that_decides_has_the_share_and_every_part_a_row(tables, tmp_path):
    table = make_table(tables, SETTINGS)
    shown = table.shown.set_index("part")
    assert shown["levels"].fillna(0).to_dict() == {"weights": 2, "confusing": 2, "seed": 3, "together": 0}
    assert shown.loc["confusing", "share"] > 0.99
    assert shown["share"].sum() == pytest.approx(1)
    (block,) = table.blocks
    rows = [row for row, _ in block.text.index]
    assert rows == ["random weights", "confusing set", "order of the images", "several together"]
    assert block.text["vanilla"]["sd (points)"].iloc[1] == f"{100 * shown.loc['confusing', 'variance'] ** 0.5:.2f}"
    assert "12 runs" in table.note
    paths = [tmp_path / f"t.{extension}" for extension in ("tex", "csv", "html")]
    write_table(table, *paths)
    pd.testing.assert_frame_equal(pd.read_csv(paths[1]), table.shown)


def test_a_diverged_run_leaves_no_numbers_and_is_counted(tables):
    runs = tables.runs.assign(status=["diverged", *tables.runs["status"][1:]])
    table = make_table(type(tables)(**{**vars(tables), "runs": runs}), SETTINGS)
    assert table.shown["share"].isna().all()
    assert set(table.blocks[0].text["vanilla"]["sd (points)"]) == {"1/12 diverged"}
