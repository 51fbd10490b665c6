"""Your own pipelines: one file each, found by itself; docs/pipelines.md tells how to write one."""
