"""What dlt asks its destination for again and again, resolved once for a landing."""

from typing import Any

from dlt.common.destination import Destination
from typing_extensions import override


class ResolvedOnce(Destination[Any, Any]):
    """A destination whose configuration, as far as its capabilities need it, is resolved once.

    dlt asks for the capabilities some thirty times in a landing, and looks through the environment
    anew each time: a third of what a small landing costs. We make a destination for each landing.
    """

    _partial: Any = None

    @override
    def configuration(self, initial_config: Any, accept_partial: bool = False) -> Any:
        """The whole configuration anew; the partial one, which dlt only reads, as it was."""
        if not accept_partial:
            return super().configuration(initial_config)
        if self._partial is None:
            self._partial = super().configuration(initial_config, accept_partial=True)
        return self._partial
