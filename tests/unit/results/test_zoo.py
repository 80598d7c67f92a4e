"""The zoo: exported minima that stand alone."""

import shutil
from dataclasses import astuple
from pathlib import Path

import pytest
import torch
import yaml

import badminima
from badminima.diagnostics.network import build_network
from badminima.errors import UserError
from badminima.experiment.records import name_of
from badminima.experiment.runs import Run
from badminima.experiment.settings import DiagnoseSettings
from badminima.zoo import card_page
from tests.unit.results.conftest import NAME, RUN


@pytest.fixture
def copied(zoo_folder, tmp_path) -> Path:
    """The zoo in another place, without the results."""
    return Path(shutil.copytree(zoo_folder, tmp_path / "elsewhere" / "zoo"))


def test_the_index_has_a_row_per_run_and_minima_give_the_runs_logits_bit_for_bit(results, copied):
    zoo, keys = badminima.zoo.load(copied), ["dataset", "model", "init", "recipe", "seed"]
    images = results.dataset("digits").test_images[:50]
    table = results.runs.set_index(keys).loc[[tuple(row) for row in zoo.index[keys].to_numpy()]]
    assert len(zoo) == len(zoo.cards) == len(results.trained) == 8
    for column in ("status", "train_accuracy", "test_accuracy"):
        assert zoo.index[column].tolist() == table[column].tolist()
    for name, run in zip(zoo, (Run(*key) for key in table.index), strict=True):
        minimum = zoo[name]
        assert minimum.card.name == name == name_of(run)
        with torch.no_grad():
            logits = minimum.model()(minimum.inputs(images))
            assert torch.equal(logits, results.model(*astuple(run))(results.inputs("digits", images)))
        # And as the measurements build it.
        settings = DiagnoseSettings.of(results.config, run)
        network = build_network(settings, results.dataset("digits"), results.weights(*astuple(run)))
        assert torch.equal(logits, network.logits(minimum.inputs(images)))


def test_a_card_tells_what_the_record_and_the_dataset_say_and_its_page_the_same(results, copied):
    card = badminima.zoo.load(copied)[NAME].card
    data = results.dataset("digits", "numpy")
    for name in ("mean", "std", "classes"):
        assert getattr(card, name) == list(getattr(data, name))
    assert card.parameters == (64 + 1) * 16 + (16 + 1) * 10
    assert card.pretraining["confusing"]["replication"] == 2
    assert card.provenance["raw_data"] == {"digits": "0" * 64}
    assert card.final == results.record(*astuple(RUN))["final"]
    page = (copied / NAME / "card.md").read_text()
    assert page == card_page(card)
    assert "weights trained before on 2 copies of each training image" in page
    assert f"| test | {card.test_items:,} | {card.final['test_accuracy']:.4f} |" in page
    assert "| sharpness.lambda | not finite |" in page
    assert "@" not in page.split("## Measurements")[1].split("## Settings")[0]
    assert yaml.safe_load(page.split("```yaml\n")[2].split("```")[0])["settings"] == card.settings
    random = badminima.zoo.load(copied)["digits/mlp/random/vanilla/seed0"].card
    assert random.pretraining is None
    assert "started from the init `random`: fresh random weights." in card_page(random)


def test_the_code_on_a_page_runs(results, copied):
    page = (copied / NAME / "card.md").read_text()
    code = page.split("```python\n")[1].split("```")[0].replace("PATH/TO/ZOO", str(copied))
    names = {"images": results.dataset("digits").test_images[:3]}
    exec(code, names)
    assert set(names["names"]) <= set("0123456789")


@pytest.mark.parametrize("name", ["weights.safetensors", "card.json"])
@pytest.mark.parametrize("other", [True, False], ids=["of another minimum", "one flipped bit"])
def test_a_file_that_is_not_the_exported_one_is_refused(copied, name, other):
    path = copied / NAME / name
    content = bytearray(((copied / "digits/mlp/random/vanilla/seed0" / name) if other else path).read_bytes())
    content[len(content) // 2] ^= not other
    path.write_bytes(content)
    zoo = badminima.zoo.load(copied)
    for refused in (zoo[NAME].model, zoo.verify):
        with pytest.raises(UserError, match=f"{name}: found a file that does not fit its digest"):
            refused()


def test_a_missing_file_a_missing_zoo_and_a_damaged_index_are_told(copied, tmp_path):
    (copied / NAME / "weights.safetensors").unlink()
    with pytest.raises(UserError, match="found no such file; copy or export the zoo again"):
        badminima.zoo.load(copied)[NAME].weights()
    with pytest.raises(UserError, match=r"index\.csv: found no such file; expected the folder of a zoo"):
        badminima.zoo.load(tmp_path)
    for content in ("", "name,seed\nx,1\n"):
        (copied / "index.csv").write_text(content)
        with pytest.raises(UserError, match="found a damaged index"):
            badminima.zoo.load(copied)


def test_an_unknown_name_says_what_there_is(copied):
    zoo = badminima.zoo.load(copied)
    for name, message in [
        ("digits/mlp/adversarial/da/seed0", r"zoo/digits/mlp/adversarial: found no 'da'; there: da\+m\+l2, vanilla"),
        ("digits/mlp/adversarial/vanilla", "vanilla: found the beginning of a name"),
    ]:
        with pytest.raises(UserError, match=message):
            zoo[name]
