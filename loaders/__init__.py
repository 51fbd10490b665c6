"""Sources → raw: what Assay reads, and how it lands, whole and once."""
