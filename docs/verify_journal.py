#!/usr/bin/env python3
"""Checks a payoutd journal without payoutd: verify_journal.py EXPORT [CHECKPOINT ...] [--key HEX ...]

EXPORT is what `payoutd audit export` wrote, CHECKPOINT a file that you kept, HEX a public key that you know (without one, those of
the checkpoints). Needs Python 3.8 and nothing else. Exit code: 0 sound, 1 not, 2 wrong use. docs/journal.md explains the form.
"""
import argparse, hashlib, json, sys

P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493  # Ed25519, RFC 8032 §5.1
D = -121665 * pow(121666, P - 2, P) % P

def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()
def add(a, b):  # points (X, Y, Z, T): x = X/Z, y = Y/Z, xy = T/Z
    r, s, t, u = (a[1] - a[0]) * (b[1] - b[0]), (a[1] + a[0]) * (b[1] + b[0]), 2 * a[3] * b[3] * D, 2 * a[2] * b[2]
    e, f, g, h = s - r, u - t, u + t, s + r
    return e * f % P, g * h % P, f * g % P, e * h % P
def times(n, point):
    rest = times(n >> 1, add(point, point)) if n else (0, 1, 1, 0)
    return add(rest, point) if n & 1 else rest
def decode(key):
    y, odd = int.from_bytes(key, "little") % 2**255, key[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if (x * x - square) % P == 0 else x * pow(2, (P - 1) // 4, P) % P
    x = x if x & 1 == odd else P - x
    return x, y, 1, x * y % P

def is_signed(keys, entry, message):
    if entry["key_id"] not in keys:
        return False
    (x, y, _, t), signature = decode(keys[entry["key_id"]]), bytes.fromhex(entry["signature"])
    s = int.from_bytes(signature[32:], "little")
    h = int.from_bytes(hashlib.sha512(signature[:32] + keys[entry["key_id"]] + message).digest(), "little") % ORDER
    x, y, z, _ = add(times(s, decode(bytes([0x58] + [0x66] * 31))), times(h, (P - x, y, 1, P - t)))
    x, y = x * pow(z, P - 2, P) % P, y * pow(z, P - 2, P) % P
    return s < ORDER and len(signature) == 64 and signature[:32] == (y | (x & 1) << 255).to_bytes(32, "little")

def in_order(members):  # RFC 8785 §3.2.3: names by UTF-16 code units
    return dict(sorted(members, key=lambda member: member[0].encode("utf-16-be")))
def canonical(entry, without=(), **more):
    kept = in_order((name, value) for name, value in {**entry, **more}.items() if name not in without)
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()

def root(leaves):  # RFC 6962 §2.1
    half = 1 << max(len(leaves) - 1, 1).bit_length() - 1
    return sha256(b"\1", root(leaves[:half]), root(leaves[half:])) if len(leaves) > 1 else (leaves or [sha256()])[0]

def faults(lines, checkpoints, keys):
    store, row, run, covered, seal, hashes = None, 0, [], 0, 0, {0: "00" * 32}
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line, object_pairs_hook=in_order)
            if canonical(entry) != line.rstrip(b"\n"):
                raise ValueError("not in canonical form")
            if entry["type"] == "journal" and number == 1 and entry["format"] == "payoutd-journal/1":
                store = entry["store_id"]
            elif entry["type"] == "row":
                if entry["seq"] != row + 1:
                    yield f"row {entry['seq']} stands after row {row}: deleted, inserted or reordered"
                if sha256(b"\0", canonical(entry, ("hash", "type"))).hex() != entry["hash"]:
                    yield f"row {entry['seq']} was changed"
                row = entry["seq"]
                run.append(bytes.fromhex(entry["hash"]))
            elif entry["type"] == "seal":
                signed, this = canonical(entry, ("hash", "signature", "type"), store_id=store), f"seal {entry['seal_no']}"
                if entry["seal_no"] != seal + 1 or entry["prev_hash"] != hashes[seal] or entry["first_seq"] != covered + 1:
                    yield f"{this} does not hang on seal {seal}: deleted, inserted, reordered or re-linked"
                if sha256(b"\2", signed).hex() != entry["hash"] or not is_signed(keys, entry, b"payoutd seal v1\n" + signed):
                    yield f"{this} was changed or forged"
                if entry["last_seq"] != row or entry["records_root"] != root(run).hex():
                    yield f"{this} does not match rows {entry['first_seq']} to {entry['last_seq']}"
                run, covered, seal, hashes[entry["seal_no"]] = [], entry["last_seq"], entry["seal_no"], entry["hash"]
            else:
                raise ValueError("a line of no known type")
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            yield f"line {number}: {error!r}"
    if run:
        yield f"the last {len(run)} rows, up to {row}, are not sealed"
    for point in checkpoints:
        this, signed = f"checkpoint of seal {point['seal_no']}", b"payoutd checkpoint v1\n" + canonical(point, ("signature",))
        if point["format"] != "payoutd-checkpoint/1" or point["store_id"] != store or not is_signed(keys, point, signed):
            yield f"{this}: of another store, or not signed by a known key"
        if hashes.get(point["seal_no"]) != point["seal_hash"] or covered < point["last_seq"]:
            yield f"{this}: it states {point['last_seq']} rows; {covered} are sealed here, or others than it saw"

usage = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
usage.add_argument("export", type=argparse.FileType("rb"))
usage.add_argument("checkpoints", nargs="*", type=argparse.FileType("rb"))
usage.add_argument("--key", action="append", type=bytes.fromhex, metavar="HEX")
given = usage.parse_args()
checkpoints = [json.load(file) for file in given.checkpoints]
keys = {sha256(key)[:8].hex(): key for key in given.key or (bytes.fromhex(point["public_key"]) for point in checkpoints)}
if not keys or any(len(key) != 32 for key in keys.values()):
    usage.error("give a checkpoint or a key of 64 hex digits: an export cannot vouch for itself")
found = [print("FAULT", fault) for fault in faults(given.export, checkpoints, keys)]
print(f"NOT SOUND: {len(found)} faults" if found else "sound")
sys.exit(1 if found else 0)
