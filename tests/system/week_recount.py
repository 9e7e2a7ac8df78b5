"""The week's ledgers recounted from Kafka alone, by the slow model of tests/model, and held against what
the engine made of them.

  week_recount.py FOLDER --prefix P --redis HOST:PORT [--troth PATH]
      FOLDER holds, as dump_topic prints them: `events.P` of each partition of telemetry, the records of
      `contracts`, `decisions`, `interventions` and `standings`, and `ends`. Held against the recount are
      every change of rung and every ruling of `interventions`; every field of every ledger in
      `standings`; the bytes of each in Redis; and of each week what `troth review week --json` says of
      counts and signals, from Redis and from Kafka. Nothing is taken from Redis or from a ledger.
      Prints the week that has most tasks, a line a figure, before it what differs.
  week_recount.py FOLDER --prefix P --canary
      Changes each number of each ledger, each signal and a byte of an intervention, one at a time: each
      must be seen.

What is not recounted: the time up to which an open ledger is true. Exit status 0: nothing differs; 1.
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "model"))

from ledgers import changed, compare_fields, compare_ledgers, numbers_in  # noqa: E402
from pointed import Topic  # noqa: E402
from reviews import COUNTS, Ledger, ReviewedShard, bucket  # noqa: E402

from events import partition_of  # noqa: E402
from view import Redis  # noqa: E402

WEEK_KEY = b"\0week\0"
ACTIONS = ("keep", "narrow", "review", "pause", "restore", "recertify", "waive", "dispute_open",
           "dispute_uphold", "dispute_reject", "claim")
RUNGS = ("clear", "warn", "narrow", "recertify", "review", "pause")
SHOWN = 20


# ---------------------------------------------------------------- what is in Kafka

class Avro:
    """Reads bare Avro by the specification."""

    def __init__(self, data):
        self.data, self.place = data, 0

    def take(self, count):
        self.place += count
        return self.data[self.place - count:self.place]

    def long(self):
        shift = value = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return (value >> 1) ^ -(value & 1)

    def text(self):
        return self.take(self.long()).decode()

    def optional(self, read):
        return read() if self.long() else None


def decision_of(data):
    """schemas/decision.avsc, in the order of its fields."""
    avro = Avro(data)
    decision = {"id": avro.take(16).hex(), "agent": avro.text(), "contract": avro.text(),
                "action": ACTIONS[avro.long()], "by": avro.text(), "reason": avro.text(), "at": avro.long()}
    for name, read in (("term", avro.text), ("until", avro.long), ("topic", avro.text),
                       ("partition", avro.long), ("offset", avro.long)):
        decision[name] = avro.optional(read)
    decision["expected"] = avro.optional(lambda: RUNGS[avro.long()])
    return decision


def read_lines(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


class Kafka:
    """The topics, by their dumps."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        ends = [list(map(int, line.split())) for line in open(folder / "ends", encoding="utf-8")]
        # What an engine that was stopped has not read back is no part of what it did.
        self.events = {p: read_lines(folder / f"events.{p}")[:committed] for p, _, _, committed in ends}
        if any(low != 0 for _, low, _, _ in ends):
            raise SystemExit("the beginning of telemetry is gone: nothing can be recounted")
        self.contracts = [{"offset": r["offset"], "recorded_at": 1000 * r["timestamp_ms"],
                           "key": bytes.fromhex(r["key"]).decode(),
                           "value": bytes.fromhex(r["value"]).decode()}
                          for r in read_lines(folder / "contracts")]
        self.decisions = {r["offset"]: (1000 * r["timestamp_ms"], decision_of(bytes.fromhex(r["value"])))
                          for r in read_lines(folder / "decisions")}
        self.told = [json.loads(bytes.fromhex(r["value"])) for r in read_lines(folder / "interventions")]
        self.ledgers = {}
        for record in read_lines(folder / "standings"):
            key = bytes.fromhex(record["key"])
            if key.startswith(WEEK_KEY):
                contract, week = key[len(WEEK_KEY):].decode().split("\0")
                self.ledgers[contract, week, record["partition"]] = bytes.fromhex(record["value"]).decode()

    def recount(self, p):
        """The shard of a partition, by the slow model."""
        own = {offset: said for offset, said in self.decisions.items()
               if partition_of(said[1]["agent"], len(self.events)) == p}
        shard = ReviewedShard(Topic(self.contracts), own)
        for event in self.events[p]:
            shard.apply(event)
        shard.carry_over()
        return shard


# ---------------------------------------------------------------- what differs

def by_standing(items):
    lists = {}
    for item in items:
        lists.setdefault((item["agent"], item["contract"]), []).append(item)
    return lists


def compare_told(what, wanted, found, problems):
    wanted, found = by_standing(wanted), by_standing(found)
    for key in sorted(set(wanted) | set(found)):
        mine, theirs = wanted.get(key, []), found.get(key, [])
        if len(mine) != len(theirs):
            problems.append(f"{key}: {len(theirs)} {what}s, recounted {len(mine)}")
        for i, (one, other) in enumerate(zip(mine, theirs)):
            other = {**other, "cause": {k: (other.get("cause") or {}).get(k) for k in ("condition", "term")}}
            compare_fields(f"{what} {i} of {key}", one, other, problems)


def compare_topic(shards, told, problems):
    changes = [item for shard in shards.values() for item in shard.interventions]
    rulings = [{name: value for name, value in ruling.items() if value is not None or name in ("from", "to")}
               for shard in shards.values() for ruling in shard.rulings]
    compare_told("change", changes, [item for item in told if "ruling" not in item], problems)
    compare_told("ruling", rulings, [item for item in told if "ruling" in item], problems)
    return len(changes), len(rulings)


def compare_redis(address, prefix, ledgers, problems):
    redis, found = Redis(address), {}
    for key in redis("KEYS", f"{prefix}:week:*"):
        contract, week = key.decode()[len(prefix) + 6:].rsplit(":", 1)
        flat = redis("HGETALL", key)
        found |= {(contract, week, int(p)): text.decode() for p, text in zip(flat[::2], flat[1::2])}
    for key in sorted(set(found) | set(ledgers)):
        if found.get(key) != ledgers.get(key):
            problems.append(f"ledger {key}: Redis has {found.get(key)}, Kafka {ledgers.get(key)}")


# ---------------------------------------------------------------- the four signals

def percentile(times, percent):
    """As schemas/reviews.md tells it: the greatest value of the bucket of the ceil(p n)-th."""
    if not times:
        return None
    of = bucket(sorted(times)[math.ceil(percent * len(times) / 100) - 1])
    return of if of < 32 else (of % 16 + 17 << of // 16 - 1) - 1


def share(part, whole):
    return part / whole if whole else None


def signals(ledger):
    counts, times = ledger.counts, ledger.times
    rescues = counts["rescued_tasks"] + counts["rescue_reports"]
    due = counts["reviews_carried"] + counts["reviews_opened"]
    return {
        "rescues": rescues, "rescues_per_task": share(rescues, counts["tasks"]),
        "narrowings_timed": len(times["time_to_narrow"]),
        "time_to_narrow_p50_us": percentile(times["time_to_narrow"], 50),
        "time_to_narrow_p95_us": percentile(times["time_to_narrow"], 95),
        "recoveries_timed": len(times["recovery"]),
        "recovery_p50_us": percentile(times["recovery"], 50),
        "recovery_p95_us": percentile(times["recovery"], 95),
        "reviews_due": due, "reviews_open": ledger.open(),
        "reviews_done_share": share(counts["reviews_done"], due),
        "reviews_concrete_share": share(counts["reviews_concrete"], counts["reviews_done"]),
    }


def weeks_of(shards):
    """All partitions of a contract's week together."""
    sums = {}
    for shard in shards.values():
        for key, ledger in shard.ledgers.items():
            sums.setdefault(key, Ledger()).add(ledger)
    return sums


def compare_week(key, ledger, told, problems):
    found = told.get(key)
    if found is None:
        problems.append(f"week {key}: it is not told")
        return
    compare_fields(f"week {key}", {**ledger.counts, "rescues": ledger.rescues}, found["counts"], problems)
    mine = signals(ledger)
    close = {name: found["signals"].get(name) for name in mine}
    for name, value in mine.items():
        if isinstance(value, float) and close[name] is not None and abs(close[name] - value) < 1e-12:
            close[name] = value
    compare_fields(f"week {key}", mine, close, problems)
    problems += [f"week {key}: {name} is not known" for name in set(found["signals"]) - set(mine)]
    problems += [f"week {key}: {name} is not known" for name in set(found["counts"]) - {*COUNTS, "rescues"}]


def ask_week(troth, week, *flags):
    done = subprocess.run([troth, "review", "week", week, "--json", *flags], capture_output=True, text=True,
                          timeout=60, check=True)
    told = [json.loads(line)["week"] for line in done.stdout.splitlines()]
    return {(item["contract"], item["week"]): item for item in told}


# ---------------------------------------------------------------- canaries

def canary(kafka, shards):
    """Returns how many numbers were changed and seen, and those that were not."""
    seen, missed = 0, []

    def hold(what, problems):
        nonlocal seen
        seen += bool(problems)
        missed.extend([] if problems else [what])

    for key, text in kafka.ledgers.items():
        for path in numbers_in(json.loads(text)):
            if path != ("as_of",):
                problems = []
                wrong = json.dumps(changed(json.loads(text), path))
                compare_ledgers(shards, {**kafka.ledgers, key: wrong}, problems)
                hold((key, path), problems)
    for key, ledger in weeks_of(shards).items():
        told = {"counts": {**ledger.counts, "rescues": ledger.rescues}, "signals": signals(ledger)}
        for path in numbers_in(told):
            problems = []
            compare_week(key, ledger, {key: changed(told, path)}, problems)
            hold((key, path), problems)
    for i, item in enumerate(kafka.told):
        problems = []
        compare_topic(shards, kafka.told[:i] + kafka.told[i + 1:], problems)
        hold(("left out", item["id"]), problems)
        problems = []
        compare_topic(shards, [*kafka.told[:i], changed(item, ("decided_at",)), *kafka.told[i + 1:]], problems)
        hold(("decided_at", item["id"]), problems)
    return seen, missed


# ---------------------------------------------------------------- the whole

def show(problems):
    for problem in problems[:SHOWN]:
        print(problem)
    if len(problems) > SHOWN:
        print(f"... and {len(problems) - SHOWN} more")


def check(options, kafka, shards):
    problems = []
    changes, rulings = compare_topic(shards, kafka.told, problems)
    compare_ledgers(shards, kafka.ledgers, problems)
    compare_redis(options.redis, options.prefix, kafka.ledgers, problems)
    sums = weeks_of(shards)
    for week in {week for _, week in sums}:
        for flags in ([], ["--from-kafka"]):
            told = ask_week(options.troth, week, *flags)
            for key in [key for key in sums if key[1] == week]:
                compare_week(key, sums[key], told, problems)
    show(problems)
    key, busiest = max(sums.items(), key=lambda item: item[1].counts["tasks"])
    shown = {"contract": key[0], "week": key[1], "changes": changes, "rulings": rulings,
             "ledgers": len(kafka.ledgers), **busiest.counts, **signals(busiest)}
    print("\n".join(f"{name} {value}" for name, value in shown.items()))
    return 1 if problems or not changes or not rulings or len(kafka.ledgers) < 2 else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--redis")
    parser.add_argument("--troth", default="troth")
    parser.add_argument("--canary", action="store_true")
    options = parser.parse_args()
    if options.redis is None and not options.canary:
        parser.error("--redis HOST:PORT is wanted, but for --canary")
    kafka = Kafka(options.folder)
    shards = {p: kafka.recount(p) for p in kafka.events}
    if not options.canary:
        return check(options, kafka, shards)
    seen, missed = canary(kafka, shards)
    show([f"not seen: {what}" for what in missed])
    print(f"{seen} changes seen, {len(missed)} not")
    return 1 if missed or seen < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
