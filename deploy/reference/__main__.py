"""python -m deploy.reference: write every page and file that is made from the code."""

import sys
from pathlib import Path

from deploy.reference.pages import PAGES

ROOT = Path(__file__).parents[2]


def main() -> int:
    for name, make in PAGES.items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(make())
        print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
