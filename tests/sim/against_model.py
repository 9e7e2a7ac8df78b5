#!/usr/bin/env python3
"""Holds runs of the simulation against the slow model: tests/model.

    against_model.py FOLDER

FOLDER holds what `sim --write FOLDER` wrote: see sim_write.h. Of each run the model is given the final
log of each telemetry partition and the contracts topic, and what the workers committed and ended with
must be what it finds: times, rungs, causes, counts and scores exactly, other numbers within 1e-6. The
last line is `N passed, M failed`; exit status 0 all pass, 1 some fail.
"""
import collections
import json
import multiprocessing
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "model"))

import compare  # noqa: E402
from model import read_events  # noqa: E402
from pointed import PointedShard, Topic  # noqa: E402


def check_run(folder):
    """The run's seed, the differences as lines, and counts of what it reached."""
    topic = Topic(read_events(folder / "contracts.jsonl"))
    expected, counts = [], collections.Counter()
    for log in sorted(folder.glob("[0-9]*.jsonl")):
        shard = PointedShard(topic)
        for event in read_events(log):
            shard.apply(event)
            counts["records"] += 1
        expected += shard.output()
        counts["replaced"] += shard.replaced
    counts["interventions"] = sum("intervention" in line for line in expected)
    counts["standings"] = sum("standing" in line for line in expected)
    return folder.name, compare.compare(expected, read_events(folder / "found.jsonl")), counts


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    compare.canary()
    folders = sorted(pathlib.Path(sys.argv[1]).iterdir(), key=lambda path: int(path.name))
    failed, counts = 0, collections.Counter()
    with multiprocessing.Pool() as pool:
        for seed, found, reached in pool.imap(check_run, folders):
            counts += reached
            if found:
                failed += 1
                print(f"FAIL seed {seed}: {len(found)} differences", flush=True)
                compare.show(found)
    print(", ".join(f"{name} {number}" for name, number in counts.items()))
    print(f"{len(folders) - failed} passed, {failed} failed")
    sys.exit(1 if failed or not folders else 0)


if __name__ == "__main__":
    main()
