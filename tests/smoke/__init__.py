"""`make smoke`: every pipeline once, on every raw store and warehouse; see `__main__`."""
