import msgspec
import pytest

from loaders.batch import Column, Dialect
from loaders.destinations.tables import LINEAGE, LINEAGE_COLUMNS, OURS, Manifest
from tests.loaders.conftest import BatchOf


def test_a_manifest_survives_the_way_through_dlt(batch_of: BatchOf) -> None:
    batch = batch_of(
        b"", dialect=Dialect(",\t"), columns=(Column('ä"\n', "a"),), problem="no \x00 id"
    )
    manifest = Manifest(batch, "run-1", "2026-01-01T00:00:00+00:00", True, False)
    assert msgspec.json.decode(msgspec.json.encode(manifest), type=Manifest) == manifest


def test_lineage_is_the_same_three_columns_everywhere() -> None:
    assert tuple(LINEAGE_COLUMNS) == LINEAGE == ("_batch_id", "_row", "_dlt_load_id")


@pytest.mark.parametrize(
    "table", ["_batches", "_landings", "_quarantine", "_replays", "_schema_changes"]
)
def test_every_table_of_ours_names_batch_and_load(table: str) -> None:
    assert {"_batch_id", "_dlt_load_id", "run_id"} <= OURS[table].keys()
