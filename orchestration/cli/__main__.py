"""`python -m orchestration.cli` is `elt`."""

from orchestration.cli.process import elt

elt()
