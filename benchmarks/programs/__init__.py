"""What a contestant runs, each as a process of its own: the limits, and peers used as libraries."""
