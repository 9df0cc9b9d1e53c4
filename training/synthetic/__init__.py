"""A seeded karaoke data folder with a planted truth, as hard to learn from as real ones."""
