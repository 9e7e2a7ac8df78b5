"""The peers as processes: their jars, their classes, and the commands that one takes (Control.java)."""
import fcntl
import os
import select
import shutil
import subprocess
import tempfile
from pathlib import Path

from harness import LOCAL, PATIENCE_S, Consumer, Failure, say

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "troth"
NOT_OF = {"kafka_streams": "Flink", "flink": "Streams"}  # sources that need the other framework
FETCH_S = 900


def jars(framework):
    """Fetches a framework from Maven Central, once. The folder appears whole or not at all."""
    pom, folder = HERE / f"{framework}.pom.xml", CACHE / f"peers-{framework}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{folder}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "pom.xml").exists() and (folder / "pom.xml").read_bytes() == pom.read_bytes():
            return folder
        say(f"fetching {framework} from Maven Central, once, to {folder}")
        new = Path(tempfile.mkdtemp(prefix=f"{folder.name}.new.", dir=folder.parent))
        shutil.copy(pom, new / "pom.xml")
        try:
            done = subprocess.run(["mvn", "-B", "-U", "-C", "-f", new / "pom.xml", "dependency:copy-dependencies",
                                   f"-DoutputDirectory={new}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, check=False, timeout=FETCH_S)
        except (FileNotFoundError, subprocess.TimeoutExpired) as problem:
            shutil.rmtree(new)
            raise Failure(f"the jars of {framework} were not fetched ({problem}); "
                          "ops/install-dependencies --test installs Maven") from problem
        if done.returncode != 0:
            shutil.rmtree(new)
            reasons = [line for line in done.stdout.splitlines() if "Could not" in line] or ["no answer"]
            raise Failure(f"Maven Central did not deliver {framework}: {reasons[-1]}")
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    return folder


def classes(framework):
    """Compiles the peer. Returns the class path."""
    folder = jars(framework)
    out = LOCAL / f"classes-{framework}"
    shutil.rmtree(out, ignore_errors=True)
    sources = [path for path in sorted(HERE.glob("*.java")) if NOT_OF[framework] not in path.name]
    try:
        done = subprocess.run(["javac", "-Xlint:all", "-Werror", "-d", out, "-cp", f"{folder}/*", *sources],
                              check=False)
    except FileNotFoundError as problem:
        raise Failure("there is no javac; ops/install-dependencies --test installs one") from problem
    if done.returncode != 0:
        raise Failure(f"the peer on {framework} does not compile")
    return f"{out}:{folder}/*"


class Peer(Consumer):
    """A JVM on the consumer's core that reads a topic when it is told to."""

    def __init__(self, servers, name, class_path, main, words, flags):
        self.name = name
        self.log = LOCAL / f"peer-{name}.log"
        with open(self.log, "w", encoding="utf-8") as out:
            self.process = subprocess.Popen(
                ["java", *flags, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", class_path, main,
                 *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=out, text=True,
                preexec_fn=lambda: os.sched_setaffinity(0, servers.consumer_cores))
        Consumer.living.append(self)
        self.runs = 0
        self.await_word("ready")

    def await_word(self, word):
        """Returns the numbers that stand after it."""
        heard, _, _ = select.select([self.process.stdout], [], [], PATIENCE_S)
        line = self.process.stdout.readline().split() if heard else "nothing"
        if line[:1] != [word]:
            raise Failure(f"{self.name} has ended or said {line}, not {word}; see {self.log}")
        return list(map(int, line[1:]))

    def tell(self, line, answer):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.await_word(answer)

    def read(self, log, counts, redis):
        """Reads so many records. Returns CPU-nanoseconds, standings, and rows written meanwhile."""
        self.runs += 1
        began = self.cpu_s()
        standings, rows = self.tell(
            f"run {log.prefix}.telemetry {log.prefix}-{self.name}-{self.runs} {redis} {log.prefix} "
            + ",".join(map(str, counts)), "caught-up")
        return (self.cpu_s() - began) * 1e9, standings, rows

    def publish_all(self):
        self.tell("finish", "published")

    def end_run(self):
        self.tell("end", "ended")
