#!/usr/bin/env python3
"""A router in Python: asks Redis who may do a piece of work, hears of narrowings, bears Redis being away.

  route.py [--redis HOST:PORT] [--prefix P] [--capability C] [--tasks N] [--every SECONDS]

A task a second, without end; or N of them. Redis and prefix: else $TROTH_REDIS_ADDRESS (127.0.0.1:6379) and
$TROTH_PREFIX (troth). Needs redis-py: Debian's python3-redis, or `pip install redis`. Rules: schemas/redis.md.
"""
import argparse
import json
import os
import random
import secrets
import sys
import threading
import time

import redis

FIELDS = ("agent", "score", "rung", "traffic", "capabilities", "max_cost_micros", "good_until", "offer_until")


class Router:
    def __init__(self, options):
        host, _, port = options.redis.rpartition(":")
        self.redis = redis.Redis(host, int(port), decode_responses=True, socket_timeout=2)
        self.route = f"{options.prefix}:route:{options.capability}"
        self.stream, self.channel = f"{options.prefix}:interventions", f"{options.prefix}:narrowed"
        self.known = []  # what was answered last, for when Redis is away
        self.last = None  # the last entry of the stream that was read

    def pick(self):
        """Returns an agent that may be given the work now, and whether Redis said so; or None: nobody may have it."""
        try:
            found = self.redis.execute_command("FCALL_RO", "troth_route", 1, self.route, 8, secrets.randbits(64))
            self.known = [dict(zip(FIELDS, agent)) for agent in found]
            return (self.known or [None])[0], True
        except redis.RedisError as error:  # away, or just back and not filled yet
            print(f"route.py: {error}", file=sys.stderr)
            return next((a for a in random.sample(self.known, len(self.known)) if may_still(a)), None), False

    def forget(self, agent=None):
        self.known = [a for a in self.known if agent not in (None, a["agent"])]

    def catch_up(self):
        """What the channel did not tell: a message may be lost, an entry of the stream is not, until it is cut off."""
        if self.last is None:  # the first time: from now on
            self.last = ([entry[0] for entry in self.redis.xrevrange(self.stream, count=1)] or ["0-0"])[0]
        entries = self.redis.xrange(self.stream, min=self.last, count=1000)
        if self.last != "0-0" and (not entries or entries[0][0] != self.last):
            print("gap: entries may be missing, so nothing is known any more", flush=True)
            self.forget()
            self.last = "0-0"
        while entries:
            for self.last, entry in entries:
                self.forget(json.loads(entry["record"])["agent"] if "record" in entry else None)
            entries = self.redis.xrange(self.stream, min=f"({self.last}", count=1000)

    def listen(self):
        while True:
            try:
                with self.redis.pubsub(ignore_subscribe_messages=True) as channel:
                    channel.subscribe(self.channel)
                    while True:
                        self.catch_up()
                        message = channel.get_message(timeout=1)
                        if message:
                            told = json.loads(message["data"])
                            self.forget(told["agent"])
                            print(f"narrowed: {told['agent']} {told['from']} -> {told['to']}", flush=True)
            except redis.RedisError:
                time.sleep(0.2)


def may_still(agent):
    """Without Redis: its share of the work, until then; its scope past good_until is not known here."""
    trusted = agent["rung"] in ("clear", "warn")
    until = min(int(agent["offer_until"]), int(agent["good_until"]) if trusted else 1 << 62)
    return time.time() * 1e6 < until and random.random() < float(agent["traffic"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--redis", default=os.environ.get("TROTH_REDIS_ADDRESS", "127.0.0.1:6379"))
    parser.add_argument("--prefix", default=os.environ.get("TROTH_PREFIX", "troth"))
    parser.add_argument("--capability", default="refund")
    parser.add_argument("--tasks", type=int, default=0)
    parser.add_argument("--every", type=float, default=1)
    options = parser.parse_args()
    router = Router(options)
    threading.Thread(target=router.listen, daemon=True).start()
    task = 0
    while task < options.tasks or options.tasks == 0:
        task += 1
        agent, asked = router.pick()
        who = f"{agent['agent']} ({agent['rung']}, score {agent['score']})" if agent else "nobody may have it now"
        print(f"task {task}: {who}{'' if asked else ', from memory'}", flush=True)
        time.sleep(options.every)


if __name__ == "__main__":
    main()
