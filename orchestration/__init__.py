"""One run = one lock, one record, one set of counts; the CLI is a door to it, this is another.

from orchestration import land, read

land("lab")
features = read("user_features")
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from orchestration.registry import RunRecord

__all__ = ["land", "read"]


def land(*sources: str) -> "RunRecord":
    """Land the named sources (none: all of them) and record the run.

    Raises:
        loaders.errors.AssayError: the settings are unusable, or another run is under way.
    """
    from loaders.settings import load_settings
    from orchestration.run import run

    return run(load_settings(), sources, transforms=False)


def read(model: str) -> "pd.DataFrame":
    """A published table, a model or a raw table as a DataFrame, ordered by its first column.

    Raises:
        loaders.errors.AssayError: there is no such table, or the warehouse cannot be read.
    """
    import pandas as pd

    from loaders.settings import load_settings
    from loaders.warehouse import open_warehouse
    from orchestration.reading import show

    result = show(open_warehouse(load_settings()), model)
    frame = pd.DataFrame.from_records(result.rows, columns=list(result.columns))
    for i, name in enumerate(result.columns):
        values = {type(row[i]) for row in result.rows}
        if values == {int, type(None)}:  # pandas would make floats of whole numbers with gaps
            frame[name] = frame[name].astype("Int64")
    return frame
