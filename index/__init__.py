"""Vectors and their records, FAISS indexes over them, and snapshots: how they are published, opened and followed."""
