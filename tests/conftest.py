"""Real servers for every test that asks for one: started when the first test needs them, shared by all, stopped last.

A test keeps to itself by putting `topic_prefix` before the names of its topics, groups and keys.
"""

import atexit
import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from deploy.local.redis import IMPLEMENTATIONS
from deploy.local.stack import REDIS_VARIABLE, LocalStack
from tests.deploy.programs import needed
from tests.small_bundle import KEPT, export_small_bundle

# A shell that starts something in the background has it ignore SIGINT, and so would do all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests run side by side. Libraries that take every core would, for models as small as these, mostly have their threads
# wait for one another.
for threads in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(threads, "1")

# Properties are judged by what they find, never by how long a busy machine takes for an example. A test takes the
# profile that is loaded when its module is imported, so this stands where it comes before all of them.
settings.register_profile("songprint", deadline=None)
settings.load_profile("songprint")


def pytest_configure() -> None:
    """The first process of a test run has the others, which inherit its environment, share bundles."""
    if KEPT not in os.environ:
        os.environ[KEPT] = tempfile.mkdtemp(prefix="songprint-bundles-")
        atexit.register(shutil.rmtree, os.environ[KEPT], ignore_errors=True)


@pytest.fixture(scope="session")
def small_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that knows the songs s0 to s199: copy it before changing it."""
    return export_small_bundle(tmp_path_factory.mktemp("bundles") / "small")


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """Bootstrap servers of a Kafka that answers."""
    with LocalStack(redis_implementation=None) as stack:
        yield stack.bootstrap_servers


# A server given by the environment replaces all of ours, so there is nothing to run twice.
@pytest.fixture(scope="session", params=IMPLEMENTATIONS[:1] if os.environ.get(REDIS_VARIABLE) else IMPLEMENTATIONS)
def redis_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a Redis-protocol server that answers: first Valkey, then Redis where it is installed."""
    if request.param == "redis":
        needed("redis-server", "redis-server")
    with LocalStack(brokers=0, redis_implementation=request.param) as stack:
        yield stack.redis_url


@pytest.fixture
def topic_prefix() -> str:
    """A name that no other test uses."""
    return f"t{uuid.uuid4().hex[:12]}-"
