"""The zoo: exported minima that stand alone."""

import shutil
from pathlib import Path

import pytest
import torch
import yaml

import badminima
from badminima.diagnostics.network import build_network
from badminima.errors import UserError
from badminima.experiment.settings import DiagnoseSettings
from badminima.zoo import card_page
from tests.unit.results.conftest import NAME


@pytest.fixture
def copied(zoo_folder, tmp_path) -> Path:
    """The zoo in another place, without the results."""
    return Path(shutil.copytree(zoo_folder, tmp_path / "elsewhere" / "zoo"))


def test_a_copied_zoo_gives_the_runs_logits_bit_for_bit(results, copied):
    images = results.dataset("digits").test_images[:50]
    for run in results.trained:
        coordinates = (run.dataset, run.model, run.init, run.recipe, run.seed)
        minimum = badminima.zoo.load(copied)["/".join(map(str, coordinates[:4])) + f"/seed{run.seed}"]
        with torch.no_grad():
            logits = minimum.model()(minimum.inputs(images))
            expected = results.model(*coordinates)(results.inputs("digits", images))
        # And as the measurements build it.
        network = build_network(
            DiagnoseSettings.of(results.config, run), results.dataset("digits"), results.weights(*coordinates)
        )
        assert torch.equal(logits, expected)
        assert torch.equal(logits, network.logits(minimum.inputs(images)))


def test_a_card_tells_the_start_the_classes_and_how_to_normalize(results, copied):
    card = badminima.zoo.load(copied)[NAME].card
    data = results.dataset("digits", "numpy")
    assert (card.mean, card.std) == (list(data.mean), list(data.std))
    assert card.classes == [str(digit) for digit in range(10)]
    assert card.parameters == (64 + 1) * 16 + (16 + 1) * 10
    assert card.pretraining is not None
    assert card.pretraining["confusing"]["replication"] == 2
    assert card.provenance["raw_data"] == {"digits": "0" * 64}
    assert card.final["test_accuracy"] == results.record(*NAME.split("/")[:4], 0)["final"]["test_accuracy"]
    random = badminima.zoo.load(copied)["digits/mlp/random/vanilla/seed0"].card
    assert random.pretraining is None


def test_a_page_says_the_same_to_people(copied):
    page = (copied / NAME / "card.md").read_text()
    card = badminima.zoo.load(copied)[NAME].card
    assert page == card_page(card)
    assert f"# {NAME}\n" in page
    assert "weights trained before on 2 copies of each training image" in page
    assert f"| test | {card.test_items:,} | {card.final['test_accuracy']:.4f} |" in page
    assert "| sharpness.lambda | not finite |" in page
    assert "@" not in page.split("## Measurements")[1].split("## Settings")[0]
    assert yaml.safe_load(page.split("```yaml\n")[2].split("```")[0])["settings"] == card.settings
    other = (copied / "digits/mlp/random/vanilla/seed0/card.md").read_text()
    assert "started from the init `random`: fresh random weights." in other


def test_the_code_on_a_page_runs(results, copied):
    page = (copied / NAME / "card.md").read_text()
    code = page.split("```python\n")[1].split("```")[0].replace("PATH/TO/ZOO", str(copied))
    names = {"images": results.dataset("digits").test_images[:3]}
    exec(code, names)
    assert len(names["names"]) == 3
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


def test_a_zoo_is_listed_and_an_unknown_name_says_what_there_is(copied):
    zoo = badminima.zoo.load(copied)
    assert len(zoo) == len(list(zoo)) == len(zoo.cards) == 8
    assert NAME in zoo
    assert {name: card.name for name, card in zoo.cards.items()} == {name: name for name in zoo}
    zoo.verify()
    with pytest.raises(UserError, match=r"zoo/digits/mlp/adversarial: found no 'da'; there: da\+m\+l2, vanilla"):
        zoo["digits/mlp/adversarial/da/seed0"]
    with pytest.raises(UserError, match="found no 'seed9'; there: seed0, seed1"):
        zoo["digits/mlp/adversarial/vanilla/seed9"]
    with pytest.raises(UserError, match="vanilla: found the beginning of a name"):
        zoo["digits/mlp/adversarial/vanilla"]
