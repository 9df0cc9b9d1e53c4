"""The tables of rights in docs/security.md."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def listed(title: str) -> list[list[str]]:
    """The rows of the table under a heading of docs/security.md, code marks taken off."""
    section = (ROOT / "docs" / "security.md").read_text().split(f"## {title}\n")[1].split("\n## ")[0]
    rows = [re.split(r"(?<!\\)\|", line.strip("|")) for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip().replace("\\|", "|") for cell in row] for row in rows]


def codes(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)
