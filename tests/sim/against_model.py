#!/usr/bin/env python3
"""Holds runs of the simulation against the slow model: tests/model.

    against_model.py [--first] FOLDER

FOLDER holds what `sim --write FOLDER` wrote: see sim_write.h. Of each run the model is given the final
log of each telemetry partition and the topics of contracts and decisions, and what the workers committed
and ended with must be what it finds: times, rungs, causes, counts, scores and rulings exactly, other
numbers within 1e-6, and every figure of every ledger of the week. With --first it ends at the first run
that differs. The last line is `N passed, M failed`; exit status 0 all pass, 1 some fail.
"""
import collections
import json
import multiprocessing
import pathlib
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "model"), str(TESTS / "system")]

import compare  # noqa: E402
from events import partition_of  # noqa: E402
from ledgers import changed, compare_ledgers, numbers_in  # noqa: E402
from model import read_events  # noqa: E402
from pointed import Topic  # noqa: E402
from reviews import ReviewedShard  # noqa: E402


def recount(folder, counts):
    """The shards of a run, by the slow model."""
    topic = Topic(read_events(folder / "contracts.jsonl"))
    logs = sorted(folder.glob("[0-9]*.jsonl"), key=lambda path: int(path.stem))
    decisions = {line["decision"]["position"]: (line.get("recorded_at", line["decision"]["at"]), line["decision"])
                 for line in read_events(folder / "decisions.jsonl")}
    shards = {}
    for p, log in enumerate(logs):
        shards[p] = ReviewedShard(topic, {offset: said for offset, said in decisions.items()
                                          if partition_of(said[1]["agent"], len(logs)) == p})
        for event in read_events(log):
            shards[p].apply(event)
            counts["records"] += 1
        shards[p].carry_over()
        counts["replaced"] += shards[p].replaced
    return shards


def read_ledgers(folder):
    """Their texts by contract, week and partition; None where the run need not have all."""
    if not (folder / "ledgers.jsonl").exists():
        return None
    ledgers = read_events(folder / "ledgers.jsonl")
    return {(one["contract"], one["week"], one["partition"]): json.dumps(one) for one in ledgers}


def unseen(shards, ledgers):
    """Canary: each number of each ledger one off, and each ledger left out; those that are not seen."""
    for key, text in ledgers.items():
        whole = json.loads(text)
        wrong = [(path, {**ledgers, key: json.dumps(changed(whole, path))})
                 for path in numbers_in(whole) if path != ("as_of",)]
        if any(whole[name] for name in shards[key[2]].ledgers[key[:2]].counts):
            wrong.append(("left out", {other: text for other, text in ledgers.items() if other != key}))
        for what, damaged in wrong:
            found = []
            compare_ledgers(shards, damaged, found)
            if not found:
                yield f"canary: ledger {key} is wrong in {what}, and that is not seen"


def check_run(folder):
    """The run's seed, the differences as lines, and counts of what it reached."""
    counts = collections.Counter()
    shards = recount(folder, counts)
    expected = [line for shard in shards.values() for line in shard.output()]
    found = compare.compare(expected, read_events(folder / "found.jsonl"))
    ledgers = read_ledgers(folder)
    if ledgers is not None:
        compare_ledgers(shards, ledgers, found)
        counts["ledgers"] += len(ledgers)
        counts["debts"] += sum(len(json.loads(text)["debt"]) for text in ledgers.values())
        for shard in shards.values():
            for ledger in shard.ledgers.values():
                counts.update(ledger.counts)
        if int(folder.name) % 16 == 1 and not found:
            found += unseen(shards, ledgers)
    for kind in compare.KINDS:
        counts[kind + "s"] = sum(kind in line for line in expected)
    return folder.name, found, counts


def main():
    first = sys.argv[1:2] == ["--first"]
    if len(sys.argv) != 2 + first:
        sys.exit(__doc__)
    compare.canary()
    folders = sorted(pathlib.Path(sys.argv[-1]).iterdir(), key=lambda path: int(path.name))
    passed, failed, counts = 0, 0, collections.Counter()
    with multiprocessing.Pool() as pool:
        for seed, found, reached in pool.imap(check_run, folders):
            counts += reached
            if not found:
                passed += 1
                continue
            failed += 1
            print(f"FAIL seed {seed}: {len(found)} differences", flush=True)
            compare.show(found)
            if first:
                break
    print(", ".join(f"{name} {number}" for name, number in counts.items()))
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not folders else 0)


if __name__ == "__main__":
    main()
