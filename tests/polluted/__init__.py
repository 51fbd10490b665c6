"""Delimited files as nobody should send them, made by code, with the tables they are of."""
