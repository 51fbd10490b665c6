"""What landings showed the models, and by whom it was offered: by its source, or over HTTP."""

from collections.abc import Iterable
from typing import NamedTuple

from loaders.batch import Batch, Disposition
from loaders.ledger import has_table
from loaders.uploads import SCHEME, is_uploaded
from loaders.warehouse import RAW_SCHEMA, Reader

UPLOADED = f"{SCHEME}%"
CARRIED = '%"is_carried":true%'  # in a manifest, as it is written; a quote within a name has a \


class Shown(NamedTuple):
    """A batch that a landing showed; one that is `carried` was offered before, and shown again."""

    landing_id: int
    table: str
    batch_id: str
    uri: str
    disposition: Disposition

    @property
    def is_replacing(self) -> bool:
        """Whether models see of its table what the source's latest landing shows, and no more."""
        return self.disposition == "replace"

    @property
    def is_uploaded(self) -> bool:
        """Whether it came over HTTP."""
        return is_uploaded(self.uri)


def shown_last(reader: Reader, source: str) -> list[Shown]:
    """What the last landing of a source showed, in order; nothing where it has never landed."""
    if not has_table(reader, "_landings"):
        return []
    return _fetch(
        reader,
        f"where source = %s and landing_id = (select max(landing_id) from {RAW_SCHEMA}._landings "
        "where source = %s)",
        (source, source),
    )


def offered_last(reader: Reader, source: str) -> list[Shown]:
    """What the source itself offered last for each of its tables."""
    return _fetch(
        reader,
        "where source = %s and uri not like %s and manifest not like %s and landing_id = "
        f"(select max(other.landing_id) from {RAW_SCHEMA}._landings as other "
        "where other.source = landed.source and other.table_name = landed.table_name "
        "and other.uri not like %s and other.manifest not like %s)",
        (source, UPLOADED, CARRIED, UPLOADED, CARRIED),
    )


def uploaded_since(reader: Reader, source: str, offered: Iterable[Shown]) -> list[Shown]:
    """What was uploaded after the source offered this, each batch once, where it came last."""
    after = {shown.table: shown.landing_id for shown in offered}
    uploads = _fetch(
        reader,
        "where source = %s and uri like %s and manifest not like %s and landing_id > %s",
        (source, UPLOADED, CARRIED, min(after.values(), default=0)),
    )
    since = [upload for upload in uploads if upload.landing_id > after.get(upload.table, 0)]
    once = {upload.batch_id: upload for upload in reversed(since)}
    return list(reversed(once.values()))


def batches_of(reader: Reader, shown: Iterable[Shown]) -> list[Batch]:
    """Batches that have landed, as another landing names them: nothing of them is read again."""
    batches = []
    for each in shown:
        sql = f"select source, sha256, bytes from {RAW_SCHEMA}._batches where _batch_id = %s"
        ((source, sha256, size),) = reader.fetch(sql, (each.batch_id,)).rows
        batch = Batch(
            id=each.batch_id,
            source=source,
            table=each.table,
            uri=each.uri,
            path="",
            sha256=sha256,
            bytes=size,
            format="csv",
            encoding="utf-8",
        )
        batches.append(batch)
    return batches


def _fetch(reader: Reader, where: str, parameters: tuple[str | int, ...]) -> list[Shown]:
    rows = reader.fetch(
        "select landing_id, table_name, _batch_id, uri, disposition "
        f"from {RAW_SCHEMA}._landings as landed {where} order by landing_id, position",
        parameters,
    ).rows
    return [Shown(*row) for row in rows]
