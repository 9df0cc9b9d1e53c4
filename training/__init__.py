"""Offline training: playlists in files become a run folder, from which `export` writes a bundle."""
