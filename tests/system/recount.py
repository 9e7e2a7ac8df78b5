"""What a fleet's log must have led to, held against what it did; for the fault test.

  recount.py check REDIS PREFIX FOLDER [--rungs] [--replay FOLDER]
      FOLDER holds, for each partition P of telemetry, replay.P: what `troth replay --json` prints of
      it, and broken.P: the offsets of what is no event; and of the topics, as dump_topic prints
      them, `interventions` and `rejects`. --replay names another folder for replay.*.
      Interventions are known by their ids, which are worked out here, since a replay takes every log
      for partition 0's. Compared are also what each says, every standing in Redis (with --rungs its
      rung and score alone, see view.py), and the rejects by the record that they are of.
      Prints a line `NAME=NUMBER ...`, before it what differs; exit status 1 where anything does.
  recount.py restores CLAIMS LOG...
      CLAIMS are the records of dump_topic that are claims; a log's name begins with its engine's
      instance and a dot. Prints how many restores of standings there were, their times, from the
      claim to the partition being the engine's own, and in how many of them records had to be
      read again beyond what the standings were true for.
"""
import argparse
import collections
import datetime
import glob
import hashlib
import json
import os
import re
import sys

import view

ERA = 1
SHOWN = 20


def big_endian(number):
    return number.to_bytes(8, "big", signed=True)


def id_of(partition, item, ordinal):
    """As consumers/report.c makes it."""
    agent, contract = item["agent"].encode(), item["contract"].encode()
    cause = item["witnesses"][0]["offset"]
    return hashlib.blake2b(
        b"".join((big_endian(ERA), big_endian(partition), big_endian(cause),
                  big_endian(len(agent)), agent, big_endian(len(contract)), contract,
                  big_endian(ordinal))), digest_size=16).hexdigest()


def with_ids(partition, items, problems):
    """Interventions of a replay by the ids that they must have in the topic. A record's first one of
    a standing is its ordinal 0."""
    found, ordinals = {}, collections.Counter()
    for item in items:
        cause = (item["agent"], item["contract"], item["witnesses"][0]["offset"])
        if id_of(0, item, ordinals[cause]) != item["id"]:
            problems.append(f"the id of {cause} is not what it should be: recount.py is wrong")
        found[id_of(partition, item, ordinals[cause])] = item
        ordinals[cause] += 1
    return found


def read_replays(folder, problems):
    standings, interventions = {}, {}
    for path in glob.glob(os.path.join(folder, "replay.[0-9]*")):
        partition = int(path.rpartition(".")[2])
        found, by_standing = view.read_expected(path)
        standings.update(found)
        for items in by_standing.values():
            interventions.update(with_ids(partition, items, problems))
    return standings, interventions


def read_records(path):
    with open(path) as lines:
        for line in lines:
            yield json.loads(line)


def text(record, header):
    return bytes.fromhex(record["headers"][header]).decode()


def compare_sets(what, wanted, found, counts, problems):
    """WANTED: a set; FOUND: a counter."""
    lost, other = set(wanted) - set(found), set(found) - set(wanted)
    twice = [key for key, count in found.items() if count > 1]
    for name, keys in (("lost", lost), ("else", other), ("twice", twice)):
        counts[f"{what}_{name}"] = len(keys)
        problems += [f"{what}: {key} is {name}" for key in sorted(keys)]


def compare_interventions(wanted, folder, counts, problems):
    items, seen, order = {}, collections.Counter(), {}
    for record in read_records(os.path.join(folder, "interventions")):
        item = json.loads(bytes.fromhex(record["value"]))
        seen[item["id"]] += 1
        items[item["id"]] = item
        order.setdefault((item["agent"], item["contract"]), []).append(item["decided_at"])
    counts["interventions"] = len(wanted)
    compare_sets("interventions", wanted, seen, counts, problems)
    options = argparse.Namespace(within=0)
    differing = []
    for key in set(wanted) & set(items):
        view.compare_interventions({key: [wanted[key]]}, {key: [items[key]]}, options, differing)
    for key, times in order.items():
        if times != sorted(times):
            differing.append(f"{key}: its interventions are out of order")
    counts["interventions_differing"] = len(differing)
    problems += differing


def compare_standings(wanted, options, counts, problems):
    found = view.read_standings(options.redis, options.prefix)
    counts["standings"] = len(wanted)
    counts["standings_differing"] = 0
    for key in sorted(set(wanted) | set(found)):
        differing = []
        view.compare_standings({key: wanted[key]} if key in wanted else {},
                               {key: found[key]} if key in found else {}, options, differing)
        counts["standings_differing"] += bool(differing)
        problems += differing


def compare_rejects(folder, counts, problems):
    wanted, found = set(), collections.Counter()
    for path in glob.glob(os.path.join(folder, "broken.[0-9]*")):
        with open(path) as lines:
            wanted.update((int(path.rpartition(".")[2]), int(line)) for line in lines)
    for record in read_records(os.path.join(folder, "rejects")):
        found[int(text(record, "partition")), int(text(record, "offset"))] += 1
        if text(record, "reason") != "undecodable":
            problems.append(f"a reject for {text(record, 'reason')}: {record}")
    counts["rejects"] = len(wanted)
    compare_sets("rejects", wanted, found, counts, problems)


def check(options):
    problems, counts = [], {}
    options.within = 0
    standings, interventions = read_replays(options.replay or options.folder, problems)
    compare_standings(standings, options, counts, problems)
    compare_interventions(interventions, options.folder, counts, problems)
    compare_rejects(options.folder, counts, problems)
    for problem in problems[:SHOWN]:
        print(problem)
    if len(problems) > SHOWN:
        print(f"... and {len(problems) - SHOWN} more")
    print(" ".join(f"{name}={count}" for name, count in counts.items()))
    return 1 if problems or not standings or not interventions else 0


def read_long(data, at):
    shift = value = 0
    while True:
        value |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            return (value >> 1) ^ -(value & 1), at


def read_claims(path):
    """Times in seconds, by (instance, partition); schemas/claim.avsc."""
    claims = collections.defaultdict(list)
    for record in read_records(path):
        data = bytes.fromhex(record["value"])
        length, at = read_long(data, 1)
        instance = data[at:at + length].decode()
        _, at = read_long(data, at + length + 16)
        claims[instance.removesuffix("-0"), record["partition"]].append(
            read_long(data, at)[0] / 1e6)
    return claims


OURS = re.compile(
    r"(\S+) trothd info: telemetry\[(\d+)\] is ours: (\d+) standings restored, (\d+) records")


def restores(options):
    claims, took, standings, again = read_claims(options.claims), [], 0, []
    for path in options.logs:
        instance = os.path.basename(path).split(".")[0]
        last = collections.defaultdict(float)
        with open(path) as lines:
            for match in filter(None, map(OURS.match, lines)):
                when = datetime.datetime.fromisoformat(match[1].replace("Z", "+00:00")).timestamp()
                # None where compaction has taken its claim.
                before = [at for at in claims[instance, int(match[2])]
                          if last[match[2]] < at <= when]
                last[match[2]] = when
                if int(match[3]) > 0 and before:
                    took.append(when - before[-1])
                    standings += int(match[3])
                    again += [int(match[4])] if int(match[4]) > 0 else []
    took.sort()
    shown = [round(1000 * took[len(took) * share // 100]) if took else 0 for share in (50, 95)]
    print(f"restores={len(took)} restored={standings} restore_p50_ms={shown[0]} "
          f"restore_p95_ms={shown[1]} restore_max_ms={round(1000 * max(took, default=0))} "
          f"with_records_read_again={len(again)} read_again={sum(again)}")
    return 0


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("check")
    command.add_argument("redis")
    command.add_argument("prefix")
    command.add_argument("folder")
    command.add_argument("--rungs", action="store_true")
    command.add_argument("--replay")
    command = commands.add_parser("restores")
    command.add_argument("claims")
    command.add_argument("logs", nargs="+")
    options = parser.parse_args()
    return check(options) if options.command == "check" else restores(options)


if __name__ == "__main__":
    sys.exit(main())
