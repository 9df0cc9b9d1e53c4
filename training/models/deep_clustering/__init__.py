"""Models that cluster images, and other arrays of one shape, without their labels."""
