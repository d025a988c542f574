"""A small consumer of Vigil's webhooks: Flask and the reference library of Standard Webhooks.

It verifies each webhook over the bytes as they came, keeps it in SQLite under its id, and only then
answers: what was answered with 204 is on disk, and a webhook that comes again is dropped. What takes
time (telling people, fetching more) belongs in a worker that reads the table, not into the request.

    pip install -r requirements.txt
    python receiver.py --secret-file secret --database inbox.sqlite --port 8500

For production run `app` under a WSGI server behind TLS; see README.md.
"""

import argparse
import base64
import sqlite3
import sys
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from flask import Flask, request
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

TOLERANCE_S = 300


class PublicKey:
    """Verifies signatures of version v1a (Ed25519), which the library does not know."""

    def __init__(self, text):
        raw = base64.b64decode(text.removeprefix("whpk_"), validate=True)
        self.key = Ed25519PublicKey.from_public_bytes(raw)

    def verify(self, body, headers):
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        identity, timestamp, signatures = (headers.get(name, "") for name in names)
        if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > TOLERANCE_S:
            raise WebhookVerificationError("the time is missing or too far away")
        signed = f"{identity}.{timestamp}.".encode() + body
        for part in signatures.split(" ")[:16]:
            version, _, code = part.partition(",")
            try:
                if version == "v1a":
                    self.key.verify(base64.b64decode(code), signed)
                    return
            except (InvalidSignature, ValueError):
                continue
        raise WebhookVerificationError("no signature of version v1a fits")


def verifiers(path):
    """One for each line of a file: whsec_… or whpk_…; two while secrets are exchanged."""
    with open(path, encoding="ascii") as file:
        lines = [line.strip() for line in file if line.strip() and not line.startswith("#")]
    return [PublicKey(line) if line.startswith("whpk_") else Webhook(line) for line in lines]


def verified(keys, body, headers):
    for key in keys:
        try:
            key.verify(body, headers)
            return True
        # The library raises ValueError where a header is not of its form.
        except (WebhookVerificationError, ValueError):
            continue
    return False


def make_app(keys, database):
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 1 << 20
    with sqlite3.connect(database) as store:
        store.execute("PRAGMA journal_mode=WAL")
        store.execute(
            "CREATE TABLE IF NOT EXISTS inbox (id TEXT PRIMARY KEY, received REAL, body BLOB)"
        )

    @app.post("/")
    def receive():
        body = request.get_data()
        if not verified(keys, body, request.headers):
            return "", 401
        with sqlite3.connect(database, timeout=10) as store:
            store.execute("PRAGMA synchronous=FULL")
            row = (request.headers["webhook-id"], time.time(), body)
            is_new = store.execute("INSERT OR IGNORE INTO inbox VALUES (?, ?, ?)", row).rowcount
        store.close()
        if is_new:
            tell(request.headers["webhook-id"], body)
        return "", 204

    return app


def tell(identity, body):
    """Here: a line in the log. Ids, times and items; never more than people need to see."""
    event = request.get_json(silent=True) or {}
    data = event.get("data", {})
    known = data.get("known") or {}
    print(
        f"{identity} {event.get('type')} alert {data.get('alert_id')}"
        f" item {known.get('set')}/{known.get('item')}",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--secret-file", required=True)
    parser.add_argument("--database", default="inbox.sqlite")
    parser.add_argument("--port", type=int, default=8500)
    arguments = parser.parse_args()
    app = make_app(verifiers(arguments.secret_file), arguments.database)
    app.run(host="127.0.0.1", port=arguments.port, threaded=True)
