"""`elt inspect`: how files would be read, and why."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from loaders.errors import SettingsError
from loaders.settings import load_settings
from orchestration.cli.output import FAILED, as_json, print_document, say

if TYPE_CHECKING:
    from orchestration.inspection import Inspection

TOLD_IN_FULL = 3  # files; of more, each is a line


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--rows", "prints_rows", is_flag=True, help="Print the rows as RFC 4180 CSV.")
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="With --rows: write a CSV for each file into this folder, under its own name.",
)
@as_json
@click.pass_context
def inspect(
    context: click.Context,
    files: tuple[Path, ...],
    prints_rows: bool,
    folder: Path | None,
    is_json: bool,
) -> None:
    """Say how FILES, or the files of a folder, would be read and why; write nothing.

    The rows are printed as they are cut: the header first and as written, a ragged row in its own
    width. What is no row of the table is left out: a preamble, a footer, a second table.
    """
    paths = list(_paths(files))
    if folder and not prints_rows:
        raise click.UsageError("--out says where --rows go: add --rows")
    if prints_rows and not folder and (is_json or len(paths) > 1):
        raise click.UsageError("--rows of several files, or beside --json, need --out DIR")
    found = list(_inspect(paths, files, folder, prints_rows=prints_rows))
    if is_json:
        print_document(found)
    else:
        tell = say if prints_rows and not folder else click.echo
        for one in found:
            tell(_told(one) if len(found) <= TOLD_IN_FULL else _told_shortly(one))
    context.exit(FAILED if any(one.is_unreadable for one in found) else 0)


def _paths(named: tuple[Path, ...]) -> Iterator[Path]:
    """The files that were named, and those of the folders, in order."""
    for path in named:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.is_file())
        elif path.is_file():
            yield path
        else:
            raise SettingsError(f"there is no file {path}")


def _inspect(
    paths: list[Path], named: tuple[Path, ...], folder: Path | None, *, prints_rows: bool
) -> "Iterator[Inspection]":
    from orchestration.inspection import inspect as inspect_file

    targets = _targets(named, paths, folder) if folder else {}
    limit = load_settings().max_unpacked_bytes
    with tempfile.TemporaryDirectory(prefix="elt-inspect-") as unpacked:
        for path in paths:
            stream = sys.stdout if prints_rows and not folder else None
            yield from inspect_file(path, Path(unpacked), limit, stream, targets.get(path))


def _targets(named: tuple[Path, ...], paths: list[Path], folder: Path) -> dict[Path, Path]:
    """Where each file's rows go; the files of a folder keep their places in it."""
    from orchestration.inspection import free_place, own_name

    targets: dict[Path, Path] = {}
    taken: set[Path] = set()
    for path in paths:
        above = next((root for root in named if path.is_relative_to(root) and path != root), None)
        place = path.parent.relative_to(above) if above else Path()
        target = folder / place / own_name(path)
        if target in taken:  # a.csv.gz beside a.csv keeps its ending
            target = target.with_name(path.name)
        targets[path] = free_place(target, taken)
    written = {target.resolve() for target in targets.values()}
    for path in paths:
        if path.resolve() in written:
            raise SettingsError(f"{path} would be overwritten; choose another folder than {folder}")
    return targets


def _told(found: "Inspection") -> str:
    """All that was found of a file, in lines for people."""
    name = f"{found.file}: {found.member}" if found.member else found.file
    lines = [name, *(f"  {title:<10} {text}" for title, text in _facts(found))]
    return "\n".join(lines)


def _facts(found: "Inspection") -> Iterator[tuple[str, str]]:
    if found.format:
        packed = f", unpacked from {found.compression}" if found.compression else ""
        yield "format", f"{found.format} in {found.encoding}{packed}"
    if found.dialect:
        told = f"fields parted by {found.dialect.delimiter!r}, quoted by {found.dialect.quote!r}"
        escape = f", escaped by {found.dialect.escape!r}" if found.dialect.escape else ""
        yield "dialect", told + escape
    yield from (("why", reason) for reason in found.why)
    if found.columns:
        place = f"on line {found.header_line}: " if found.header_line else ""
        yield "header" if place else "columns", place + ", ".join(c.name for c in found.columns)
    if found.problem:
        yield "problem", found.problem
    yield "rows", f"{found.rows_read} read, {found.rows_landing} would land"
    for aside in found.aside:
        yield "set aside", f"{aside.rows}, from line {aside.first_line} on: {aside.reason}"


def _told_shortly(found: "Inspection") -> str:
    name = f"{found.file}: {found.member}" if found.member else found.file
    if found.problem:
        return f"{name}: {found.problem}"
    dialect = f" {found.dialect.delimiter!r} {found.dialect.quote!r}" if found.dialect else ""
    aside = sum(one.rows for one in found.aside)
    return (
        f"{name}: {found.format} {found.encoding}{dialect}, {len(found.columns)} columns, "
        f"{found.rows_landing} rows" + (f", {aside} would be set aside" if aside else "")
    )
