"""`python -m orchestration.cli` is `elt`."""

from orchestration.cli import main

main()
