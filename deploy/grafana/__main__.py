"""python -m deploy.grafana: write the dashboards' JSON files."""

import sys
from pathlib import Path

from deploy.grafana.boards import DASHBOARDS
from deploy.grafana.render import render

FOLDER = Path(__file__).with_name("dashboards")


def main() -> int:
    FOLDER.mkdir(exist_ok=True)
    for dashboard in DASHBOARDS:
        (FOLDER / f"{dashboard.uid}.json").write_text(render(dashboard))
    print(f"wrote {len(DASHBOARDS)} dashboards to {FOLDER}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
