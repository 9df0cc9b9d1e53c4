"""Data folders: tables in files become sparse matrices."""
