"""Erasing a person: their rows leave raw, quarantine and the raw store, and a rebuild keeps it so.

`subjects` says who is meant, `search` finds their rows, `masking` and `repacking` take these out of
archived bytes, `store` and `tables` carry that out, `records` is what the raw store is told of it.
"""
