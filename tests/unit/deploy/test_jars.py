"""Kafka's jars are used only when each has the pinned digest, and fetched only when they are not there."""

import hashlib
from pathlib import Path

import pytest

from deploy.local import jars
from deploy.local.errors import LocalStackError
from deploy.local.jars import KAFKA_VERSION, kafka_jars, pinned_digests

CONTENT = b"a jar"
DIGESTS = {"a.jar": hashlib.sha256(CONTENT).hexdigest()}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / f"kafka-{KAFKA_VERSION}"
    folder.mkdir()
    (folder / "a.jar").write_bytes(CONTENT)
    return tmp_path


def test_a_valid_cache_is_used_without_fetching(cache: Path) -> None:
    said: list[str] = []
    assert kafka_jars(said.append, cache, DIGESTS) == [cache / f"kafka-{KAFKA_VERSION}" / "a.jar"]
    assert said == []


def test_a_jar_that_was_added_to_the_cache_is_never_run(cache: Path) -> None:
    (cache / f"kafka-{KAFKA_VERSION}" / "b.jar").write_bytes(b"an intruder")
    assert [jar.name for jar in kafka_jars(print, cache, DIGESTS)] == ["a.jar"]


def test_a_jar_with_another_digest_is_refused(cache: Path) -> None:
    jar = cache / f"kafka-{KAFKA_VERSION}" / "a.jar"
    jar.write_bytes(b"another jar")
    with pytest.raises(LocalStackError) as caught:
        kafka_jars(print, cache, DIGESTS)
    message = str(caught.value)
    assert str(jar) in message
    assert DIGESTS["a.jar"] in message
    assert f"Delete {jar.parent} and start again" in message


def test_a_missing_jar_is_refused(cache: Path) -> None:
    (cache / f"kafka-{KAFKA_VERSION}" / "a.jar").unlink()
    with pytest.raises(LocalStackError, match=r"a\.jar .*missing"):
        kafka_jars(print, cache, DIGESTS)


def test_fetching_gives_up_with_advice_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JGO_OFFLINE", "1")
    monkeypatch.setattr(jars, "PAUSES", (0.0,))
    said: list[str] = []
    with pytest.raises(LocalStackError, match="SONGPRINT_KAFKA__BOOTSTRAP_SERVERS"):
        kafka_jars(said.append, tmp_path, DIGESTS)
    assert [message.splitlines()[-1] for message in said[1:]] == ["trying again in 0 s"]
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What the next attempts to fetch bring, in the place of the network."""
    brought: dict[str, bytes] = {}

    def resolve(scratch: Path) -> None:
        for name, content in brought.items():
            path = scratch / "repository" / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)

    monkeypatch.setattr(jars, "PAUSES", (0.0,))
    monkeypatch.setattr(jars, "_resolve", resolve)
    return brought


def test_what_was_fetched_is_kept_once_it_is_verified(tmp_path: Path, resolved: dict[str, bytes]) -> None:
    resolved.update({"a.jar": CONTENT, "b.jar": b"not asked for"})
    said: list[str] = []
    (jar,) = kafka_jars(said.append, tmp_path, DIGESTS)
    assert jar.read_bytes() == CONTENT
    assert said == [f"fetching Kafka {KAFKA_VERSION} (1 jars, once)"]
    assert {path.name for path in tmp_path.rglob("*")} == {"lock", f"kafka-{KAFKA_VERSION}", "a.jar"}


def test_another_jar_than_the_pinned_one_is_refused_as_soon_as_it_was_fetched(
    tmp_path: Path, resolved: dict[str, bytes]
) -> None:
    resolved["a.jar"] = b"another jar"
    with pytest.raises(LocalStackError, match="is not the file that Songprint was tested with"):
        kafka_jars(print, tmp_path, DIGESTS)


def test_a_jar_that_is_not_brought_is_named(tmp_path: Path, resolved: dict[str, bytes]) -> None:
    resolved["b.jar"] = CONTENT
    with pytest.raises(LocalStackError, match=r"did not resolve a\.jar"):
        kafka_jars(lambda _: None, tmp_path, DIGESTS)


def test_the_pinned_list_names_the_broker_and_holds_sha256_digests() -> None:
    digests = pinned_digests()
    assert {f"kafka_2.13-{KAFKA_VERSION}.jar", f"kafka-clients-{KAFKA_VERSION}.jar"} <= set(digests)
    assert len(digests) == 46, "Kafka's 45, and one for its log"
    assert all(len(bytes.fromhex(digest)) == 32 for digest in digests.values())
