"""How fast landing is, against bare COPY and against peers: `make bench` (see README.md here)."""
