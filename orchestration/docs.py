"""The docs site: dbt's own, as one static file that asks nothing of any host."""

import shutil
from pathlib import Path

from loaders.errors import AssayError
from loaders.settings import Settings
from loaders.warehouse import Warehouse
from orchestration import dbt


def write_site(settings: Settings, warehouse: Warehouse) -> Path:
    """Generate the site; the path of its only file.

    Raises:
        AssayError: dbt could not generate it; with dbt's own words.
    """
    folder = settings.data_dir / "docs"
    folder.mkdir(parents=True, exist_ok=True)
    done = dbt.invoke(settings, warehouse, ["docs", "generate", "--static"], folder / "logs")
    made = dbt.artefacts_dir(settings, warehouse) / "static_index.html"
    if done.returncode or not made.exists():
        raise AssayError(f"the docs could not be written: {dbt.last_words(done)}")
    return Path(shutil.copy(made, folder / "index.html"))
