"""What stands aside, and how it comes back: rows in quarantine, the sheet that a person mends.

`rows` reads the quarantine, `sheet` writes what is open as a table of cells, `mended` reads the
file that comes back. Landing it is `loaders.replay`.
"""
