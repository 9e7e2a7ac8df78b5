"""What watch_memory saw, in one line; for the system tests.

  memory.py SAMPLES [--minutes] [--from MS] [--to MS] [--most-mb N] [--most-slope N]
            [--most-growth MB] [--most-cpu N]

Prints resident memory at the start, at the peak and at the end, the slope over the second half of the
records by least squares, in MB per million of them (with --minutes over the second half of the time,
per minute), and the share of a core that was used. MS are of the samples' own clock. Exit status 1 where a bound is passed: of the peak, of
the slope, of the growth over that half by it, of the share.
"""
import argparse
import sys


def read(options):
    with open(options.samples) as lines:
        # The last line may be cut off.
        rows = [tuple(map(int, line.split())) for line in lines if line.endswith("\n")]
    return [row for row in rows if options.begin <= row[0] <= options.end]


def slope(points):
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("samples")
    parser.add_argument("--minutes", action="store_true")
    parser.add_argument("--from", dest="begin", type=int, default=0)
    parser.add_argument("--to", dest="end", type=int, default=1 << 62)
    parser.add_argument("--most-mb", type=float)
    parser.add_argument("--most-slope", type=float)
    parser.add_argument("--most-growth", type=float)
    parser.add_argument("--most-cpu", type=float)
    options = parser.parse_args()
    rows = read(options)
    if len(rows) < 4:
        print(f"{len(rows)} samples are too few")
        return 1
    last = next(row for row in rows if row[1] == rows[-1][1])  # what follows is rest
    column, rows = (0, rows) if options.minutes else (1, rows[:rows.index(last) + 1])
    middle = (rows[0][column] + rows[-1][column]) / 2
    half = [row for row in rows if row[column] >= middle]
    span_ms, records = half[-1][0] - half[0][0], half[-1][1] - half[0][1]
    # Over time, as the group commits, and so is seen to go on, a second's records at once.
    grown = slope([(row[0], row[2] / 1024) for row in half]) * span_ms
    unit = span_ms / 60_000 if options.minutes else records / 1e6
    steep = grown / unit if unit > 0 else 0.0
    memory = [row[2] / 1024 for row in rows]
    cpu = (rows[-1][3] - rows[0][3]) / max(1, rows[-1][0] - rows[0][0])
    print(f"rss_mb start={memory[0]:.1f} peak={max(memory):.1f} end={memory[-1]:.1f} "
          f"slope={steep:.2f} MB per {'minute' if options.minutes else 'million records'} "
          f"(second half: {len(half)} samples, {records} records, {grown:.2f} MB), cores={cpu:.2f}, "
          f"seconds={(rows[-1][0] - rows[0][0]) / 1000:.1f}")
    passed = [
        options.most_mb is not None and max(memory) > options.most_mb,
        options.most_slope is not None and steep > options.most_slope,
        options.most_growth is not None and grown > options.most_growth,
        options.most_cpu is not None and cpu > options.most_cpu,
    ]
    return 1 if any(passed) else 0


if __name__ == "__main__":
    sys.exit(main())
