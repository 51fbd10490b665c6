"""Least-privilege roles on a real PostgreSQL: each does its own work and nothing else."""

from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from loaders.errors import RefusedQueryError, SettingsError
from loaders.settings import load_settings
from loaders.warehouse import Postgres, open_warehouse
from orchestration.paging import Wanted, read_page
from orchestration.roles import Role, set_up_roles
from orchestration.run import Paths, run

PASSWORD = "a-password-of-the-loader"


def as_role(url: str, role: str) -> str:
    """The same database, as another role; the server of the tests trusts all."""
    return url.replace("//assay:", f"//{role}:")


def refused(url: str, role: str, sql: str) -> bool:
    """Whether the server forbids it."""
    with closing(psycopg.connect(as_role(url, role), autocommit=True)) as connection:
        try:
            connection.execute(sql.encode())
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction):
            return True
    return False


@pytest.mark.contract("S4-12")
def test_each_role_does_its_own_work_and_nothing_else(postgres_url: str, tmp_path: Path) -> None:
    admin = {"DATABASE_URL": as_role(postgres_url, "postgres"), "ELT_DATA_DIR": str(tmp_path / "d")}
    roles, _ = set_up_roles(load_settings({**admin, "ASSAY_LOADER_PASSWORD": PASSWORD}))
    assert [(role.name, role.has_new_password) for role in roles] == [
        ("assay_loader", True),
        ("assay_transformer", False),
        ("assay_reader", False),
    ]
    again, notices = set_up_roles(load_settings(admin))
    assert again == [Role(role.name, is_new=False, has_new_password=False) for role in roles]
    assert notices == []
    with closing(psycopg.connect(admin["DATABASE_URL"])) as connection:
        hidden = "select rolpassword from pg_authid where rolname = 'assay_loader'"
        ((kept,),) = connection.execute(hidden).fetchall()
    assert kept.startswith("SCRAM-SHA-256$")

    (tmp_path / "users.csv").write_text("user_id,name\n1,Ada\n")
    loader = load_settings({**admin, "DATABASE_URL": as_role(postgres_url, "assay_loader")})
    paths = Paths([str(tmp_path / "users.csv")], "people")
    assert run(loader, paths=paths, transforms=False).exit_code == 0
    with closing(psycopg.connect(admin["DATABASE_URL"])) as connection:
        counted = "select value from ops._runs_totals where metric = 'etl_records_processed_total'"
        assert connection.execute(counted).fetchall() == [(1.0,)]

    transformer = open_warehouse(
        load_settings({**admin, "DATABASE_URL": as_role(postgres_url, "assay_transformer")})
    )
    assert isinstance(transformer, Postgres)
    transformer.commit(  # as a build does, and the publishing of one
        [
            ("create schema analytics__next", ()),
            ("create table analytics__next.names as select name from raw.people", ()),
            ("alter schema analytics__next rename to analytics", ()),
            ("create view public.user_features as select name from analytics.names", ()),
        ]
    )
    told = transformer.query("select current_user, name from names")
    assert told.rows == [("assay_reader", "Ada")]
    with transformer.published_reading() as reader:
        assert reader.fetch("select current_user").rows == [("assay_reader",)]
    reader_alone = load_settings({**admin, "DATABASE_URL": as_role(postgres_url, "assay_reader")})
    assert read_page(open_warehouse(reader_alone), "names", Wanted()).result.rows == [("Ada",)]
    assert open_warehouse(reader_alone).query("select name from raw.people").rows == [("Ada",)]
    with pytest.raises(RefusedQueryError):
        open_warehouse(reader_alone).query("delete from raw.people")

    allowed = [
        (role, sql)
        for role, statements in {
            "assay_reader": (
                "insert into raw.people (name) values ('x')",
                "set default_transaction_read_only = off; delete from raw.people",
                "set default_transaction_read_only = off; create table public.mine (x int)",
                "set default_transaction_read_only = off; create temporary table mine (x int)",
                "select rolpassword from pg_authid",
                "select pg_read_file('/etc/passwd')",
                "select lo_create(0)",
                "select set_config('role', 'none', false)",
                "select pg_advisory_lock(1)",
                "select pg_terminate_backend(1)",
                "copy (select 1) to program 'true'",
                "set role assay_loader",
                "set role assay_transformer",
            ),
            "assay_loader": (
                "select name from analytics.names",
                "select name from public.user_features",
                "drop table analytics.names",
                "create schema mine",
                "set role assay_reader",
                "select pg_read_file('/etc/passwd')",
                "create role mine",
            ),
            "assay_transformer": (
                "insert into raw.people (name) values ('x')",
                "truncate raw.people",
                "drop schema raw cascade",
                "set role assay_loader",
                "select pg_read_file('/etc/passwd')",
                "create role mine",
            ),
        }.items()
        for sql in statements
        if not refused(postgres_url, role, sql)
    ]
    assert allowed == []


def test_roles_are_for_a_server(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL"):
        set_up_roles(load_settings({"ELT_DATA_DIR": str(tmp_path)}, tmp_path))
