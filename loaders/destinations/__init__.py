"""How a landing becomes visible, once: dlt's own destinations, with a load job of ours under them.

dlt carries one manifest row per batch and keeps the tables' schema; the job moves the rows.
"""
