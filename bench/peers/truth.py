"""What the scores must be: `troth replay` over the records of a topic, and how a peer's rows are held against it."""
import json
import random
import socket
import subprocess
import time

from harness import CONTRACT, LOCAL, PARTITIONS, Failure, run

TERMS = ("resolves", "prompt", "unaided")
CONFIDENCE_WITHIN = 1e-6  # of another's arithmetic; the rows have nine digits
# Of the agents. In recertify, where all begin, kept evidence from before the standing counts as late. Of those who
# leave it otherwise than certified it counts again, and who enters it again starts anew: no peer has a ladder.
PASSED_OVER_MAX = 0.05


class Truth:
    """The standings of a topic's records of now. counts: these records, by partition.

    In agents: how many there must be. In behind: whether events bear times of before their agent's first record. In
    values_min: different scores, and confidences of each term, among them.
    """

    def __init__(self, log, agents, behind, values_min):
        self.log = log
        self.behind = behind
        self.counts = []
        self.rows = {}
        self.passed_over = set()
        for partition in range(PARTITIONS):
            self.replay(partition)
        self.agents = len(self.rows)
        for agent in self.passed_over:
            del self.rows[agent]
        self.require(agents, values_min)

    def replay(self, partition):
        contract, events = LOCAL / "replay.yaml", LOCAL / "replay.jsonl"
        contract.write_text(CONTRACT, encoding="utf-8")
        with open(events, "w", encoding="utf-8") as out:
            run_into(out, self.log.build / "tests/dump_topic", self.log.servers.bootstrap,
                     f"{self.log.prefix}.telemetry", "events", partition)
        with open(events, "rb") as lines:
            self.counts.append(sum(1 for _ in lines))
        for line in run(self.log.build / "ops/troth", "replay", "--json", "--contracts", contract,
                        events).splitlines():
            told = json.loads(line)
            if "intervention" in told:
                change = told["intervention"]
                left = change["from"] == "recertify" and change["cause"]["condition"] != "certified"
                if left and self.behind or change["to"] == "recertify":
                    self.passed_over.add(change["agent"])
                continue
            standing = told["standing"]
            score = int(1000 * standing["compliance"] * standing["freshness"] + 0.5)  # also at pause
            self.rows[standing["agent"]] = (score, *(term["confidence"] for term in standing["terms"]))
        events.unlink()

    def require(self, agents, values_min):
        """A truth that says nothing could be met by anything."""
        if self.agents != agents:
            raise Failure(f"troth replay has {self.agents} standings of {agents} agents")
        if len(self.passed_over) > PASSED_OVER_MAX * self.agents:
            raise Failure(f"{len(self.passed_over)} of {self.agents} agents cannot be compared")
        for index, what in enumerate(("score", *TERMS)):
            values = {row[index] for row in self.rows.values()}
            if len(values) < values_min:
                raise Failure(f"troth replay knows only {len(values)} values of {what}: nothing would be compared")

    def differences(self, rows):
        """In rows: agent to (score, confidences). Returns sentences about what differs."""
        wrong = []
        for agent, right in self.rows.items():
            row = rows.get(agent)
            if row is None:
                wrong.append(f"{agent} has no row")
            elif abs(row[0] - right[0]) > 1 or any(abs(a - b) > CONFIDENCE_WITHIN for a, b in zip(row[1:], right[1:])):
                wrong.append(f"{agent} has {row}, troth replay {right}")
        for agent in rows.keys() - self.rows.keys() - self.passed_over:
            wrong.append(f"{agent} is nobody's row")
        return wrong

    def check(self, rows, who):
        """Fails unless the rows are right, and unless wrong ones would have been found."""
        wrong = self.differences(rows)
        if wrong:
            raise Failure(f"{who}: {len(wrong)} of {len(self.rows)} results differ from troth replay; {wrong[0]}")
        agent = random.choice(list(self.rows))
        row = rows[agent]
        for bad in ({agent: (row[0] + 2, *row[1:])}, {agent: (*row[:3], row[3] + 2e-6)}, {"refund-x": row}):
            if len(self.differences({**rows, **bad})) != 1:
                raise Failure(f"the check has passed over a wrong row, {bad}")
        if len(self.differences({name: rows[name] for name in rows if name != agent})) != 1:
            raise Failure(f"the check has passed over a missing row, of {agent}")


def run_into(out, *words):
    """Runs a command whose output goes to a file."""
    done = subprocess.run([str(word) for word in words], stdout=out, check=False)
    if done.returncode != 0:
        raise Failure(f"{words[0]} ended with {done.returncode}")


def published_rows(servers, prefix):
    """Returns what a peer has written into Redis: agent to (score, confidences)."""
    host, port = servers.redis.rsplit(":", 1)
    keys = servers.ask_redis("--scan", "--pattern", f"{prefix}:agent:*").split()
    rows = {}
    with socket.create_connection((host, int(port))) as connection:
        lines = connection.makefile("rb")
        for first in range(0, len(keys), 1000):
            some = keys[first:first + 1000]
            connection.sendall(b"".join(command("HMGET", key, "score", *TERMS) for key in some))
            for key in some:
                values = [lines.readline() for _ in range(9)][2::2]
                rows[key.rsplit(":", 1)[1]] = (int(values[0]), *map(float, values[1:]))
    return rows


def command(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word.encode()) for word in words)


def write_windows(path, agents):
    """Three hours of events that use all that the contract says: aged panes, late ones, each kind and outcome, what is
    absent, other contracts. Returns how many agents there are."""
    rng = random.Random(7)
    end_us = time.time_ns() // 1000
    begin_us = end_us - 3 * 3600 * 1000000
    share = [rng.choice((0, 0.005, 0.02, 0.1)) for _ in range(agents)]
    first = [0] * agents
    with open(path, "w", encoding="utf-8") as out:
        count = agents * 150
        for i in range(count):
            agent = i if i < agents else rng.randrange(agents)
            at = begin_us + i * (end_us - begin_us) // count
            first[agent] = first[agent] or at
            if rng.random() < 0.1:
                at = max(first[agent], at - rng.randrange(70 * 60 * 1000000))
            out.write(json.dumps(made_up(rng, f"refund-{agent:05}", at, share[agent])) + "\n")
    return agents


def made_up(rng, agent, at, share):
    bad = rng.random() < share
    event = {"agent": agent, "at": at, "kind": "task", "outcome": "ok", "source": "gateway", "latency_us": 1500000}
    event["outcome"] = rng.choice(("failed", "refused", "timeout")) if bad else rng.choices(
        ("ok", "throttled", "cancelled", "none"), (90, 2, 2, 2))[0]
    if rng.random() < 0.1:
        del event["latency_us"]
    elif rng.random() < share:
        event["latency_us"] = rng.choice((2000000, 2000001, 9000000))
    if rng.random() < share:
        event["rescue"] = rng.choice(("interrupt", "redo"))
    if rng.random() < 0.1:
        event["kind"] = rng.choice(("tool", "heartbeat", "heartbeat") if rng.random() > share else ("rescue",))
        if event["kind"] == "rescue":
            event["rescue"] = "correction"
    if rng.random() < 0.1:
        event["contract"] = rng.choice(("refunds", "another"))
        event["source"] = rng.choice(("gateway", "self"))
    if rng.random() < 0.3:
        event.update(issuer="gate", task=f"t-{at}", tool="pay", agent_version="3", cost_micros=120, input_tokens=700,
                     output_tokens=3, attributes={"a": "b"})
    return event
