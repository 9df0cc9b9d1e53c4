"""The commands, one module each; what only one of them needs is imported only when it is chosen."""
