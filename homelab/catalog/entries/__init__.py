"""The catalog's entries: one service per file."""
