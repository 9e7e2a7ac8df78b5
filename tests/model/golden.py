#!/usr/bin/env python3
"""Holds `troth replay --json` (or the model) against the golden cases and the recorded runs.

    golden.py (--troth PATH | --model) --golden DIR --data DIR

A folder that is absent is skipped, and said to be. Exit status 0 all pass, 1 some fail.
"""
import argparse
import gzip
import pathlib
import shutil
import sys
import tempfile

import compare
import runner


def golden_cases(folder):
    """(name, contracts, events, expected) of each golden case."""
    for case in sorted(path.parent for path in folder.glob("*/expected.jsonl")):
        yield case.name, case / "contracts", case / "events.jsonl", case / "expected.jsonl"


def recorded_runs(folder):
    """The same of each recorded run."""
    for expected in sorted(folder.glob("*.expected.jsonl.gz")):
        name = expected.name.removesuffix(".expected.jsonl.gz")
        yield name, folder / "contracts", folder / f"{name}.jsonl.gz", expected


def unpacked(path, scratch):
    """The path itself, or that of its unpacked copy in `scratch`."""
    if path.suffix != ".gz":
        return path
    copy = pathlib.Path(scratch) / path.stem
    with gzip.open(path) as packed, open(copy, "wb") as plain:
        shutil.copyfileobj(packed, plain)
    return copy


def check_case(arguments, contracts, events, expected):
    """The differences of one case, as lines."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            actual = runner.run(arguments, contracts, unpacked(events, scratch))
        except runner.Failed as failure:
            return [str(failure)]
    return compare.compare(compare.read_output(expected), actual)


def check_folder(arguments, what, folder, cases):
    """(passed, failed) of a folder's cases."""
    if not folder or not folder.is_dir():
        print(f"SKIP {what}: no folder {folder}")
        return 0, 0
    results = []
    for name, contracts, events, expected in cases(folder):
        found = check_case(arguments, contracts, events, expected)
        print(f"{'FAIL' if found else 'PASS'} {what} {name}")
        compare.show(found)
        results.append(not found)
    if not results:
        print(f"FAIL {what}: {folder} holds no case")
        return 0, 1
    return results.count(True), results.count(False)


def main():
    parser = argparse.ArgumentParser(description="Checks golden cases and recorded runs.")
    runner.add_arguments(parser)
    parser.add_argument("--golden", type=pathlib.Path, metavar="DIR")
    parser.add_argument("--data", type=pathlib.Path, metavar="DIR")
    arguments = parser.parse_args()
    if arguments.golden is None and arguments.data is None:
        parser.error("nothing to check: give --golden DIR, --data DIR or both")
    compare.canary()
    golden = check_folder(arguments, "golden", arguments.golden, golden_cases)
    data = check_folder(arguments, "data", arguments.data, recorded_runs)
    passed, failed = golden[0] + data[0], golden[1] + data[1]
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
