#!/usr/bin/env python3
"""Claim: schemas/contract.schema.json accepts the examples and the golden contracts and refuses what the
engine's parser refuses, as far as a schema can say it, so that an editor which reads the schema
does not mislead.

Usage: contract_schema_test.py [PARSER]
PARSER, where given, is a program that reads the document on its standard input and exits with 0 where
the engine's parser takes it, 1 where not (such as `troth contract lint /dev/stdin`); each document is
then held against both. Exit status: 0 all hold, 1 some do not.
"""
import copy
import json
import pathlib
import subprocess
import sys

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "schemas/contract.schema.json").read_text())
RIGHT = {"contract": "c", "version": 1, "promise": "p", "owner": "o", "capabilities": ["x", "y"],
         "terms": [{"name": "t", "when": {"kind": "task"}, "keep": {"outcome": "ok"}, "floor": 0.9}]}
ABSENT = object()

# A path in RIGHT, and a value there that is wrong.
WRONG = [
    (["contract"], "C"), (["contract"], 5), (["contract"], ABSENT), (["contract"], "a" * 64),
    (["version"], 0), (["version"], 1.5), (["version"], "1"), (["version"], 2 ** 63),
    (["promise"], ""), (["promise"], ABSENT), (["promise"], "p" * 1024), (["promise"], None),
    (["owner"], ABSENT), (["owner"], "o" * 129), (["owner"], "a\nb"), (["owner"], ""),
    (["unknown"], 1),
    (["applies_to"], "x"), (["applies_to"], {"agents": "x"}), (["applies_to"], {"agent": ""}),
    (["consequence"], "hihg"), (["mode"], None), (["on_agent_version"], "drop"),
    (["capabilities"], "x"), (["capabilities"], ["x", "x"]), (["capabilities"], ["X"]),
    (["window"], 60), (["window"], "1.5h"), (["window"], "0s"), (["window"], "05m"),
    (["window"], "1h "), (["window"], None), (["half_life"], "0ms"), (["hold"], "-1s"),
    (["panes"], 1), (["panes"], 65), (["panes"], "12"), (["panes"], True),
    (["certify"], {"confidence": 1}), (["certify"], {"confidence": 0}), (["certify"], {"in": "7d"}),
    (["certify"], {"within": "0d"}), (["review_every"], 7),
    (["ladder"], None), (["ladder"], {"narow": {}}), (["ladder"], {"warn": None}),
    (["ladder"], {"warn": {"confidence_below": 0.51}}), (["ladder"], {"warn": {"freshness_below": 2}}),
    (["ladder"], {"warn": {"change": 1}}), (["ladder"], {"warn": {"disputes_open": -1}}),
    (["ladder"], {"warn": {"disputes_open": True}}), (["ladder"], {"clear": {"budget": True}}),
    (["ladder"], {"recertify": {"confidence_below": 0.1}}), (["ladder"], {"pause": {"never": False}}),
    (["ladder"], {"warn": {"scope": None}}), (["ladder"], {"warn": {"scope": {"traffic": 1.1}}}),
    (["ladder"], {"warn": {"scope": {"capabilities": "x"}}}),
    (["ladder"], {"warn": {"scope": {"max_cost_micros": -1}}}),
    (["terms"], []), (["terms"], {}), (["terms"], ABSENT), (["terms"], ["t"]), (["terms"], [{}]),
    (["terms", 0, "name"], "T"), (["terms", 0, "name"], ABSENT), (["terms", 0, "keep"], ABSENT),
    (["terms", 0, "when"], ABSENT), (["terms", 0, "floor"], ABSENT), (["terms", 0, "floor"], 1),
    (["terms", 0, "floor"], 0), (["terms", 0, "floor"], "0.9"), (["terms", 0, "keep"], {}),
    (["terms", 0, "absent"], "kept"), (["terms", 0, "evidence"], 0), (["terms", 0, "fresh"], 1.5),
    (["terms", 0, "evidence"], 10 ** 9 + 1), (["terms", 0, "required"], 1),
    (["terms", 0, "unknown"], 1), (["terms", 0, "never"], {"kind": "tool"}),
    (["terms", 0, "judged"], {}), (["terms", 0, "panes"], 0),
    (["terms", 0, "keep"], {"outcom": "ok"}), (["terms", 0, "keep"], {"outcome": "okay"}),
    (["terms", 0, "keep"], {"outcome": None}), (["terms", 0, "keep"], {"outcome": []}),
    (["terms", 0, "keep"], {"outcome": {}}), (["terms", 0, "keep"], {"outcome": {"nto": "ok"}}),
    (["terms", 0, "keep"], {"outcome": {"lt": 5}}), (["terms", 0, "keep"], {"outcome": {"not": []}}),
    (["terms", 0, "keep"], {"tool": 5}), (["terms", 0, "keep"], {"tool": {"ge": 5}}),
    (["terms", 0, "keep"], {"tool": [["a"]]}), (["terms", 0, "keep"], {"tool": "a\u0001"}),
    (["terms", 0, "keep"], {"latency_us": "5"}), (["terms", 0, "keep"], {"latency_us": 5.5}),
    (["terms", 0, "keep"], {"latency_us": {"le": "5"}}),
    (["terms", 0, "keep"], {"latency_us": {"exists": 1}}), (["terms", 0, "keep"], {"id": "x"}),
    (["terms", 0, "keep"], {"verdicts": "x"}), (["terms", 0, "keep"], {"attributes": "x"}),
    (["terms", 0, "keep"], {"attributes.": "x"}), (["terms", 0, "keep"], {"attributes.n": 5}),
    (["terms", 0, "keep"], {"attributes.n": {"lt": "5"}}),
    (["terms", 0], {"name": "t", "completeness": False, "floor": 0.9}),
    (["terms", 0], {"name": "t", "completeness": True}),
    (["terms", 0], {"name": "t", "judged": True, "floor": 0.9}),
    (["terms", 0], {"name": "t", "judged": {"by": []}, "floor": 0.9}),
    (["terms", 0], {"name": "t", "judged": {}, "floor": 0.9, "absent": "broken"}),
    (["terms", 0], {"name": "t", "never": {}}),
    (["terms", 0], {"name": "t", "never": {"kind": "tool"}, "floor": 0.9}),
    (["terms", 0], {"name": "t", "never": {"kind": "tool"}, "evidence": 5}),
    (["terms", 0], {"name": "t", "budget": {"sum": "seq", "at_most": 1}}),
    (["terms", 0], {"name": "t", "budget": {"sum": "cost_micros"}}),
    (["terms", 0], {"name": "t", "budget": {"sum": "cost_micros", "at_most": -1}}),
    (["terms", 0], {"name": "t", "when": {}, "budget": {"sum": "cost_micros", "at_most": 1, "when": {}}}),
    (["terms", 0], {"name": "t", "cadence": {"every": "1h"}}),
    (["terms", 0], {"name": "t", "cadence": {"when": {}}}),
    (["terms", 0], {"name": "t", "cadence": {"when": {}, "every": "0s"}}),
]

# A path in RIGHT, and a value there that is right.
FINE = [
    (["version"], 2 ** 63 - 1), (["hold"], "1ms"), (["applies_to"], {}), (["capabilities"], []),
    (["promise"], "a\nb"), (["ladder"], {}), (["certify"], {}),
    (["ladder"], {"warn": {"confidence_below": None, "freshness_below": False, "change": None,
                           "budget": False, "disputes_open": None}}),
    (["ladder"], {"narrow": {"scope": {"traffic": 0, "capabilities": [], "max_cost_micros": None}}}),
    (["terms", 0, "when"], {}),
    (["terms", 0, "keep"], {"outcome": "none"}),
    (["terms", 0, "keep"], {"outcome": {"not": ["ok", "failed"], "exists": True}}),
    (["terms", 0, "keep"], {"latency_us": {"lt": 1.5, "ge": -7}, "seq": [1, 2], "until": 5}),
    (["terms", 0, "keep"], {"attributes.n": {"lt": 1.5, "not": "1"}, "attributes.a b": ["", "x"]}),
    (["terms", 0, "keep"], {"attributes": {"exists": True}, "verdicts": {"exists": False}}),
    (["terms", 0], {"name": "t", "judged": {"by": "x"}, "floor": 0.9, "window": "2h", "panes": 8}),
    (["terms", 0], {"name": "t", "budget": {"sum": "cost_micros", "at_most": 0}, "when": {}}),
    (["terms", 0], {"name": "t", "cadence": {"when": {}, "every": "1ms"}, "half_life": "1ms"}),
]


def changed(path, value):
    """RIGHT with another value at a path."""
    document = copy.deepcopy(RIGHT)
    place = document
    for step in path[:-1]:
        place = place[step]
    if value is ABSENT:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return document


def parser_takes(parser, text):
    """Whether the engine's parser takes a document; None without a parser."""
    if parser is None:
        return None
    done = subprocess.run([parser], input=text.encode(), stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False, timeout=60)
    assert done.returncode in (0, 1), f"{parser} ended with {done.returncode}"
    return done.returncode == 0


def main():
    parser = sys.argv[1] if len(sys.argv) > 1 else None
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    cases = [("right", RIGHT, None, True)]
    cases += [(f"wrong {path} {value!r:.60}", changed(path, value), None, False)
              for path, value in WRONG]
    cases += [(f"fine {path} {value!r:.60}", changed(path, value), None, True) for path, value in FINE]
    examples = sorted((ROOT / "schemas/examples").glob("*.yaml"))
    golden = sorted((ROOT / "../shared/golden").glob("*/contracts/*.json"))
    assert len(examples) >= 3
    if not golden:
        print("SKIP: ../shared/golden is not here")
    for path in examples + golden:
        cases.append((str(path.relative_to(ROOT.parent)), yaml.safe_load(path.read_text()),
                      path.read_text(), True))
    failures = 0
    for name, document, text, expected in cases:
        errors = list(validator.iter_errors(document))
        taken = parser_takes(parser, text or json.dumps(document))
        if (not errors) != expected or taken not in (None, expected):
            failures += 1
            told = errors[0].message[:120] if errors else "no error"
            print(f"FAIL {name}: expected {expected}, parser {taken}, schema: {told}")
    print(f"{len(cases)} documents, {failures} failures, parser: {parser or 'not given'}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
