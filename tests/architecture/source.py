"""The packages' source files, and what each of them imports."""

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGES = ("worker", "training", "export", "deploy")


class Import(NamedTuple):
    file: str
    """Path from the root of the tree."""
    line: int
    module: str
    """As far as it is known: `from a.b import c` is `a.b.c`, whatever c may be."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"

    def is_of(self, *packages: str) -> bool:
        """Whether it is of one of these packages or modules, or of something within."""
        return any(self.module == package or self.module.startswith(f"{package}.") for package in packages)

    def is_in(self, *patterns: str) -> bool:
        """Whether the importing file is one of these; `*` stands for folders too."""
        return any(fnmatch(self.file, pattern) for pattern in patterns)


def source_files() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), path)


def imports() -> Iterator[Import]:
    """Every import of every source file, those within functions too."""
    for path in source_files():
        file = path.relative_to(ROOT).as_posix()
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.Import):
                yield from (Import(file, node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                package = path.relative_to(ROOT).with_suffix("").parts[: -node.level] if node.level else ()
                origin = ".".join([*package, *filter(None, [node.module])])
                yield from (Import(file, node.lineno, f"{origin}.{alias.name}") for alias in node.names)
