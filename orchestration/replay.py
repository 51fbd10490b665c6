"""A replay is a run: it holds the warehouse, has a record, and its books are shown as a run's."""

import logging
from collections.abc import Sequence
from pathlib import Path

from loaders import ledger
from loaders.catalog import PATHS, load_catalog
from loaders.landing import paths_source
from loaders.quarantine.mended import read_mended
from loaders.replay import replay_rows
from loaders.settings import Settings
from orchestration.recording import Tell, add_outcome, recorded_run, timed
from orchestration.registry import Rejections, RunRecord

log = logging.getLogger("assay.replay")


def replay(
    settings: Settings, paths: Sequence[Path], *, tell: Tell = log.info, is_debug: bool = False
) -> RunRecord:
    """Land the mended rows of these sheets; the models see them once they are built again.

    Raises:
        SettingsError: a file is missing or is no sheet; nothing was started.
        AssayError: a line of a sheet does not fit the quarantine, so that nothing has landed; or
            the warehouse cannot be reached, or another run holds it.
    """
    catalog = load_catalog(settings)
    rows = [row for path in paths for row in read_mended(path)]
    with recorded_run(settings, tell, is_debug=is_debug) as (warehouse, record, _):
        with timed(record, "land"):
            tell(f"Replaying {', '.join(map(str, paths))} …")
            with warehouse.reading() as reader:
                landed = ledger.tables_of_source(reader, PATHS)
            catalog |= {PATHS: paths_source(landed)} if landed else {}
            for outcome in replay_rows(settings, warehouse, catalog, rows, record.run_id):
                add_outcome(record, outcome)
        record.rejections = Rejections(sum(outcome.open for outcome in record.sources))
    return record
