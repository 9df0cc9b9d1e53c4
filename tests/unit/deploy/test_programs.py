"""Programs that tests need: missing, they skip a test, but never where everything has to be there."""

import pytest

from tests.deploy.programs import needed


@pytest.mark.parametrize(
    ("ci", "in_ci", "outcome"),
    [("true", True, pytest.fail), ("", True, pytest.skip), ("true", False, pytest.skip)],
)
def test_a_missing_program_fails_its_test_in_ci(
    ci: str, in_ci: bool, outcome: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    kind: type[BaseException] = outcome.Exception  # type: ignore[attr-defined]
    with pytest.raises(kind, match="there is no no-such-program on the PATH; install the-package"):
        needed("no-such-program", "the-package", in_ci=in_ci)


def test_a_program_is_found() -> None:
    assert needed("sh", "a system").endswith("/sh")
