"""Commands that the pages name in a sentence: each is run by a test, which is named here."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAM = re.compile(r"(?:make|python|kcat|kubectl|docker|redis-cli|promtool|curl|pip) [a-z-]")

RUN_BY = {
    "docker compose ": "deploy/test_docker_lines.py::test_compose_starts_everything_and_the_runbooks_look_into_it",
    "kcat ": "integration/test_doc_commands.py::test_kcat_tells_what_the_runbooks_ask_it",
    "kubectl ": "deploy/test_kubectl_lines.py::test_production_is_applied_and_the_runbooks_look_into_it",
    "make audit": "deploy/test_audit.py::test_a_known_vulnerability_is_named_and_fails",
    "make bench": "integration/test_benchmark.py::test_throughput_is_measured",
    "make chaos": "acceptance/test_faults.py::test_the_promise_is_kept_whatever_breaks",
    "make demo": "acceptance/test_demo.py::test_labels_arrive_and_nothing_stays_behind",
    'make reproduce ARGS="--only images"': "integration/test_reproduce.py::test_compares_recipes_for_images",
    'make reproduce ARGS="--only recipes --data DIR"': "integration/test_reproduce.py::test_compares_recipes",
    'make reproduce ARGS="--only song_vectors"': "integration/test_song_vectors.py::test_reproduce_compares_both_kinds",
    "make sbom": "deploy/test_sbom.py::test_make_writes_it",
    "make test": "docs/test_named_commands.py::test_every_command_that_is_named_is_run_by_a_test",
    "python -m deploy.grafana": "docs/test_reference.py::test_whoever_types_the_command_gets_what_is_committed",
    "python -m deploy.reference": "docs/test_reference.py::test_whoever_types_the_command_gets_what_is_committed",
    "python -m export": "integration/test_export.py::test_an_export_says_what_it_wrote_and_nothing_else",
    "python -m tests.acceptance.long_life": "acceptance/test_long_life.py::test_a_worker_stays_the_size_it_is",
    "python -m tests.deploy.picture": "integration/test_panels.py::test_the_picture_of_the_readme_is_drawn",
    "python -m tests.fuzz ": "fuzz/test_fuzzing.py::test_fuzzing_finds_nothing_in_a_moment",
    "python -m training encode": "integration/test_training.py::test_codes_are_those_of_the_run",
    "python -m training evaluate": "integration/test_training.py::test_a_run_stands_beside_baselines_on_the_same_users",
    "python -m worker check": "integration/test_check.py::test_all_is_well",
    "python -m worker dlq list": "integration/test_dlq.py::test_list_shows_what_came_from_where_and_why",
    "python -m worker dlq replay": "integration/test_dlq.py::test_places_choose_exactly_these_letters",
    "python -m worker label": "integration/test_doc_commands.py::test_a_model_is_trained_published_and_rolled_back",
    "python -m worker load": "integration/test_commands.py::test_a_data_folder_is_loaded_as_snapshots",
    "python -m worker relabel": "integration/test_model_change.py::test_relabelling_on_request",
    "python -m worker reset": "integration/test_commands.py::test_a_reset_begins_anew_from_the_earliest_event",
    "python -m worker run": "integration/test_labelling.py::test_an_event_becomes_a_label",
    "python docs/examples/consume.py": "integration/test_examples.py::test_the_examples_work_together",
}
"""The beginning of a command, the longest that fits counts, and a test that runs it or its like."""


def named(page: Path) -> list[str]:
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    marked = (" ".join(each.split()) for each in re.findall(r"`([^`]+)`", text))
    return [each for each in marked if PROGRAM.match(each)]


NAMED = sorted({command for page in PAGES for command in named(page)})


@pytest.mark.parametrize("command", NAMED)
def test_every_command_that_is_named_is_run_by_a_test(command: str) -> None:
    beginnings = [beginning for beginning in RUN_BY if command.startswith(beginning)]
    assert beginnings, f"nothing runs `{command}`: write a test, and name it here"
    name, _, test = RUN_BY[max(beginnings, key=len)].partition("::")
    assert re.search(rf"^def {test}\b", (ROOT / "tests" / name).read_text(), re.MULTILINE), f"{name} has no {test}"


def test_no_beginning_is_left_over() -> None:
    assert [each for each in RUN_BY if not any(command.startswith(each) for command in NAMED)] == []
