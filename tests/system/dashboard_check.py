"""Holds a Grafana dashboard against a Prometheus that has scraped an engine; for the system test.

  dashboard_check.py DASHBOARD PROMETHEUS_URL

Each expression is asked of Prometheus with every variable standing for all; each metric in it must be
one that was scraped, and each label (in braces, in a by, in a legend) one that its series have. The
frame is checked too: ids, places, data sources, variables. Prints what is wrong; exit status 0 where
nothing is, else 1.
"""
import json
import re
import sys
import urllib.error
import urllib.parse
import urllib.request

SELECTOR = re.compile(r'\b(troth_\w+)\s*(?:\{([^}]*)\})?')
MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)')
GROUPING = re.compile(r'\b(?:by|without|on|group_left|group_right|ignoring)\s*\(([^)]*)\)')
VARIABLE = re.compile(r'\$\{?(\w+)\}?')


def ask(url, path, **parameters):
    """Returns what Prometheus answers; raises ValueError with its words where it objects."""
    try:
        query = urllib.parse.urlencode(parameters, doseq=True)
        with urllib.request.urlopen(f"{url}/api/v1/{path}?{query}", timeout=20) as answer:
            return json.load(answer)["data"]
    except urllib.error.HTTPError as error:
        raise ValueError(json.load(error).get("error", str(error))) from error


def read_labels(url):
    """The labels of each metric of the engine."""
    labels = {}
    for series in ask(url, "series", **{"match[]": '{__name__=~"troth_.*"}'}):
        labels.setdefault(series["__name__"], set()).update(series)
    return labels


def fill_in(text, known):
    """The expression as Grafana would ask it, with all of everything chosen."""
    def value(match):
        name = match.group(1)
        if name.startswith("__"):
            return "1m"
        if name not in known:
            raise ValueError(f"there is no variable {name}")
        return ".*"
    return VARIABLE.sub(value, text)


def check_target(target, labels, known, url):
    """Yields what is wrong with one expression."""
    expression = fill_in(target["expr"], known)
    there = set()
    for metric, matchers in SELECTOR.findall(expression):
        if metric not in labels:
            yield f"no engine serves {metric}"
            continue
        there |= labels[metric]
        for label in MATCHER.findall(re.sub(r'"[^"]*"', '""', matchers)):
            if label not in labels[metric]:
                yield f"{metric} has no label {label}"
    if not there:
        yield f"no metric of the engine: {expression}"
    named = [label.strip() for group in GROUPING.findall(expression) for label in group.split(",")]
    for label in named:
        if label and label not in there:
            yield f"no metric of {expression} has the label {label}"
    for label in re.findall(r"\{\{\s*(\w+)\s*\}\}", target.get("legendFormat", "")):
        if label not in named:
            yield f"the legend shows {label}, which the expression does not keep"
    ask(url, "query", query=expression)


def check_variables(dashboard, labels, known, url):
    for variable in dashboard["templating"]["list"]:
        match = re.fullmatch(r"label_values\((.*), (\w+)\)", variable.get("definition", ""))
        if variable["type"] != "query":
            continue
        if match is None:
            yield f"variable {variable['name']}: not label_values(...)"
            continue
        selector, label = fill_in(match.group(1), known), match.group(2)
        ask(url, "series", **{"match[]": selector})
        metric = SELECTOR.match(selector).group(1)
        if label not in labels.get(metric, ()):
            yield f"variable {variable['name']}: {metric} has no label {label}"


def check_frame(dashboard, known):
    places = set()
    ids = [panel["id"] for panel in dashboard["panels"]]
    if len(ids) != len(set(ids)):
        yield "two panels have one id"
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                 for y in range(at["y"], at["y"] + at["h"])}
        if at["x"] + at["w"] > 24 or places & cells:
            yield f"{panel['title']} lies on another panel, or past the edge"
        places |= cells
        if panel["type"] != "row" and not (panel.get("description") and panel.get("targets")):
            yield f"{panel['title']} has no description or nothing to show"
        for source in [panel] * (panel["type"] != "row") + panel.get("targets", []):
            if source["datasource"] != {"type": "prometheus", "uid": "${datasource}"}:
                yield f"{panel['title']} does not ask the data source that is chosen"
    if not any("RUNBOOK.md" in link["title"] for link in dashboard["links"]):
        yield "no link leads to ops/RUNBOOK.md"
    for link in dashboard["links"]:
        fill_in(link["url"], known)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        dashboard = json.load(file)
    url = sys.argv[2]
    labels = read_labels(url)
    known = {variable["name"] for variable in dashboard["templating"]["list"]}
    wrong = list(check_frame(dashboard, known))
    wrong += check_variables(dashboard, labels, known, url)
    count = 0
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            count += 1
            try:
                found = list(check_target(target, labels, known, url))
            except ValueError as error:
                found = [str(error)]
            wrong += [f"{panel['title']}, {target['refId']}: {text}" for text in found]
    for text in wrong:
        print(text)
    print(f"{count} expressions over {len(labels)} metrics, {len(wrong)} wrong")
    return 1 if wrong or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
