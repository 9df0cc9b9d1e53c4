"""Programs that tests need: missing, they skip a test, but never where everything has to be there."""

import pytest

from tests.deploy.programs import needed

FAILED, SKIPPED = pytest.fail.Exception, pytest.skip.Exception


@pytest.mark.parametrize(
    ("ci", "in_ci", "outcome"), [("true", True, FAILED), ("", True, SKIPPED), ("true", False, SKIPPED)]
)
def test_a_missing_program_fails_its_test_in_ci(
    ci: str, in_ci: bool, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    # Both are caught: the one that is not expected would skip this test.
    with pytest.raises((FAILED, SKIPPED), match="there is no no-such-program on the PATH; install the-one") as caught:
        needed("no-such-program", "the-one", in_ci=in_ci)
    assert caught.type is outcome


def test_a_program_is_found() -> None:
    assert needed("sh", "a system").endswith("/sh")
