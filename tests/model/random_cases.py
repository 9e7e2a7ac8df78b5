#!/usr/bin/env python3
"""Holds `troth replay --json` against the model on random cases.

    random_cases.py (--troth PATH | --model) [--seeds N] [--first S] [--jobs J]

A failing seed can be had again by `generate.py SEED DIR`. The last line is `N passed, M failed`;
exit status 0 all pass, 1 some fail.
"""
import argparse
import functools
import multiprocessing
import os
import pathlib
import sys
import tempfile

import compare
import generate
import runner


def check_seed(arguments, seed):
    """The seed and the differences of its case, as lines."""
    specs, events, stream = generate.generate(seed)
    with tempfile.TemporaryDirectory() as folder:
        generate.write_case(folder, specs, events)
        case = pathlib.Path(folder)
        try:
            actual = runner.run(arguments, case / "contracts", case / "events.jsonl")
        except runner.Failed as failure:
            return seed, [str(failure)]
    return seed, compare.compare(stream.shard.output(), actual)


def main():
    parser = argparse.ArgumentParser(description="Checks random cases against the model.")
    runner.add_arguments(parser)
    parser.add_argument("--seeds", type=int, default=100, metavar="N")
    parser.add_argument("--first", type=int, default=1, metavar="S")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="J")
    arguments = parser.parse_args()
    compare.canary()
    failed = 0
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    with multiprocessing.Pool(arguments.jobs) as pool:
        for seed, found in pool.imap(functools.partial(check_seed, arguments), seeds):
            if found:
                failed += 1
                print(f"FAIL seed {seed}: {len(found)} differences", flush=True)
                compare.show(found)
    print(f"{len(seeds) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
