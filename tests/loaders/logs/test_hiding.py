from pathlib import Path

from loaders import logs
from loaders.settings import load_settings


def test_every_secret_variable_is_a_secret_also_as_the_url_decodes_it() -> None:
    url = "postgresql://ada:p%40ssw%3Ard@db.test/lab"
    values = {"DATABASE_URL": url, "API_KEY": "key-1234", "DB_PASSWORD": "other", "PGUSER": "ada1"}
    secrets = logs.secrets_of(load_settings(values, Path("/nowhere")))
    assert secrets == {url, "key-1234", "other", "p@ssw:rd"}


def test_the_password_in_the_address_of_an_index_is_a_secret() -> None:
    for url, secrets in [("https://ada:hunter2@index.test", {"hunter2"}), ("http://[", set())]:
        assert (
            logs.secrets_of(load_settings({"ELASTICSEARCH_URL": url}, Path("/nowhere"))) == secrets
        )


def test_a_secret_within_a_secret_is_hidden_whole() -> None:
    assert logs.hide("x abcdef y", {"abc", "abcdef"}) == "x *** y"
