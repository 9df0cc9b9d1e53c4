"""What `worker check` says of a model's age, and of one whose drift cannot be measured."""

import re
from pathlib import Path

import pytest

from worker.checks.bundle import OLD_DAYS, check_bundle
from worker.errors import Stop
from worker.settings import Model, Settings

ALERTS = Path(__file__).parents[3] / "deploy" / "prometheus" / "rules" / "alerts.yml"


def test_a_folder_that_is_no_bundle_is_told_with_the_setting_and_what_it_accepts(tmp_path: Path) -> None:
    told = rf"^SONGPRINT_MODEL__BUNDLE {tmp_path / 'no'}: .*cannot be opened.* Give the folder that `python -m export"
    with pytest.raises(Stop, match=told):
        list(check_bundle(Settings(model=Model(bundle=tmp_path / "no")), 0.0))


def test_an_old_model_is_told_when_the_alert_would_fire(small_bundle: Path) -> None:
    settings = Settings(model=Model(bundle=small_bundle))
    (fresh,) = check_bundle(settings, 0.0)
    assert fresh.status == "ok"
    _, old = check_bundle(settings, 4e9)
    assert (old.status, old.part) == ("note", "bundle")
    assert re.search(r"was trained [\d,]+ days ago", old.what)
    assert f"> {OLD_DAYS} * 86400" in ALERTS.read_text()


def test_a_model_that_tells_no_distribution_is_told(small_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.checks.bundle.drift_of", lambda *_: None)
    _, said = check_bundle(Settings(model=Model(bundle=small_bundle)), 0.0)
    assert (said.status, said.part) == ("note", "bundle")
    assert "drift is not measured" in said.what
