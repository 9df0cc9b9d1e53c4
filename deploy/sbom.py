"""python -m deploy.sbom LOCK FILE: what a lock file installs, as a CycloneDX bill of materials.

It is made of the lock alone, so it is complete even where no index and no list of advisories can be asked.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL


def main(arguments: Sequence[str]) -> int:
    lock, target = map(Path, arguments)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(bill_of_materials(lock))
    print(target)
    return 0


def bill_of_materials(lock: Path) -> str:
    """JSON, with every package of `lock`, whatever platform it is for."""
    bom = Bom(components=_components(lock))
    bom.metadata.component = Component(name=f"songprint-{lock.stem}", type=ComponentType.APPLICATION)
    for component in bom.components:
        bom.register_dependency(bom.metadata.component, [component])
    return make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2) + "\n"


def _components(lock: Path) -> Iterator[Component]:
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", lock.read_text(), re.MULTILINE):
        purl = PackageURL("pypi", name=name, version=version)
        yield Component(name=name, version=version, purl=purl, bom_ref=str(purl))  # its own would be new each time


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
