"""Reference pages and schemas that are made from the code: `python -m deploy.reference` writes them."""
