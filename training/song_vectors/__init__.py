"""Song vectors: what songs (or artists) have to do with each other, learnt from what they occur beside."""
