"""Which records of a control topic are signed, and by whom, told by openssl and Python's own BLAKE2b.

    dump_topic BOOTSTRAP TOPIC records | signed_check.py PURPOSE KEY...

PURPOSE is contract or decision; a KEY is a line of a trust file. Prints a line a record: OFFSET KEY=NAME,
and of each signature its key's id and `holds` or `does not hold`; `unsigned` where there is none. It knows
the format from schemas/signatures.md alone.
"""

import base64
import hashlib
import json
import subprocess
import sys
import tempfile

DER = bytes.fromhex("302a300506032b6570032100")  # an Ed25519 key, as X.509 has it (RFC 8410)


def holds(key, line, signature):
    with tempfile.TemporaryDirectory() as folder:
        files = {"key": DER + key, "line": line, "signature": signature}
        for name, data in files.items():
            with open(f"{folder}/{name}", "wb") as file:
                file.write(data)
        return subprocess.run(
            ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", f"{folder}/key",
             "-rawin", "-in", f"{folder}/line", "-sigfile", f"{folder}/signature"],
            capture_output=True, check=False).returncode == 0


def main():
    purpose, *lines = sys.argv[1:]
    keys = [base64.b64decode(line.split()[1]) for line in lines]
    by_id = {hashlib.blake2b(key, digest_size=32).hexdigest()[:16]: key for key in keys}
    for line in sys.stdin:
        record = json.loads(line)
        key, value = (bytes.fromhex(record[name] or "") for name in ("key", "value"))
        digest = hashlib.blake2b(key + b"\0" + value, digest_size=32).hexdigest()
        signed = f"troth-{purpose} {digest}\n".encode()
        words = []
        for name, header in record["headers"].items() if record["headers"] else []:
            if name == "troth-signature":
                for one in header if isinstance(header, list) else [header]:
                    identity, text = bytes.fromhex(one).decode().split(" ")
                    good = identity in by_id and holds(by_id[identity], signed, base64.b64decode(text))
                    words.append(f"{identity} {'holds' if good else 'does not hold'}")
        print(record["offset"], key.decode(errors="replace"), "; ".join(words) or "unsigned")


main()
