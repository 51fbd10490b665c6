"""How sources and tables are named in sources.yml: as raw tables are, in the warehouse."""

from typing import Annotated

import msgspec

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
DOCUMENTS = ("document",)  # the columns of a table of JSON records
PATHS = "paths"  # the source of what `elt land PATH` lands
