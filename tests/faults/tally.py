"""What a fault hit, counted while it is tried: a pytest plugin that prints it at the end."""

from collections.abc import Callable

import pytest
from tabulate import tabulate

COUNTED = (
    "kills", "hit before", "hit during", "hit after", "old seen", "new seen", "exact",
)  # fmt: skip


class Line:
    """One line of the tally: what was tried, and how often it came to what."""

    def __init__(self, tried: dict[str, object]) -> None:
        self.cells = {**tried, **dict.fromkeys(COUNTED, 0)}

    def count(self, *names: str) -> None:
        """Once more of each."""
        for name in names:
            assert name in COUNTED
            self.cells[name] = int(str(self.cells[name])) + 1


Tally = Callable[..., Line]


@pytest.fixture
def tally(record_property: Callable[[str, object], None]) -> Tally:
    """Begin a line that the end of the session prints, also where the test fails."""

    def begin(**tried: object) -> Line:
        line = Line(tried)
        record_property("tally", line.cells)
        return line

    return begin


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the lines of all tests as a table."""
    reports = [*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])]
    told = [each for report in reports for each in report.user_properties]
    lines = [dict(line) for name, line in told if name == "tally"]
    if lines:
        terminalreporter.section("faults")
        terminalreporter.write_line(tabulate(lines, headers="keys"))
