"""`python -m benchmarks`: hold the rounds, print the tables, write them into README.md here."""

import argparse
import shutil
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path

from benchmarks import report
from benchmarks.rounds import PEER_ROUNDS, hold
from benchmarks.scenarios import SCENARIOS, Bench, Sizes
from loaders.errors import AssayError
from loaders.settings import PROJECT_DIR

PLACE = PROJECT_DIR / "data" / "bench"
ROUNDS = 5


def main(arguments: list[str] | None = None) -> int:
    """Hold the rounds that the options ask for; 1 where the servers could not be had."""
    options = _options(arguments)
    sizes = Sizes(**{field.name: getattr(options, field.name) for field in fields(Sizes)})
    PLACE.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="run-", dir=PLACE))
    sections = [report.preamble(options.rounds, min(options.rounds, PEER_ROUNDS))]
    try:
        with ExitStack() as stack:
            bench = Bench(stack, scratch, PLACE / "peers", sizes, has_peers=options.peers)
            for name in options.only:
                scenario = SCENARIOS[name](bench)
                section = report.section_of(
                    scenario, hold(scenario, options.rounds, scratch, report.tell)
                )
                report.tell("\n" + section)
                sections.append(section)
    except AssayError as error:
        report.tell(f"benchmarks: {error}")
        return 1
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    figures = "\n".join(sections)
    print(figures)
    is_whole = options.only == list(SCENARIOS) and sizes == Sizes() and options.peers
    if options.write if options.write is not None else is_whole:
        report.write(figures)
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=_count, default=ROUNDS, metavar="N")
    for field in fields(Sizes):
        parser.add_argument(f"--{field.name}", type=_count, default=field.default, metavar="N")
    parser.add_argument(
        "--only",
        type=_scenarios,
        default=list(SCENARIOS),
        metavar="NAME,…",
        help=f"some of {', '.join(SCENARIOS)}",
    )
    parser.add_argument("--no-peers", dest="peers", action="store_false")
    parser.add_argument(
        "--write",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="write README.md; without it, only a run of everything at full size does",
    )
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    if not text.replace("_", "").isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def _scenarios(text: str) -> list[str]:
    named = text.split(",")
    unknown = [name for name in named if name not in SCENARIOS]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"there is no {', '.join(unknown)}; there are {', '.join(SCENARIOS)}"
        )
    return [name for name in SCENARIOS if name in named]


if __name__ == "__main__":
    sys.exit(main())
