"""Takes keys from one end of the peer's network and fetches them at the other, and measures both.

Prints progress to stderr and one JSON line to stdout. Runs in the namespace of the peer's
processes and of no others, so that /proc holds their processor time and nobody else's.
"""

import collections
import http.client
import json
import os
import ssl
import sys
import threading
import time

CERTIFICATES, RUNS, KEYS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
SIZE = 256
LARGEST = 50  # max_keys_per_request of the peer's settings
# name: the SAEs and node ports of both ends, keys per request
CASES = {
    "3 hops, 1 key a request": ("sae-a", 9000, "sae-b", 9030, 1),
    "3 hops, 10 keys a request": ("sae-a", 9000, "sae-b", 9030, 10),
    f"3 hops, {LARGEST} keys a request": ("sae-a", 9000, "sae-b", 9030, LARGEST),
    "1 hop, 1 key a request": ("sae-a", 9000, "sae-c", 9010, 1),
}
ENDS = ("sae-a", 9000), ("sae-b", 9030)
# Measured 2026-11: of these the peer delivers almost nothing; its nodes time out after 5 s.
AT_ONCE = {
    "3 hops, 4 pairs of clients at once, 1 key a request": [ENDS] * 4,
    "3 hops, a pair of clients in each direction at once, 1 key a request": [ENDS, ENDS[::-1]],
}
# port of a KME of each link, and the nodes at its ends
LINKS = {
    8010: ("tn-3-a1b3", "tn-2-a2b1"),
    8030: ("tn-2-a2b1", "tn-1-a2b2"),
    8050: ("tn-4-a3b3", "tn-3-a1b3"),
}
IDLE = 3  # seconds after which a connection is opened again: the peer closes it after 5
PATIENCE = 60  # seconds that a client waits for keys at the same time as others
TICK = os.sysconf("SC_CLK_TCK")


class Client:
    """One client with one connection, which stays open."""

    def __init__(self, name, port, patience=300):
        context = ssl.create_default_context(cafile=f"{CERTIFICATES}/ca.crt")
        # The peer offers TLS 1.2 with SHA-1 suites only, which Python refuses by default.
        context.set_ciphers("DEFAULT")
        context.load_cert_chain(f"{CERTIFICATES}/{name}.crt", f"{CERTIFICATES}/{name}.key")
        self.connection = http.client.HTTPSConnection(
            "localhost", port, context=context, timeout=patience
        )
        self.used = 0.0

    def ask(self, path, body=None):
        """The status, the answer and the seconds of one request."""
        headers = {"content-type": "application/json"} if body else {}
        data = json.dumps(body) if body else None
        if time.monotonic() - self.used > IDLE:
            self.connection.close()
            self.connection.connect()
        begun = time.monotonic()
        self.connection.request("POST" if body else "GET", "/api/v1/keys/" + path, data, headers)
        reply = self.connection.getresponse()
        text = reply.read()
        self.used = time.monotonic()
        seconds = self.used - begun
        if reply.status != 200:  # The peer closes the connection after some errors.
            self.connection.close()
        return reply.status, (json.loads(text) if reply.status == 200 else text.decode()), seconds


def say(text):
    print(f"trusted-node-peer: {text}", file=sys.stderr, flush=True)


def cpu():
    """Processor seconds so far of each part of the peer, and of this client."""
    parts = {"nodes": 0.0, "kmes": 0.0, "broker": 0.0, "client": 0.0}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", encoding="utf8") as file:
                line = file.read()
            with open(f"/proc/{pid}/stat", encoding="utf8") as file:
                fields = file.read().rsplit(")", 1)[1].split()
        except FileNotFoundError:
            continue
        part = (
            "client" if int(pid) == os.getpid()
            else "nodes" if "--settings" in line
            else "kmes" if "main.py" in line
            else "broker" if "rabbit" in line
            else None
        )
        if part:
            parts[part] += (int(fields[11]) + int(fields[12])) / TICK
    return parts


def wait(what, ready, seconds=300):
    end = time.monotonic() + seconds
    while True:
        try:
            if ready():
                return
        except ConnectionRefusedError:
            pass
        if time.monotonic() > end:
            sys.exit(f"trusted-node-peer: {what}: not within {seconds} s; see the logs")
        time.sleep(1)


def full(port, node, other):
    status, answer, _ = Client(node, port).ask(f"{other}/status")
    return status == 200 and answer["stored_key_count"] >= answer["max_key_count"]


def milliseconds(seconds):
    """Median and 99th percentile."""
    if not seconds:
        return None
    ranked = sorted(seconds)
    at = lambda part: round(1000 * ranked[min(len(ranked) - 1, int(part * len(ranked)))], 1)
    return {"p50": at(0.5), "p99": at(0.99)}


def transfer(near, far, number):
    """Takes keys at the near node and fetches them at the far node."""
    (client, other), (far_client, far_other) = near, far
    status, answer, took = client.ask(f"{other}/enc_keys?number={number}&size={SIZE}")
    if status != 200:
        return {}, {}, took, 0.0, f"enc_keys: {status} {answer[:120]}"
    sent = {key["key_ID"]: key["key"] for key in answer["keys"]}
    body = {"key_IDs": [{"key_ID": key} for key in sent]}
    status, answer, fetched = far_client.ask(f"{far_other}/dec_keys", body)
    if status != 200:
        return sent, {}, took, fetched, f"dec_keys: {status} {answer[:120]}"
    return sent, {key["key_ID"]: key["key"] for key in answer["keys"]}, took, fetched, None


def run(case, keys):
    sae, port, far_sae, far_port, number = CASES[case]
    near, far = (Client(sae, port), far_sae), (Client(far_sae, far_port), sae)
    transfer(near, far, 1)  # opens the connections
    before, begun, load = cpu(), time.monotonic(), os.getloadavg()[0]
    taken, fetches, errors = [], [], []
    asked = delivered = lost = different = 0
    while asked < keys:
        asked += number
        sent, got, took, fetched, error = transfer(near, far, number)
        if error:
            errors.append(error)
        else:
            taken.append(took)
            fetches.append(fetched)
        delivered += sum(got.get(key) == bits for key, bits in sent.items())
        different += sum(key in got and got[key] != bits for key, bits in sent.items())
        lost += sum(key not in got for key in sent)
    wall, after = time.monotonic() - begun, cpu()
    spent = {part: round(after[part] - before[part], 2) for part in before}
    peer = spent["nodes"] + spent["kmes"] + spent["broker"]
    return {
        "case": case,
        "asked": asked,
        "delivered": delivered,
        "lost": lost,
        "different": different,
        "errors": collections.Counter(errors),
        "seconds": round(wall, 2),
        "keys_per_s": round(delivered / wall, 3),
        "cpu_s": spent,
        "keys_per_cpu_s": round(delivered / peer, 3) if peer else None,
        "keys_per_cpu_s_nodes": round(delivered / spent["nodes"], 3) if spent["nodes"] else None,
        "enc_ms": milliseconds(taken),
        "dec_ms": milliseconds(fetches),
        "load": load,
    }


def at_once(case, keys):
    """Takes and fetches keys, with all pairs of clients of the case at the same time."""
    outcomes = []

    def pair(near, far):
        clients = (Client(*near, PATIENCE), far[0]), (Client(*far, PATIENCE), near[0])
        for _ in range(keys):
            try:
                sent, got, took, fetched, error = transfer(*clients, 1)
                error = error or (None if sent == got else "different bits")
                outcomes.append((took + fetched, error))
            except OSError as error:
                outcomes.append((PATIENCE, repr(error)))
                return

    before, begun, load = cpu(), time.monotonic(), os.getloadavg()[0]
    pairs = [threading.Thread(target=pair, args=ends) for ends in AT_ONCE[case]]
    for one in pairs:
        one.start()
    for one in pairs:
        one.join()
    wall, after = time.monotonic() - begun, cpu()
    errors = [error for _, error in outcomes if error]
    return {
        "case": case,
        "asked": len(pairs) * keys,
        "delivered": len(outcomes) - len(errors),
        "errors": collections.Counter(errors),
        "seconds": round(wall, 2),
        "cpu_s": {part: round(after[part] - before[part], 2) for part in before},
        "enc_and_dec_ms": milliseconds([took for took, _ in outcomes]),
        "load": load,
    }


def pools():
    for port, ends in LINKS.items():
        wait(f"full pool of the link at {port}", lambda: full(port, *ends))


say("waits for routes and full pools")
for sae, port, far_sae, far_port, _ in CASES.values():
    for end, other in ((sae, port), far_sae), ((far_sae, far_port), sae):
        wait(f"route {end[0]} to {other}", lambda: Client(*end).ask(f"{other}/status")[0] == 200)
pools()
for case, (*_, number) in CASES.items():
    if number == 1:
        run(case, 3)
results = []
for number in range(RUNS):
    for case in CASES:
        pools()
        results.append(run(case, KEYS))
        say(f"run {number + 1}: {json.dumps(results[-1])}")
for case in AT_ONCE:
    pools()
    results.append(at_once(case, 5))
    say(json.dumps(results[-1]))
print(json.dumps({"bits": SIZE, "cores": os.cpu_count(), "runs": results}))
