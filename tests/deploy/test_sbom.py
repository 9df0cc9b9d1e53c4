"""The bill of materials follows its schema, and lacks nothing that the worker's image installs."""

import json
import re
import subprocess
import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from deploy.sbom import main

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements" / "worker.txt"


def test_it_has_every_package_of_the_lock(tmp_path: Path) -> None:
    assert main([str(LOCK), str(tmp_path / "new" / "sbom.json")]) == 0
    text = (tmp_path / "new" / "sbom.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bom = json.loads(text)
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.6")
    found = {f"{component['name']}=={component['version']}" for component in bom["components"]}
    assert found == set(re.findall(r"^([\w.-]+==[\w.]+)", LOCK.read_text(), re.MULTILINE))
    assert len(found) > 15
    assert all(component["purl"].startswith("pkg:pypi/") for component in bom["components"])
    needs = {each["ref"]: each.get("dependsOn", []) for each in bom["dependencies"]}
    worker = needs[bom["metadata"]["component"]["bom-ref"]]
    assert sorted(worker) == sorted(component["bom-ref"] for component in bom["components"])


def test_make_writes_it(tmp_path: Path) -> None:
    there = [f"BUILD={tmp_path}", f"RUN={sys.executable}", "--assume-old=.venv/installed"]
    subprocess.run(["make", "sbom", *there], cwd=ROOT, check=True)
    assert main([str(LOCK), str(tmp_path / "again.json")]) == 0
    made, again = (json.loads((tmp_path / name).read_text()) for name in ("sbom.json", "again.json"))
    assert made["components"] == again["components"]
    assert "build/sbom.json" in (ROOT / "docs" / "security.md").read_text()
    assert "BUILD := build\n" in (ROOT / "Makefile").read_text()
