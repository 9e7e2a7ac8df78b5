"""Runs `troth replay --json` or the model itself on one case, for golden.py and random_cases.py."""
import json
import subprocess

from contracts import load_contracts
from model import read_events, replay

TIMEOUT_S = 300


class Failed(Exception):
    """The command did not do its work; the message says how."""


def run_model(contracts, events):
    return replay(load_contracts(contracts), read_events(events))


def run_troth(troth, contracts, events):
    """The decoded lines that `TROTH replay --json` prints."""
    command = [troth, "replay", "--contracts", str(contracts), "--json", str(events)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S,
                              check=False)
    except subprocess.TimeoutExpired:
        raise Failed(f"no end after {TIMEOUT_S} s") from None
    if done.returncode != 0:
        raise Failed(f"exit status {done.returncode}: {done.stderr.strip()[:2000]}")
    try:
        return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
    except json.JSONDecodeError as error:
        raise Failed(f"output is not JSON Lines: {error}") from None


def add_arguments(parser):
    """Which of the two is to be checked."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--troth", metavar="PATH", help="the troth command to check")
    which.add_argument("--model", action="store_true", help="check the model itself")


def run(arguments, contracts, events):
    if arguments.model:
        return run_model(contracts, events)
    return run_troth(arguments.troth, contracts, events)
