"""Parquet: each value is a text, with every digit that it has."""
