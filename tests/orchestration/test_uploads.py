"""Uploaded files in a run: where they land, what of them is seen, and what is left behind."""

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from loaders import ledger
from loaders.settings import Settings, load_settings
from loaders.warehouse import open_warehouse
from orchestration.rebuild import rebuild
from tests.conftest import Elt

HEADER = (
    "SalesOrderNumber,SalesOrderLineNumber,OrderDate,CustomerName,EmailAddress,"
    "Item,Quantity,UnitPrice,TaxAmount"
)
ORDER = 'SO1,{line},2019-07-01,Ann,a@b.example,"Mountain-100 Silver, 44",{quantity},3.5,0.1'
USERS = "user_id,name,email,signup_date\n{}\n"
File = tuple[str, str | bytes] | tuple[str, str | bytes, dict[str, str]]
Upload = Callable[..., CompletedProcess[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "uploads" / "request"


@pytest.fixture
def upload(elt: Elt, folder: Path) -> Upload:
    """Land files under these names as the service does, of which a client sent them."""

    def send(*files: File, **variables: str) -> CompletedProcess[str]:
        folder.mkdir(parents=True, exist_ok=True)
        entries = []
        for number, (name, content, *more) in enumerate(files):
            path = folder / str(number)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            entries.append({"path": str(path), "name": name, **(more[0] if more else {})})
        manifest = folder / "manifest.json"
        manifest.write_text(json.dumps({"files": entries}))
        return elt("land", "--uploads", str(manifest), "--json", **variables)

    return send


def states(done: CompletedProcess[str]) -> list[tuple[str, Any, Any]]:
    """State, rows landed and rows set aside of each file."""
    uploads = json.loads(done.stdout)["uploads"]
    return [(u["state"], u["books"]["landed"], u["books"]["quarantined"]) for u in uploads]


def seen(settings: Settings, source: str) -> list[tuple[str, str]]:
    """What the last landing of a source shows the models: tables and names, in order."""
    with open_warehouse(settings).reading() as reader:
        rows = reader.fetch(
            "select table_name, uri from raw._landings where source = %s and landing_id = "
            "(select max(landing_id) from raw._landings where source = %s) order by position",
            (source, source),
        ).rows
    return [(table, uri.rpartition("/")[2]) for table, uri in rows]


def fetch(settings: Settings, sql: str) -> Sequence[tuple[Any, ...]]:
    with open_warehouse(settings).reading() as reader:
        return reader.fetch(sql).rows


@pytest.mark.contract("S1-05", "S1-06", "S1-10", "S1-11", "S1-12", "S1-21")
def test_a_file_lands_in_the_table_of_its_name_once_and_whole(
    upload: Upload, settings: Settings, folder: Path
) -> None:
    sales = f"{HEADER}\n{ORDER.format(line=1, quantity=1)}\n{ORDER.format(line=2, quantity=1)}\n"
    files = (
        ("sales.csv", sales + "SO1,3\n", {"content_type": "text/x-orders"}),
        ("Any thing.csv", "Some Id,B\n00501,\n"),
    )
    done = upload(*files)
    assert done.returncode == 3, done.stderr
    assert states(done) == [("landed", 2, 1), ("landed", 1, 0)]
    assert [path.name for path in folder.iterdir() if path.name.isdecimal()] == []
    rows = json.loads((folder / "rows.json").read_text())
    assert [row.get("item") for row in rows] == ["Mountain-100 Silver, 44"] * 2 + [None]
    assert rows[2] == {"some_id": "00501", "b": None}
    again = upload(*files)
    assert states(again) == [("duplicate", 2, 1), ("duplicate", 1, 0)]
    assert json.loads((folder / "rows.json").read_text()) == rows
    assert fetch(settings, "select count(*) from raw.sales") == [(2,)]
    archived = settings.data_dir / "files"
    assert (archived / "sales.csv").read_text() == sales + "SO1,3\n"
    assert {path.name for path in archived.iterdir()} == {"sales.csv", "Any thing.csv"}
    planned = next((settings.data_dir / "landings").rglob("*-sales.json")).read_text()
    assert '"content_type":"text/x-orders"' in planned


@pytest.mark.parametrize("target", ["duckdb"])
@pytest.mark.parametrize("name", ["sales_2026_09.csv", "sales_2026_09.csv.gz", r"C:\x\sales_1.csv"])
def test_a_name_that_a_source_looks_for_is_of_its_table(
    upload: Upload, settings: Settings, name: str
) -> None:
    sales = f"{HEADER}\n{ORDER.format(line=1, quantity=1)}\n".encode()
    done = upload((name, gzip.compress(sales) if name.endswith("gz") else sales))
    assert states(done) == [("landed", 1, 0)]
    assert fetch(settings, "select source, table_name from raw._batches") == [("sales", "sales")]


@pytest.mark.parametrize("target", ["duckdb"])
def test_an_upload_stays_in_sight_until_its_source_offers_something_else(
    upload: Upload, elt: Elt, settings: Settings, tmp_path: Path
) -> None:
    lab = tmp_path / "lab"
    lab.mkdir()
    for name in ("users", "user_experiments", "compounds"):
        (lab / f"{name}.csv").write_bytes((Path("seeds/lab") / f"{name}.csv").read_bytes())
    others = [("user_experiments", "user_experiments.csv"), ("compounds", "compounds.csv")]
    given = {"CSV_DATA_PATH": str(lab)}
    elt("land", "lab", **given)
    uploaded = upload(("Users.csv", USERS.format("77,Zoe,z@z.example,2020-01-01")), **given)
    assert uploaded.returncode == 0, uploaded.stderr
    assert seen(settings, "lab") == [("users", "Users.csv"), *others]
    for _ in range(2):  # the folder is as it was: it does not take the upload away
        assert elt("land", "lab", **given).returncode == 0
        assert seen(settings, "lab") == [("users", "Users.csv"), *others]
    (lab / "compounds.csv").write_text("compound_id,compound_name,compound_structure\n1,C,C\n")
    elt("land", "lab", **given)
    assert seen(settings, "lab") == [("users", "Users.csv"), *others]
    (lab / "users.csv").write_text(USERS.format("1,Amara,a@a.example,2020-01-01"))
    elt("land", "lab", **given)
    assert seen(settings, "lab") == [("users", "users.csv"), *others]
    counts = "select count(*), count(distinct _batch_id) from raw.users"
    assert fetch(settings, counts) == [(38, 3)]


@pytest.mark.parametrize("target", ["postgres"])
def test_a_source_that_merges_goes_before_what_was_uploaded_and_its_news_behind(
    upload: Upload, elt: Elt, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "sales"
    folder.mkdir()
    catalog = tmp_path / "sources.yml"
    catalog.write_text(
        Path("sources.yml").read_text().replace("seeds/sales", str(folder)).replace("sales*", "*")
    )
    monkeypatch.setattr("orchestration.run.load_catalog", _reading(catalog))
    (folder / "a.csv").write_text(f"{HEADER}\n{ORDER.format(line=1, quantity=1)}\n")
    elt("land", "sales")
    upload(("sales.csv", f"{HEADER}\n{ORDER.format(line=1, quantity=2)}\n"))
    elt("land", "sales")
    assert seen(settings, "sales") == [("sales", "sales.csv")]  # nothing was new
    (folder / "b.csv").write_text(f"{HEADER}\n{ORDER.format(line=1, quantity=3)}\n")
    for _ in range(2):
        assert elt("land", "sales").returncode == 0
        assert [name for _, name in seen(settings, "sales")] == ["a.csv", "sales.csv", "b.csv"]
    assert fetch(settings, "select count(*) from raw._landings where source = 'sales'") == [(5,)]


SHOP = """
sources:
  shop:
    kind: files
    path: {}
    disposition: merge
    tables:
      notes: {{file: "notes*.json", columns: [document], required: [document]}}
      orders: {{file: "orders*.csv"}}
"""


@pytest.mark.parametrize("target", ["duckdb"])
def test_a_table_that_was_replaced_stays_so_while_others_of_its_source_land(
    upload: Upload, elt: Elt, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shop, catalog = tmp_path / "shop", tmp_path / "sources.yml"
    shop.mkdir()
    catalog.write_text(SHOP.format(shop))
    for module in ("orchestration.run", "loaders.catalog"):
        monkeypatch.setattr(f"{module}.load_catalog", _reading(catalog))
    (shop / "notes.json").write_text('[{"id":1}]')
    (shop / "orders1.csv").write_text("id,n\n1,1\n")
    assert elt("land", "shop").returncode == 0
    upload(("notes.json", '[{"id":2}]', {"table": "notes", "disposition": "replace"}))
    upload(("orders.csv", "id,n\n1,2\n"))
    assert seen(settings, "shop") == [("notes", "notes.json"), ("orders", "orders.csv")]
    (shop / "orders2.csv").write_text("id,n\n1,3\n")
    elt("land", "shop")
    orders = [("orders", name) for name in ("orders1.csv", "orders.csv", "orders2.csv")]
    assert seen(settings, "shop") == [("notes", "notes.json"), *orders]
    sql = "select disposition, uri like 'upload%' from raw._landings where table_name = 'notes'"
    assert fetch(settings, f"{sql} order by landing_id") == [
        ("merge", False),
        ("replace", True),
        ("replace", True),
        ("replace", True),
    ]
    (shop / "notes.json").write_text('[{"id":3}]')
    elt("land", "shop")
    rows = fetch(settings, f"{sql} order by landing_id, position")
    assert rows[4:] == [("merge", True), ("merge", False)]  # it offers something else: all count


def _reading(path: Path) -> Callable[..., Any]:
    from loaders.catalog import load_catalog

    return lambda settings: load_catalog(settings, path)


@pytest.mark.contract("S0-05", "S0-08")
@pytest.mark.parametrize("target", ["duckdb"])
def test_records_replace_those_before_them_and_stay_as_they_were_sent(
    upload: Upload, settings: Settings, folder: Path
) -> None:
    """Under the table's plain name is the last list; raw has every one."""
    odd = '{"a":1180591620717411303424,"a":1.0, "b" : 1e400}'
    told = {"table": "t", "disposition": "replace"}
    assert upload(("t.json", f"[{odd}]", told)).returncode == 0
    assert (folder / "rows.json").read_text() == f"[{odd}]"
    assert fetch(settings, "select document from raw.t") == [(odd,)]
    upload(("t.json", '[{"a":2}]', told))
    upload(("other.csv", "a,b\n1,2\n"))
    last = (
        "select document from raw.t where _batch_id in (select _batch_id from raw._landings "
        "where landing_id = (select max(landing_id) from raw._landings where table_name = 't'))"
    )
    assert fetch(settings, last) == [('{"a":2}',)]
    assert fetch(settings, "select document from t") == [('{"a":2}',)]
    assert fetch(settings, "select count(*) from raw.t") == [(2,)]
    with open_warehouse(settings).reading() as reader:
        assert {each.disposition for each in ledger.last_landing(reader, "paths")} == {"append"}
    settings.duckdb_path.unlink()
    assert rebuild(settings).state == "succeeded"
    assert fetch(settings, "select document from t") == [('{"a":2}',)]
    upload(("t.json", "[]", told))
    assert fetch(settings, "select document from t") == []


@pytest.mark.contract("S1-13")
@pytest.mark.parametrize("target", ["duckdb"])
def test_what_is_no_table_is_refused_with_its_reason_and_leaves_nothing(
    upload: Upload, settings: Settings, folder: Path
) -> None:
    done = upload(
        ("empty.csv", ""),
        ("image.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        ("noise.csv", bytes(range(256)) * 40),
        ("note.txt", "hello world"),
        ("page.csv", "<html><body>a,b</body></html>"),
        ("no_header.csv", "1,2\n3,4\n"),
        ("sales.csv", "a,b\n1,2\n"),
        ("good.csv", "a,b\n1,2\n"),
    )
    assert done.returncode == 1
    reasons = [upload["reason"] or "" for upload in json.loads(done.stdout)["uploads"]]
    wanted = ["is empty", "a PNG image", "binary data", "in which nothing parts columns"]
    wanted += ["a web page", "is a header", "sales_order_number", ""]
    for reason, part in zip(reasons, wanted, strict=True):
        assert part in reason
    assert states(done)[-2:] == [("refused", 0, 1), ("landed", 1, 0)]
    tables = {
        upload["tables"][0] for upload in json.loads(done.stdout)["uploads"] if upload["tables"]
    }
    assert tables == {"sales", "good"}
    assert [path.name for path in folder.iterdir() if path.name.isdecimal()] == []
    with open_warehouse(settings).reading() as reader:
        assert not ledger.has_table(reader, "empty")


@pytest.mark.parametrize("target", ["duckdb"])
def test_what_did_not_land_is_kept_and_lands_from_there(
    upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    from loaders.errors import AssayError

    def fail(*_: object) -> None:
        raise AssayError("the warehouse is gone")

    with monkeypatch.context() as patch:
        patch.setattr("loaders.landing.run_pipeline", fail)
        done = upload(("good.csv", "a,b\n1,2\n"))
    (file,) = json.loads(done.stdout)["uploads"]
    assert (done.returncode, file["state"]) == (1, "refused")
    assert "the warehouse is gone" in file["reason"]
    assert Path(file["kept"]).read_text() == "a,b\n1,2\n"
    assert states(upload(("good.csv", "a,b\n1,2\n"))) == [("landed", 1, 0)]


@pytest.mark.parametrize("target", ["duckdb"])
def test_an_archive_holds_files_for_several_sources(
    upload: Upload, settings: Settings, tmp_path: Path
) -> None:
    from zipfile import ZipFile

    with ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("../../users.csv", USERS.format("1,A,a@a.example,2020-01-01"))
        archive.writestr("other.csv", "a,b\n1,2\n")
    done = upload(("all.zip", (tmp_path / "all.zip").read_bytes()))
    assert done.returncode == 0, done.stdout
    assert states(done) == [("landed", 2, 0)]
    assert fetch(settings, "select count(*) from raw.users") == [(1,)]
    assert fetch(settings, "select source, archived_as from raw._batches order by 1") == [
        ("lab", "files/all.zip"),
        ("paths", "files/all.zip"),
    ]


@pytest.mark.parametrize("target", ["duckdb"])
@pytest.mark.parametrize(
    "manifest", ["[]", '{"files": []}', '{"files": [{"path": "/no", "name": ""}]}']
)
def test_a_manifest_that_is_none_is_bad_usage(elt: Elt, tmp_path: Path, manifest: str) -> None:
    (tmp_path / "manifest.json").write_text(manifest)
    done = elt("land", "--uploads", str(tmp_path / "manifest.json"))
    assert done.returncode == 2, done.stderr
    assert load_settings({"ELT_DATA_DIR": str(tmp_path)}).target == "duckdb"
