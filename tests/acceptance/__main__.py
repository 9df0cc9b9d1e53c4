"""python -m tests.acceptance: faults against the exactly-once promise, for as long as wanted."""

import argparse
import sys
from collections import Counter
from pathlib import Path

from rich.console import Console

from deploy.local.signals import leave_on_signals
from tests.acceptance import report
from tests.acceptance.faults import FAULTS
from tests.acceptance.run import Result, run
from tests.acceptance.system import Plan, kept_bundles, scratch

INTERRUPTED = 130
PROTOCOLS = {
    "cooperative": {"group_protocol": "classic", "assignment": "cooperative-sticky"},
    "eager": {"group_protocol": "classic", "assignment": "range"},
    "consumer": {"group_protocol": "consumer", "assignment": "cooperative-sticky"},
}


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    leave_on_signals()
    plan = plan_of(options)
    console.print(f"seed {plan.seed}, {options.protocol} rebalances, {plan.brokers} brokers, {plan.workers} workers")
    bundles = kept_bundles(options.results)
    try:
        with scratch(options.keep) as folder:
            result = run(plan, folder, bundles, lambda line: console.print(line, markup=False))
            report.write(options.results / f"seed-{plan.seed}.json", result)
            print(report.table(result.outcomes))
            tell(result, folder)
            if not result.passed:
                sys.exit(1)  # out of the block by an exception, which keeps the logs
    except KeyboardInterrupt:
        console.print("stopped before there was a verdict: nothing is stored")
        return INTERRUPTED
    return 0


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="decides events, faults and settings (1)")
    parser.add_argument("--minutes", type=float, default=5, help="how long faults are injected (5)")
    parser.add_argument("--protocol", choices=PROTOCOLS, help="rebalances; by default the seed decides")
    parser.add_argument("--brokers", type=int, default=3, choices=range(1, 6), help="(3)")
    parser.add_argument("--rate", type=float, default=900, help="events a second (900)")
    parser.add_argument("--fault", action="append", choices=FAULTS, metavar="NAME", help="only this one; repeatable")
    parser.add_argument(
        "--results",
        type=Path,
        default=Path("build/chaos"),
        metavar="DIR",
        help="where seed-N.json goes, for python -m tests.acceptance.report (build/chaos)",
    )
    parser.add_argument("--keep", action="store_true", help="leave data and logs behind")
    return parser


def plan_of(options: argparse.Namespace) -> Plan:
    options.protocol = options.protocol or list(PROTOCOLS)[options.seed % 3]
    return Plan(
        seed=options.seed,
        minutes=options.minutes,
        brokers=options.brokers,
        rate=options.rate,
        hot_bytes=(256 << 20, 200_000)[options.seed // 3 % 2],
        faults=tuple(options.fault or ()),
        **PROTOCOLS[options.protocol],
    )


def tell(result: Result, folder: Path) -> None:
    for words, count in Counter(ending.last_words for ending in result.endings).items():
        print(f"{count} times a worker ended by itself: {words}")
    for fault in result.stalled:
        print(f"seed {result.plan.seed}: no labels any more after: {fault}")
    for finding in result.findings:
        print(f"seed {result.plan.seed}: {finding.check}: {finding.difference}")
    verdict = "kept" if result.passed else f"BROKEN (logs in {folder})"
    injected = sum(not outcome.missed for outcome in result.outcomes)
    print(f"seed {result.plan.seed}: {injected} faults, {result.events} events: the promise was {verdict}")


if __name__ == "__main__":
    sys.exit(main())
