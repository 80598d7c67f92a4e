"""Credentials in mirrors' addresses reach the mirror, and nothing that is printed or written."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from badminima.config.data import MIRRORS
from badminima.config.load import load_config
from badminima.config.messages import shortened
from badminima.data import download
from badminima.data.download import Published, file_at, with_secrets
from badminima.errors import UserError, without_secrets
from badminima.workflow.environment import hand_over_mirrors
from badminima.workflow.settings_files import SettingsFiles
from tests.configs import overlay, raw_config
from tests.mirror import Mirror

SECRET = "hunter2"


@pytest.mark.parametrize(
    "address",
    [
        f"https://me:{SECRET}@host/a",
        f"https://{SECRET}@host/",
        f"https://me:se/{SECRET}@host/",
        f"https://h/a?k={SECRET}&x=1",
        f"https://h/a?{SECRET}",
        f"https://h/a?k=(b){SECRET}",
    ],
)
def test_credentials_of_an_address_are_masked_and_found_again(address, monkeypatch):
    monkeypatch.delenv(MIRRORS, raising=False)
    shown = without_secrets(address)
    assert SECRET not in shown
    assert shown.startswith("https://")
    hand_over_mirrors({"cifar10": ["https://plain/", address], "cifar100": ["https://plain/"]})
    assert with_secrets("cifar10", ["https://plain/", shown]) == ["https://plain/", address]
    assert with_secrets("cifar100", ["https://plain/"]) == ["https://plain/"]


def test_mirrors_that_differ_in_credentials_alone_stay_two(monkeypatch):
    monkeypatch.delenv(MIRRORS, raising=False)
    addresses = ["https://a:1@h/x", "https://b:2@h/x"]
    hand_over_mirrors({"cifar10": addresses})
    assert with_secrets("cifar10", list(map(without_secrets, addresses))) == addresses


def test_nothing_is_handed_over_without_credentials_and_a_masked_address_is_refused(monkeypatch):
    monkeypatch.delenv(MIRRORS, raising=False)
    hand_over_mirrors({"cifar10": ["https://plain/"]})
    assert MIRRORS not in os.environ
    with pytest.raises(UserError, match="--mirrors: found https://"):
        with_secrets("cifar10", ["https://***@h/"])


def test_a_long_address_is_masked_before_it_is_cut():
    assert "sss" not in shortened(f"ftp://me:{'s' * 300}@host/")


@pytest.mark.parametrize("text", ["https://host:80/a", "mail a@b", "is x = 1?", "a & b = c"])
def test_a_text_without_credentials_stays(text):
    assert without_secrets(text) == text


def test_a_file_lies_before_the_query_of_its_folder():
    assert file_at("https://h/a/?k=1", "data.bin") == "https://h/a/data.bin?k=1"
    assert file_at("https://h/a", "data.bin") == "https://h/a/data.bin"


def test_a_download_uses_them_and_tells_nobody(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(download, "PAUSE", 0.0)
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "data.bin").write_bytes(b"content")
    file = Published("data.bin", (), f"sha256:{hashlib.sha256(b'content').hexdigest()}")
    dead = f"http://me:{SECRET}@127.0.0.1:9/?token={SECRET}"
    with Mirror(tmp_path / "mirror") as mirror:
        download.download(file, tmp_path / "data", [dead, f"{mirror.address}?token={SECRET}"], "cifar10")
        assert mirror.requests[-1][0] == f"/data.bin?token={SECRET}"
    with pytest.raises(UserError) as error:
        download.download(file, tmp_path / "other", [dead], "cifar10")
    said = "".join(capfd.readouterr()) + str(error.value) + "".join(map(str, tmp_path.rglob("*")))
    assert "127.0.0.1:9" in said
    assert SECRET not in said


def test_neither_the_recorded_config_nor_a_refusal_has_them(tmp_path):
    raw = overlay(raw_config(), {"data": {"urls": {"cifar10": [f"https://me:{SECRET}@host/?k={SECRET}"]}}})
    settings = SettingsFiles(tmp_path)
    written = settings.path_of_config(raw)
    settings.write()
    assert SECRET not in Path(written).read_text()
    load_config(json.loads(Path(written).read_text()))
    with pytest.raises(UserError) as error:
        load_config(overlay(raw, {"data": {"urls": {"cifar10": [f"ftp://me:{SECRET}@host/?k={SECRET}"]}}}))
    assert SECRET not in str(error.value)
