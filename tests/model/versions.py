"""Which version of its agent a standing goes by: schemas/versions.md."""

# XXH3 (64 bits) of texts, as xxHash's own xxhsum -H3 gives them.
HASHES = {"1.0": "ed84d7031aa12bce", "1.1": "b229b9e749ae4dd7", "2.0-rc": "9c62755c81a163eb",
          "nightly": "78a318723b0c7fd3"}


class Heard:
    """The version in force, and when it was last heard."""

    def __init__(self):
        self.version = None
        self.last = None
        self.replaced = 0       # times that another took its place; for --stats

    def hear(self, version, at, window):
        """True where the version takes the place of the one in force."""
        if not version:
            return False
        if version == self.version:
            self.last = max(self.last, at)
            return False
        first = self.version is None
        if not first and at <= self.last + window:
            return False
        self.version, self.last = version, at
        self.replaced += not first
        return not first

    def record(self):
        """What replay shows of it."""
        known = {"hash": HASHES[self.version]} if self.version in HASHES else {}
        return {**known, "heard_at": self.last}
