"""Bytes → rows, losing nothing: every record of a file is a row, or stands aside with a reason."""
