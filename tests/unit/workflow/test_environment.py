"""Tell what a command or its environment lacks in lines that say what would be right."""

import pytest
import yaml

from badminima.config.load import load_config
from badminima.errors import UserError
from badminima.workflow.command_line import refused_config
from badminima.workflow.environment import CACHE, check_cache, check_place
from tests.conftest import REPOSITORY


@pytest.mark.parametrize("name", ["a{b", "a}b", "a:b"])
def test_a_checkout_in_a_folder_with_braces_or_a_colon_is_refused(tmp_path, name):
    with pytest.raises(UserError, match=r"^checkout: found .*; expected a folder without any of \{ \} : in its path$"):
        check_place(tmp_path / name / "badminima")


def test_spaces_and_quotes_in_the_path_of_a_checkout_do_no_harm(tmp_path):
    check_place(tmp_path / 'it\'s a "folder" with spaces, $HOME and *')


def test_a_cache_without_a_place_is_refused(tmp_path):
    with pytest.raises(UserError, match=rf"^--cache: found no {CACHE}; export {CACHE}="):
        check_cache({})
    with pytest.raises(UserError, match=rf"^{CACHE}: found .*absent; expected an existing folder"):
        check_cache({CACHE: str(tmp_path / "absent")})
    check_cache({CACHE: str(tmp_path)})
    check_cache({CACHE: "s3://bucket/cache"})


@pytest.mark.parametrize("is_replaced", [True, False])
def test_a_preset_without_config_yaml_is_refused_with_what_left_that_out(is_replaced):
    demo = yaml.safe_load((REPOSITORY / "presets" / "demo.yaml").read_text())
    with pytest.raises(UserError) as error:
        load_config(demo)
    lines = refused_config(error.value, is_replaced).splitlines()
    assert len(lines) > 1
    assert all(line.startswith("config: ") for line in lines)
    assert (lines[-1] == "config: --replace-workflow-config leaves out config.yaml") == is_replaced
