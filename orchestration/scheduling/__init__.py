"""Sources and pipelines by themselves: when they run, and what became of it."""
