"""The models: built and tested where something is new, published when all of them passed."""

import logging
from collections.abc import Callable

from loaders import ledger
from loaders.catalog import SourceSpec, modelled_tables_of
from loaders.counts import COUNTS
from loaders.errors import WarehouseError
from loaders.landing import make_tables
from loaders.profiles import renew_small
from loaders.settings import Settings
from loaders.warehouse import Warehouse
from orchestration import builds, dbt, publishing
from orchestration.fingerprint import fingerprint
from orchestration.judged import count_judged
from orchestration.recording import Tell, timed, warn
from orchestration.registry import Rejections, RunRecord

log = logging.getLogger("assay.run")


def transform(
    settings: Settings,
    warehouse: Warehouse,
    record: RunRecord,
    catalog: dict[str, SourceSpec],
    tell: Tell,
    check: Callable[[], None],
    *,
    is_asked: bool,
) -> None:
    """Build the models where something is new, or where that is what was asked for.

    They are published when all of them were built and every test has passed.
    """
    with timed(record, "transform"):
        make_tables(settings, warehouse, catalog, record.run_id)
        made_from = fingerprint(settings, warehouse)
        with warehouse.reading() as reader:
            models = builds.standing(reader, made_from)
        if models.reason is None and not is_asked:
            log.info("models up to date since run %s", models.run_id)
            record.transform = dbt.BuildOutcome(
                up_to_date_since=models.run_id, withdrawn=models.withdrawn
            )
            return
        log.info("building: %s", models.reason or "asked for")
        tell(f"Building and testing the models{f': {models.reason}' if models.reason else ''} …")
        warn(record, renew_small(warehouse, record.run_id))
        warehouse.refresh_statistics()
        suffix = publishing.prepare(warehouse)
        builds.begin(warehouse, record.run_id, made_from, models.ledger)  # the last before dbt
        log_dir = settings.runs_dir / record.run_id / "dbt"
        record.transform = built = dbt.build(settings, warehouse, log_dir, suffix)
        if built.is_success:
            check()
            try:
                warnings = publishing.publish(warehouse, record.run_id, suffix, built.relations)
            except WarehouseError:
                COUNTS.add_write_error("processed")
                raise
            warn(record, warnings)
            count_judged(warehouse, record.run_id, set(modelled_tables_of(catalog)))
        for failure in record.transform.failures:
            log.error("%s %s: %s", failure.kind, failure.name, failure.message)


def rejections(warehouse: Warehouse, record: RunRecord) -> Rejections:
    """What stands aside of what this run read, and of what it built."""
    quarantined = sum(outcome.open for outcome in record.sources)
    if record.transform is None or not record.transform.is_success:
        return Rejections(quarantined)  # what is published is of another build
    with warehouse.reading() as reader:
        if not ledger.has_relation(reader, "ops", "rejected_records"):
            return Rejections(quarantined)
        rejected, uncast = reader.fetch(
            "select count(distinct case when is_set_aside then "
            "_batch_id || ':' || cast(_row as varchar) end), "
            "count(case when not is_set_aside then 1 end) from ops.rejected_records"
        ).rows[0]
    return Rejections(quarantined, rejected, uncast)
