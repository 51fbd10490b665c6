"""A rollback is a run: it holds the warehouse, and has a record that says what it returned to."""

import logging

from loaders.settings import Settings
from orchestration import publishing
from orchestration.recording import Tell, recorded_run, timed
from orchestration.registry import Rollback, RunRecord

log = logging.getLogger("assay.rollback")


def rollback(settings: Settings, *, tell: Tell = log.info, is_debug: bool = False) -> RunRecord:
    """Turn the published names back to the build before; nothing is built or tested.

    Raises:
        AssayError: there is no build before, the warehouse cannot be reached, or another run holds
            it. What is published is as it was.
    """
    with recorded_run(settings, tell, is_debug=is_debug) as (warehouse, record, _):
        with timed(record, "publish"):
            now = publishing.rollback(warehouse, record.run_id)
        assert now.withdrawn is not None
        record.rollback = Rollback(now.live.run_id, now.withdrawn.run_id)
        log.info("rolled back to the build of run %s", now.live.run_id)
    return record
