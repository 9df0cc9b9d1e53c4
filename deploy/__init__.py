"""How Songprint is run: the local stack for development, tests and the demo, and everything for production."""
