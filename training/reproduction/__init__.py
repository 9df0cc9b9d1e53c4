"""Making again every figure that the README quotes."""
