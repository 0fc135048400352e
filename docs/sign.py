#!/usr/bin/env python3
"""Signs requests and jobs for payoutd, and checks signatures. The standard library alone.

    sign.py request METHOD PATH [IDEMPOTENCY_KEY] < body      prints the headers of a signed request
    sign.py job QUEUE MESSAGE_ID [name=value …] < body        prints the headers of a signed job
    sign.py check METHOD PATH [IDEMPOTENCY_KEY] < body        reads the headers from X_PAYOUTD_… and says yes or no

The API key stands in the variable PAYOUTD_API_KEY, whole: payoutd_<id>_<secret>. A body is signed as it is sent, byte for byte.
"""

import hashlib
import hmac
import os
import secrets
import sys
import time


def text(method, target, body, idempotency_key, timestamp, nonce):
    """What is signed: seven lines, each with its line feed."""
    digest = hashlib.sha256(body).hexdigest()
    lines = ["PAYOUTD-HMAC-SHA256-V1", method, target, digest, idempotency_key, timestamp, nonce]
    return "".join(line + "\n" for line in lines)


def signature(secret, *parts):
    """The signature, as its header has it."""
    return "v1=" + hmac.new(secret.encode(), text(*parts).encode(), hashlib.sha256).hexdigest()


def headers(api_key, method, target, body, idempotency_key=""):
    """The headers of one request. Make them anew for each time that it is sent."""
    _, key_id, secret = api_key.split("_")
    timestamp, nonce = str(int(time.time())), secrets.token_hex(16)
    return {
        "X-Payoutd-Key": key_id,
        "X-Payoutd-Timestamp": timestamp,
        "X-Payoutd-Nonce": nonce,
        "X-Payoutd-Signature": signature(secret, method, target, body, idempotency_key, timestamp, nonce),
    }


def job_target(queue, **properties):
    """What stands in the place of the path for a job: the queue, and of priority, expiration and timestamp what is set."""
    named = [(name, properties[name]) for name in ("priority", "expiration", "timestamp") if properties.get(name)]
    return queue + "".join(("?" if at == 0 else "&") + f"{name}={value}" for at, (name, value) in enumerate(named))


def check(api_key, method, target, body, idempotency_key, given):
    """Whether the headers of a request are signed with a key."""
    _, key_id, secret = api_key.split("_")
    parts = (method, target, body, idempotency_key, given["X-Payoutd-Timestamp"], given["X-Payoutd-Nonce"])
    right = hmac.compare_digest(signature(secret, *parts), given["X-Payoutd-Signature"])
    return right and given["X-Payoutd-Key"] == key_id


def main(arguments):
    if len(arguments) < 3 or arguments[0] not in ("request", "job", "check"):
        sys.exit(__doc__)
    what, first, second, *rest = arguments
    api_key, body = os.environ["PAYOUTD_API_KEY"], sys.stdin.buffer.read()
    if what == "job":
        properties = dict(pair.split("=", 1) for pair in rest)
        made = headers(api_key, "AMQP", job_target(first, **properties), body, second)
    elif what == "request":
        made = headers(api_key, first, second, body, rest[0] if rest else "")
    else:
        names = ["X-Payoutd-Key", "X-Payoutd-Timestamp", "X-Payoutd-Nonce", "X-Payoutd-Signature"]
        given = {name: os.environ[name.upper().replace("-", "_")] for name in names}
        good = check(api_key, first, second, body, rest[0] if rest else "", given)
        print("yes" if good else "no")
        sys.exit(0 if good else 1)
    for name, value in made.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main(sys.argv[1:])
