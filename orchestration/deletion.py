"""A deletion is a run: it holds the warehouse, and has a record that says who, what and why."""

import logging
from collections.abc import Sequence

from loaders.deletion import delete as delete_rows
from loaders.deletion import row_id
from loaders.ledger.tombstones import Occasion
from loaders.settings import Settings
from orchestration.recording import Tell, recorded_run, timed
from orchestration.registry import RunRecord

log = logging.getLogger("assay.deletion")


def delete(
    settings: Settings,
    table: str,
    rows: Sequence[str],
    occasion: Occasion,
    *,
    tell: Tell = log.info,
    is_debug: bool = False,
) -> RunRecord:
    """Delete raw rows, each named `batch:row`; the models leave them out once they are built again.

    Raises:
        SettingsError: a name is none of a row, or the table has no such row; nothing is deleted.
        AssayError: the warehouse cannot be reached, or another run holds it.
    """
    wanted = [row_id(row) for row in rows]
    with recorded_run(settings, tell, is_debug=is_debug) as (warehouse, record, _):
        with timed(record, "delete"):
            record.deletion, warnings = delete_rows(
                settings,
                warehouse,
                table.removeprefix("raw."),
                wanted,
                record.run_id,
                occasion,
            )
        record.warnings += warnings
        log.info("deleted %s rows of raw.%s", record.deletion.rows, record.deletion.table)
    return record
