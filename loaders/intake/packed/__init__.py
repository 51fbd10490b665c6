"""gzip, zip and zstd: what came packed is unpacked, within bounds."""
