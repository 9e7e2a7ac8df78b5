"""What the benches with real servers share: a private Kafka and Redis, consumers on a core of their
own whose CPU time is taken, logs with the contract in force, the load, and how a figure is printed.

Each consumer has one core to itself, Kafka and Redis and the bench share the others; where there is one
core alone, nothing is pinned. Everything that is started is ended again, see run_bench.
"""
import os
import re
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCAL = Path(os.environ.get("TROTH_LOCAL", ROOT / ".local")) / "bench"
PARTITIONS = 4
WITHOUT_CHECKPOINTS = ("--checkpoint", "0s")  # or a second engine would restore what the first wrote, and read nothing
PATIENCE_S = 600  # for anything that is waited for
RATE_MAX = 50000  # events/s of an open loop: with more, the sender, Kafka and Redis, which share a core, are measured
SIDES = {"at_least_once": ("--delivery", "at_least_once"), "exactly_once": ("--checkpoint", "1s")}
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
SAMPLE_S = 0.03  # between two looks at an engine's metrics, which are made anew each 0.1 s

CONTRACT = """\
contract: refunds
version: 1
promise: Refund agents settle valid claims correctly, promptly and unaided.
owner: payments-ops
applies_to: {agent: "refund-*"}
consequence: medium
capabilities: [refund, quote]
window: 1h
panes: 12
half_life: 30m
hold: 10m
terms:
  - {name: resolves, when: {kind: task, outcome: {not: [throttled, cancelled]}}, keep: {outcome: ok}, floor: 0.98}
  - {name: prompt, when: {kind: task}, keep: {latency_us: {le: 2000000}}, floor: 0.95}
  - {name: unaided, when: {kind: [task, rescue]}, keep: {kind: task, rescue: {exists: false}}, floor: 0.97}
certify: {confidence: 0.95, within: 7d}
"""

CONFIGURATION = """\
prefix: {prefix}
kafka:
  bootstrap.servers: {bootstrap}
topics:
  partitions: {partitions}
redis:
  address: {redis}
http: off
agents_max: {agents}
standings_max: {agents}
"""


class Failure(Exception):
    """A figure would be wrong; the text says why."""


def say(text):
    print(f"{Path(sys.argv[0]).name}: {text}", file=sys.stderr, flush=True)


def show(name, values, unit):
    print(f"{name} {statistics.median(values):.4g} {unit} "
          f"(min {min(values):.4g}, max {max(values):.4g}, {len(values)} runs)", flush=True)


def run(*command, **keywords):
    """Runs a command to its end. Returns what it printed."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, check=False,
                          **keywords)
    if done.returncode != 0:
        raise Failure(f"{command[0]} ended with {done.returncode}")
    return done.stdout


def figure(printed, name):
    """Returns the value of a figure that a program has printed."""
    found = re.search(rf"^{name} (\S+)", printed, re.MULTILINE)
    if not found:
        raise Failure(f"{name} was not printed")
    return float(found.group(1))


class Servers:
    """A private Kafka, where one is wanted, and Redis on all cores but the consumer's.

    In kafka: whether one is; or a list of the broker's settings, KEY=VALUE.
    """

    def __init__(self, kafka=True):
        cores = sorted(os.sched_getaffinity(0))
        self.consumer_cores = {cores[0]} if len(cores) > 1 else set(cores)
        self.all_cores = set(cores)
        self.other_cores = set(cores[1:]) or set(cores)
        os.sched_setaffinity(0, self.other_cores)
        LOCAL.mkdir(parents=True, exist_ok=True)
        self.stop()  # what an interrupted run left is on any core
        settings = [word for setting in (kafka if isinstance(kafka, list) else []) for word in ("--set", setting)]
        self.bootstrap = None if kafka is False else self.start("kafka", "bootstrap", *settings)
        self.redis = self.start("redis", "redis")

    @staticmethod
    def start(name, key, *words):
        printed = run(ROOT / "ops/local" / name, "start", "--dir", LOCAL / name, *words)
        return re.search(rf"^{key}=(.*)$", printed, re.MULTILINE).group(1)

    @staticmethod
    def stop():
        for name in ("kafka", "redis"):
            subprocess.run([ROOT / "ops/local" / name, "stop", "--purge", "--dir", LOCAL / name],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)

    def ask_redis(self, *words):
        host, port = self.redis.rsplit(":", 1)
        return run("redis-cli", "-h", host, "-p", port, *words)

    def place_redis(self, cores):
        """Moves Redis with all its threads to other cores."""
        number = int(re.search(r"^process_id:(\d+)", self.ask_redis("INFO", "server"), re.MULTILINE).group(1))
        for thread in os.listdir(f"/proc/{number}/task"):
            os.sched_setaffinity(int(thread), cores)

    def redis_cpu_s(self):
        """Returns user and system time of Redis so far, in microseconds' resolution."""
        told = self.ask_redis("INFO", "cpu")
        return sum(float(value) for value in re.findall(r"^used_cpu_(?:sys|user):([\d.]+)", told, re.MULTILINE))

    def empty_redis(self):
        self.ask_redis("FLUSHALL")
        self.ask_redis("CONFIG", "RESETSTAT")


class Consumer:
    """A process on the consumer's core, whose CPU time is taken."""

    living = []

    def __init__(self, servers, command, log, cores=None):
        self.name = Path(command[0]).name
        self.log = log
        with open(log, "w", encoding="utf-8") as out:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdout=out, stderr=subprocess.STDOUT,
                preexec_fn=lambda: os.sched_setaffinity(0, cores or servers.consumer_cores))
        Consumer.living.append(self)

    def said(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def has_ended(self):
        return bool(os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT))

    def wait_for(self, pattern, count):
        """Waits until so many lines of the log match. Returns the time."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if len(re.findall(pattern, self.said())) >= count:
                return time.monotonic()
            if self.has_ended():
                break
            time.sleep(0.005)
        self.end(signal.SIGKILL)
        raise Failure(f"{self.name} did not say \"{pattern}\" {count} times; see {self.log}")

    def cpu_s(self):
        """Returns user and system time of all its threads so far, in ticks' resolution (10 ms)."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * TICK_S

    def cpu_ns(self):
        """Returns user and system time of all its threads so far, in nanoseconds' resolution."""
        return time.clock_gettime_ns(~self.process.pid << 3 | 2)  # clock_getcpuclockid(3), which Python lacks

    def end(self, number=None):
        """Returns the CPU-nanoseconds that it took; it must have ended well."""
        if number is not None:
            os.kill(self.process.pid, number)  # not waited for yet, so the number is still its own
        _, status, usage = os.wait4(self.process.pid, 0)
        Consumer.living.remove(self)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        if self.process.returncode != 0 and number != signal.SIGKILL:
            raise Failure(f"{self.name} ended with {self.process.returncode}; see {self.log}")
        return (usage.ru_utime + usage.ru_stime) * 1e9


class Log:
    """A set of topics under a prefix, with contracts, if any, in force at its head."""

    def __init__(self, servers, build, name, agents=100000, contracts=(CONTRACT,), settings=""):
        self.servers = servers
        self.build = build
        self.runs = 0
        self.prefix = f"bench-{name}-{time.time_ns() // 1000000}"
        self.config = LOCAL / f"{name}.yaml"
        self.config.write_text(CONFIGURATION.format(prefix=self.prefix, bootstrap=servers.bootstrap,
                                                    partitions=PARTITIONS, redis=servers.redis,
                                                    agents=agents) + settings, encoding="utf-8")
        self.troth("topics", "create")
        for contract in contracts:
            path = LOCAL / "contract.yaml"
            path.write_text(contract, encoding="utf-8")
            self.troth("contract", "push", path)
        if not contracts:
            return
        engine = self.start_engine("--delivery", "at_least_once")
        engine.wait_for("is in force on", PARTITIONS * len(contracts))
        engine.end(signal.SIGTERM)

    def troth(self, *words):
        return run(self.build / "ops/troth", "--config", self.config, *words)

    def start_engine(self, *flags, before=(), member=None, cores=None, group=None):
        """Starts trothd in a group of its own, where none is named."""
        self.runs += 1
        member = member or f"{self.prefix}-{self.runs}"
        return Consumer(self.servers, [*before, self.build / "ops/trothd", "--config", self.config,
                                       "--group", group or member, "--instance", member, *flags],
                        LOCAL / f"trothd-{member}.log", cores)

    def read_with_bench(self, program, *words):
        """Runs a bench on the consumer's core. Returns its CPU-nanoseconds and what it printed."""
        log = LOCAL / f"{program}.log"
        bench = Consumer(self.servers, [self.build / "bench" / program, "--config", self.config, *words], log)
        return bench.end(), bench.said()

    def count(self, topic):
        printed = run(self.build / "bench/bench_bare", "--config", self.config, topic)
        return int(figure(printed, "bare_records"))

    def published(self):
        """Standings written since Redis was emptied: each comes with the hash of its agent."""
        found = re.search(r"cmdstat_hset:calls=(\d+)", self.servers.ask_redis("INFO", "commandstats"))
        return int(found.group(1)) // 2 if found else 0

    def standings(self):
        """Standings that are listed as the contract's fleet."""
        return int(self.servers.ask_redis("ZCARD", f"{self.prefix}:fleet:refunds"))

    def load(self, events, *words):
        """Fills telemetry. Returns how many agents occur."""
        printed = run(self.build / "bench/bench_load", "--config", self.config, "--events", events, *words,
                      preexec_fn=lambda: os.sched_setaffinity(0, self.servers.all_cores))
        return int(figure(printed, "load_agents"))


def stream(log, side, member=None):
    """Reads all telemetry. Returns CPU-seconds and seconds of the streaming alone, and the engine."""
    log.servers.empty_redis()
    engine = log.start_engine(*SIDES[side], member=member)
    began = engine.wait_for("is ours:", PARTITIONS)
    began_cpu = engine.cpu_s()
    ended = engine.wait_for("has caught up at", PARTITIONS)
    return engine.cpu_s() - began_cpu, ended - began, engine


class Metrics:
    """What an engine tells of itself over HTTP; it was started with OVER_HTTP."""

    OVER_HTTP = ("--http", "127.0.0.1:0")

    def __init__(self, engine):
        engine.wait_for("metrics at http://", 1)
        self.url = re.search(r"metrics at (http://\S+)", engine.said()).group(1)

    def read(self):
        """Returns how many records were read, and how many are left, by partition."""
        try:
            with urllib.request.urlopen(self.url, timeout=PATIENCE_S) as answer:
                text = answer.read().decode("utf-8")
        except OSError as error:
            raise Failure(f"{self.url}: {error}") from error
        left = re.findall(r"^troth_partition_lag_records\{partition=\"(\d+)\"\} (\d+)", text, re.MULTILINE)
        return (int(re.search(r"^troth_records_total (\d+)", text, re.MULTILINE).group(1)),
                {int(partition): int(records) for partition, records in left})


def steady_ns(engine, known, events, rough):
    """Returns an engine's CPU-nanoseconds an event of what its log has beyond a first part.

    From when each partition has that part of its own events behind it to when the first has none left, records
    read and CPU time are taken thirty times a second; the cost is the slope of the straight line through them.
    So there is nothing but streaming in it, and that the metrics are 0 to 0.1 s old does not matter.

    In known: events of the first part. In events: of the whole log. In rough: whether, where it streamed too shortly
    for that, the mean since its start will do, as of tiny runs.
    """
    metrics = Metrics(engine)
    engine.wait_for("is ours:", PARTITIONS)
    ours = re.findall(r"\[(\d+)\] is ours: .* (\d+) to catch up", engine.said())
    limits = {int(partition): int(behind) * (events - known) / events for partition, behind in ours}
    read, left, records, spent = 0, {}, [], []
    while read < known or min(left.values()) > 0:
        time.sleep(SAMPLE_S)
        cpu_ns = engine.cpu_ns()
        read, left = metrics.read()
        if read >= known and all(0 < left[partition] <= limit for partition, limit in limits.items()):
            records.append(read)
            spent.append(cpu_ns)
    engine.wait_for("has caught up at", PARTITIONS)
    if len(set(records)) >= 3:
        return statistics.linear_regression(records, spent).slope
    if not rough:
        raise Failure("it streamed too shortly for its cost to be told; take more events")
    return engine.cpu_ns() / events


def read_steadily(log, agents, known, events, rough, workers=1, cores=None):
    """Has trothd read a log: see steady_ns. Returns its cost, seconds by the wall, and standings published."""
    log.servers.empty_redis()
    engine = log.start_engine(*WITHOUT_CHECKPOINTS, *Metrics.OVER_HTTP, "--workers", workers, cores=cores)
    began = engine.wait_for("is ours:", PARTITIONS)
    nanoseconds = steady_ns(engine, known, events, rough)
    seconds = engine.wait_for("has caught up at", PARTITIONS) - began
    engine.end(signal.SIGTERM)
    check_read(log, engine, agents)
    return nanoseconds, seconds, log.published()


def wait_until_live(engine):
    """Waits until an engine that has all partitions has caught up on those where there was something to."""
    engine.wait_for("is ours:", PARTITIONS)
    behind = [left for left in re.findall(r"is ours: .* (\d+) to catch up", engine.said()) if left != "0"]
    engine.wait_for("has caught up at", len(behind))


def wait_until_whole(servers, log):
    """Waits until all standings have been published anew."""
    for _ in range(600):
        if servers.ask_redis("HGET", f"{log.prefix}:meta", "rebuilding").strip() == "0":
            return
        time.sleep(0.1)
    raise Failure("the view in Redis was not whole within a minute")


def check_read(log, engine, agents):
    """Fails where an engine that has ended did not read the log once, or Redis does not hold its agents."""
    if len(re.findall("is ours:", engine.said())) != PARTITIONS:
        raise Failure(f"partitions were handed out twice; see {engine.log}")
    if log.standings() != agents:
        raise Failure(f"Redis holds {log.standings()} standings of {agents} agents")


class Fleet:
    """Logs of the same load, each longer than the one before."""

    def __init__(self, servers, build, lengths, words=(), contract=CONTRACT):
        """In lengths: events by the log's name. In words: for bench_load."""
        self.logs = [Log(servers, build, name, contracts=(contract,)) for name in lengths]
        self.events = list(lengths.values())
        self.agents = [log.load(sent, *words) if sent else 0 for log, sent in zip(self.logs, self.events)]

    def read_log(self, index, workers=1, cores=None):
        """Has trothd read one of the logs. Returns CPU-nanoseconds, seconds by the wall, and standings published."""
        log, agents = self.logs[index], self.agents[index]
        log.servers.empty_redis()
        engine = log.start_engine(*WITHOUT_CHECKPOINTS, "--workers", workers, cores=cores)
        began = engine.wait_for("is ours:", PARTITIONS)
        seconds = engine.wait_for("has caught up at", PARTITIONS) - began
        spent = engine.end(signal.SIGTERM)
        check_read(log, engine, agents)
        return spent, seconds, log.published()


def run_bench(measure, kafka=True):
    """Calls measure(servers) with everything that it starts ended again. Returns the exit status."""
    for variable in [name for name in os.environ if name.startswith("TROTH_") and name != "TROTH_LOCAL"]:
        del os.environ[variable]  # a parameter of somebody's own engine must not reach ours
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        measure(Servers(kafka))
    except Failure as failure:
        say(failure)
        return 1
    finally:
        for consumer in list(Consumer.living):
            consumer.end(signal.SIGKILL)
        Servers.stop()
    return 0
