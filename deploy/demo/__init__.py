"""The whole of Songprint once, on real parts: playlists in files, a model, a stream, labels."""
