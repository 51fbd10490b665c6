"""The types of files by their names, as the raw store keeps them: the same on every machine."""

from pathlib import PurePath

TYPES = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".tab": "text/tab-separated-values",
    ".txt": "text/plain",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".ndjson": "application/x-ndjson",
    ".json-seq": "application/json-seq",
    ".parquet": "application/vnd.apache.parquet",
    ".gz": "application/gzip",
    ".zip": "application/zip",
    ".zst": "application/zstd",
}


def content_type_of(name: str) -> str:
    """The type of a file by the last suffix of its name."""
    return TYPES.get(PurePath(name).suffix.lower(), "application/octet-stream")
