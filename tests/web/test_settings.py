import pytest

from supersede.errors import SettingsError
from supersede.web.serving import _environment
from supersede.web.settings import Settings, read_settings


def test_arguments_win_over_the_environment_and_that_over_the_file(tmp_path):
    file = tmp_path / "supersede.toml"
    file.write_text('port = 1\nworkers = 3\nanswer_every = 30\ntables = ["/srv"]\n')
    found = read_settings(file, {"SUPERSEDE_WEB_PORT": "2", "SUPERSEDE_WEB_HOST": "::1"}, port=3)
    assert (found.port, found.host, found.workers, found.answer_every) == (3, "::1", 3, 30.0)
    assert found.tables == ("/srv",)


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        ("prot = 1", {}),
        ("port = '1'", {}),
        ("port = true", {}),
        ("workers = -1", {}),
        ("worker_niceness = -1", {}),
        ("worker_niceness = 20", {}),
        ("address = 'bounty.example'", {}),
        ("address = 'https://bounty.example/sub'", {}),
        ("database = 'mysql://x'", {}),
        ("port = ", {}),
        ("", {"SUPERSEDE_WEB_PORT": "many"}),
        ("", {"SUPERSEDE_WEB_PROT": "1"}),
        ("", {"SUPERSEDE_WEB_TRUST_PROXY": "maybe"}),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, text, environment):
    file = tmp_path / "supersede.toml"
    file.write_text(text)
    with pytest.raises(SettingsError):
        read_settings(file, environment)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(SettingsError):
        read_settings(tmp_path / "nowhere.toml", {})


def test_children_get_the_same_settings(tmp_path):
    settings = Settings(data=tmp_path, tables=("/a", "/b"), trust_proxy=True, answer_every=2.5)
    assert read_settings(environment=_environment(settings)) == settings
