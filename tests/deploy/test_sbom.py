"""The bill of materials follows its schema, and lacks nothing that the worker's image installs."""

import json
import re
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from deploy.sbom import main

LOCK = Path(__file__).parents[2] / "requirements" / "worker.txt"


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
