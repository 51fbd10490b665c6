"""Bytes → rows, losing nothing: every record of a file is a row, or stands aside with a reason."""

from loaders.intake.records import Rejected, Row, read_rows, readable

__all__ = ["Rejected", "Row", "read_rows", "readable"]
