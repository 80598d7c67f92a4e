"""A digest of a user's files changes with their content, and with nothing else."""

import os

from badminima.config.registry import IMAGE_ENDINGS
from badminima.workflow import settings_files
from badminima.workflow.settings_files import content_digest
from tests.photographs import photographs


def test_the_digest_is_of_the_content_of_images_alone(tmp_path):
    folder = photographs(tmp_path / "photos")
    image = folder / "train" / "cat" / "0.png"

    def digest() -> str:
        return content_digest(folder, IMAGE_ENDINGS, tmp_path / "kept")

    before = digest()
    os.utime(image, (0, 0))
    (folder / ".DS_Store").write_bytes(b"x")
    assert digest() == before
    image.write_bytes(image.read_bytes()[::-1])
    changed = digest()
    assert changed != before
    image.rename(image.with_name("9.png"))
    assert digest() not in (before, changed)


def test_files_are_read_once_while_their_sizes_and_times_stay(tmp_path, monkeypatch):
    archive = tmp_path / "photos.tar"
    archive.write_bytes(b"content")
    digest = content_digest(archive, IMAGE_ENDINGS, tmp_path / "kept")
    monkeypatch.setattr(settings_files, "facts_of", None)
    assert content_digest(archive, IMAGE_ENDINGS, tmp_path / "kept") == digest


def test_files_that_cannot_be_read_are_left_to_their_job(tmp_path):
    (tmp_path / "1.png").symlink_to("gone")
    assert content_digest(tmp_path, IMAGE_ENDINGS, tmp_path / "kept") == ""
