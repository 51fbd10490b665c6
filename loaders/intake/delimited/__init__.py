"""Text whose lines are records: how it is cut is decided, and then done."""
