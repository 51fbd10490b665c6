"""JSON: each record is a document of text, exactly as it was written."""
