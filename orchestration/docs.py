"""The docs site: dbt's own, as one static file that asks nothing of any host."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from loaders.errors import AssayError
from loaders.settings import Settings
from loaders.warehouse import DuckDB, Reader, Warehouse
from loaders.warehouse.copies import current
from orchestration import dbt, publications

WAIT_SECONDS = 300.0  # for another process that makes the site
KEPT = ".copy-"  # how a folder with a second name of the published copy begins

# dbt's page names its icons in ways that are filled in only after they were asked for
MENDED = {
    b'<use xlink:href="{{': b'<use ng-attr-xlink:href="{{',
    b"href=\"${require('./assets/favicons/favicon.ico')}\"": b'href="data:,"',
}


class Site(NamedTuple):
    """The only file of the site, and beside it which published build it was made of."""

    page: Path
    build: Path

    @property
    def made_of(self) -> str | None:
        """What `published_build` said when it was made; None where there is no site."""
        try:
            return self.build.read_text(encoding="utf-8") if self.page.is_file() else None
        except OSError:
            return ""  # it was made by an older version


def site_of(settings: Settings) -> Site:
    """Where the site is, whether there is one yet or not."""
    folder = settings.data_dir / "docs"
    return Site(folder / "index.html", folder / "index.build")


def published_build(reader: Reader) -> str:
    """What tells one published build from another; "-" where none is."""
    published = publications.latest(reader)
    return f"{published.live.build_id} {published.live.run_id}" if published else "-"


def write_site(settings: Settings, warehouse: Warehouse) -> Path:
    """Generate the site; the path of its only file. Of two who do, one waits for the other.

    Raises:
        AssayError: dbt could not generate it; with dbt's own words.
    """
    from filelock import FileLock, Timeout

    site = site_of(settings)
    folder = site.page.parent
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with (
            FileLock(folder / ".lock", timeout=WAIT_SECONDS),
            _at_rest(warehouse, folder) as described,
        ):
            return _write(settings, described, site)
    except Timeout:
        raise AssayError("another process has been making the docs for minutes") from None


def _write(settings: Settings, warehouse: Warehouse, site: Site) -> Path:
    folder = site.page.parent
    with warehouse.reading() as reader:
        build = published_build(reader)
    # what dbt parsed for others stays: read-only, it would parse all of it again
    target = dbt.artefacts_dir(settings, warehouse) / "docs"
    arguments = ["docs", "generate", "--static", "--target-path", str(target)]
    done = dbt.invoke(settings, warehouse, arguments, folder / "logs")
    made = target / "static_index.html"
    if done.returncode or not made.exists():
        raise AssayError(f"the docs could not be written: {dbt.last_words(done)}")
    part = site.page.with_suffix(".part")
    part.write_bytes(_mended(made.read_bytes()))
    part.replace(site.page)  # whole, for whoever reads it at this moment
    site.build.write_text(build, encoding="utf-8")
    return site.page


def _mended(page: bytes) -> bytes:
    """The page without the addresses in it that a browser would ask for in vain."""
    for wrong, right in MENDED.items():
        page = page.replace(wrong, right)
    return page


@contextmanager
def _at_rest(warehouse: Warehouse, folder: Path) -> Iterator[Warehouse]:
    """The warehouse to be described: on DuckDB its published copy, where there is one.

    So no run waits for it. A second name of its own keeps the copy when a newer one comes.
    """
    if not isinstance(warehouse, DuckDB) or not warehouse.path.exists():
        yield warehouse
        return
    copy = current(warehouse.path)
    if copy is None:
        yield DuckDB(warehouse.path, is_read_only=True)
        return
    for left in folder.glob(f"{KEPT}*"):  # by one that was killed
        shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(dir=folder, prefix=KEPT) as kept:
        with suppress(OSError):  # no second names on this file system: the copy as it is
            os.link(copy, Path(kept, copy.name))
            copy = Path(kept, copy.name)
        yield DuckDB(copy, is_read_only=True)
