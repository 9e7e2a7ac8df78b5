"""Asks an Alertmanager for its alerts: for tests/system/alerting.

    alert_watch.py URL latency COUNT SECONDS     waits for COUNT paused agents; prints how long each took,
                                                 from the record's time to Alertmanager's, p50 and p99
    alert_watch.py URL list [LABEL=VALUE]...     one line an alert: state, labels, starts, ends
    alert_watch.py URL never-below COUNT SECONDS [LABEL=VALUE]...
                                                 whether so many fire at each look, for so long; prints the
                                                 alerts, as `list`
"""
import datetime
import json
import sys
import time
import urllib.error
import urllib.request

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
LOOK_S = 0.05


def alerts(url, wanted=()):
    with OPENER.open(url + "/api/v2/alerts", timeout=10) as answer:
        found = json.load(answer)
    return [alert for alert in found
            if all(alert["labels"].get(label) == value for label, value in wanted)]


def moment(text):
    """Microseconds since 1970 of an RFC 3339 time."""
    text = text.replace("Z", "+00:00")
    if "." in text:
        head, rest = text.split(".")
        digits = rest[:len(rest) - 6]
        text = f"{head}.{digits[:6]:0<6}{rest[len(digits):]}"
    return datetime.datetime.fromisoformat(text).timestamp() * 1e6


def latency(url, count, seconds):
    """An alert is sent again while it lasts, so the first look at it counts."""
    took = {}
    end = time.monotonic() + seconds
    while len(took) < count and time.monotonic() < end:
        for alert in alerts(url, [("alertname", "TrothNarrowed")]):
            agent = alert["labels"]["agent"]
            if agent not in took:
                decided = moment(alert["annotations"]["decided_at"])
                took[agent] = (moment(alert["updatedAt"]) - decided) / 1e3
        time.sleep(LOOK_S)
    ordered = sorted(took.values())
    if len(ordered) < count:
        sys.exit(f"{len(ordered)} of {count} alerts came within {seconds} s")
    print(f"alert_latency_p50 {ordered[len(ordered) // 2]:.1f} ms")
    print(f"alert_latency_p99 {ordered[len(ordered) * 99 // 100]:.1f} ms")
    print(f"alert_latency_max {ordered[-1]:.1f} ms")


def show(found):
    for alert in sorted(found, key=lambda one: sorted(one["labels"].items())):
        labels = ",".join(f"{name}={value}" for name, value in sorted(alert["labels"].items()))
        print(alert["status"]["state"], labels, alert["startsAt"], alert["endsAt"], sep="\t")


def never_below(url, count, seconds, wanted):
    end = time.monotonic() + seconds
    while True:
        found = alerts(url, wanted)
        if len(found) < count:
            sys.exit(f"{len(found)} alerts fire, not {count}")
        if time.monotonic() >= end:
            show(found)
            return
        time.sleep(LOOK_S)


def main():
    url, mode, arguments = sys.argv[1], sys.argv[2], sys.argv[3:]
    try:
        if mode == "latency":
            latency(url, int(arguments[0]), float(arguments[1]))
        elif mode == "never-below":
            never_below(url, int(arguments[0]), float(arguments[1]),
                        [word.split("=", 1) for word in arguments[2:]])
        else:
            show(alerts(url, [word.split("=", 1) for word in arguments]))
    except (urllib.error.URLError, ConnectionError) as error:
        sys.exit(f"{url}: {error}")


if __name__ == "__main__":
    main()
