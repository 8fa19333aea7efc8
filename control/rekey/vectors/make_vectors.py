#!/usr/bin/env python3
"""Known answers for docs/spec/rekey.md, from the text of the specification and Python's own hmac
and hashlib only. Writes key_schedule.txt and frames.txt beside itself."""
import hashlib, hmac, os, struct

HERE = os.path.dirname(os.path.abspath(__file__))


def extract(salt, ikm):
    return hmac.new(salt, ikm, hashlib.sha256).digest()


def expand(prk, info, length):
    out, block, n = b"", b"", 1
    while len(out) < length:
        block = hmac.new(prk, block + info + bytes([n]), hashlib.sha256).digest()
        out, n = out + block, n + 1
    return out[:length]


def label(name):
    return b"qmacsec rekey v1 " + name.encode()


SUITES = {"gcm-aes-128": (1, 16), "gcm-aes-256": (2, 32), "gcm-aes-xpn-128": (3, 16), "gcm-aes-xpn-256": (4, 32)}
MAC_A, MAC_B = bytes.fromhex("02000000000a"), bytes.fromhex("02000000000b")
SCI_A, SCI_B = MAC_A + b"\0\1", MAC_B + b"\0\1"


def ratchet(chain, kem_secret, epoch, before, asks, answers, transcript):
    """The root after one KEM exchange; asks and answers are SCI + session."""
    assert (len(chain), len(kem_secret), len(transcript)) == (32, 64, 32)
    context = b"\0" + struct.pack(">II", epoch, before) + asks + answers + transcript
    prk = extract(label("ratchet"), chain + kem_secret)
    return {"chain_key": expand(prk, label("chain") + context, 32), "mix_key": expand(prk, label("mix") + context, 32),
            "tag_answer": expand(prk, label("answer") + context, 16), "tag_done": expand(prk, label("done") + context, 16), "root_check": expand(prk, label("check") + context, 16)}


def keys(psk, qkd, suite, origin, an, scs, epoch, sci_tx, sci_rx, s_tx, s_rx, key_id, root_epoch=0, kem=None):
    root = extract(label("root"), psk)
    mac, mix, chain = expand(root, label("mac"), 32), expand(root, label("mix"), 32), expand(root, label("chain"), 32)
    made = {}
    if kem:
        ends = sorted([sci_tx + s_tx, sci_rx + s_rx])
        made = dict(kem_secret=kem[0], transcript=kem[1],
                    **ratchet(chain, kem[0], root_epoch, 0, ends[0], ends[1], kem[1]))
        mix, chain = made["mix_key"], made["chain_key"]
    code, length = SUITES[suite]
    context = (bytes([0, code, origin, an]) + struct.pack(">HII", scs, epoch, root_epoch) + sci_tx + sci_rx + s_tx + s_rx
               + bytes([len(key_id)]) + key_id)
    prk = extract(label("sa"), qkd + mix) if qkd else extract(label("pqc"), mix)
    return {**made, "mac_key": mac, "chain_key": chain, "mix_key": mix,
            "sak": expand(prk, label("sak") + context, length),
            "salt": expand(prk, label("salt") + context, 12),
            "kcv": expand(prk, label("kcv") + context, 16)}


def frame(mac_key, kind, dst=bytes.fromhex("0180c2000003"), src=MAC_A, reason=0, suite=4, an=0, origin=0, scs=2,
          s_src=b"", s_dst=b"", ctr=0, challenge=bytes(16), response=bytes(16), epoch=0, tx_epoch=0, rx_epoch=0,
          interval_ms=3000, kcv=bytes(16), key_id=b"", announced=b"", policy=1, root_epoch=0, root=0, index=0, have=0, held=0, piece=b""):
    body = (dst + src + b"\x88\xb5" + bytes([1, kind, reason, suite, an, origin]) + struct.pack(">H", scs)
            + src + b"\0\1" + s_src + s_dst + struct.pack(">Q", ctr) + challenge + response
            + struct.pack(">IIII", epoch, tx_epoch, rx_epoch, interval_ms) + kcv
            + bytes([len(key_id)]) + (key_id + announced).ljust(64, b"\0") + bytes([policy])
            + struct.pack(">IIBHI", root_epoch, root, index, have, held) + bytes(1))
    assert len(body) == 200 and len(piece) in (0, 276)
    body += piece
    return body + hmac.new(mac_key, body, hashlib.sha256).digest()[:16]


PSK = bytes(range(32))
PSK_LONG = bytes(range(100, 164))
UUID = b"bc490419-7d60-487f-adc1-4ddcc177c139"
S_A, S_B = bytes.fromhex("1111111111111111"), bytes.fromhex("22222222deadbeef")
# Secrets of both KEMs, and the hash of public keys (2752 octets) and ciphertexts (2656 octets).
KEMS = (bytes(range(128, 192)), hashlib.sha256(b"\x11" * 2752 + b"\x22" * 2656).digest())
CASES = [
    ("xpn256", PSK, bytes(range(64, 96)), "gcm-aes-xpn-256", 1, 2, 3, 7, SCI_A, SCI_B, S_A, S_B, UUID, 0, None),
    ("xpn256_other_way", PSK, bytes(range(64, 96)), "gcm-aes-xpn-256", 1, 2, 3, 7, SCI_B, SCI_A, S_B, S_A, UUID, 0, None),
    ("aes128_short_id", PSK_LONG, b"\xff" * 32, "gcm-aes-128", 0, 0, 1, 1, SCI_A, SCI_B, S_A, S_B, b"k", 0, None),
    ("aes256_long_id", PSK_LONG, b"\0" * 32, "gcm-aes-256", 2, 3, 16, 0xFFFFFFFF, SCI_B, SCI_A, S_B, S_A, b"K" * 64, 0, None),
    ("xpn128", PSK, b"\x5a" * 32, "gcm-aes-xpn-128", 0, 1, 1, 0x01020304, SCI_A, SCI_B, S_A, S_B, UUID.upper(), 0, None),
    ("ratcheted", PSK, bytes(range(64, 96)), "gcm-aes-xpn-256", 1, 2, 3, 7, SCI_A, SCI_B, S_A, S_B, UUID, 1, KEMS),
    ("ratcheted_other_way", PSK, bytes(range(64, 96)), "gcm-aes-xpn-256", 2, 2, 3, 7, SCI_B, SCI_A, S_B, S_A, UUID, 5, KEMS),
    ("alone", PSK, None, "gcm-aes-xpn-256", 3, 2, 3, 7, SCI_A, SCI_B, S_A, S_B, b"pqc-1111111111111111-7", 1, KEMS),
]

with open(os.path.join(HERE, "key_schedule.txt"), "w") as out:
    for name, psk, qkd, suite, origin, an, scs, epoch, sci_tx, sci_rx, s_tx, s_rx, key_id, root, kem in CASES:
        made = keys(psk, qkd, suite, origin, an, scs, epoch, sci_tx, sci_rx, s_tx, s_rx, key_id, root, kem)
        print(f"[{name}]\nsuite = {suite}\norigin = {origin}\nan = {an}\nscs_tx = {scs}\nepoch = {epoch}\nroot = {root}", file=out)
        fields = dict(psk=psk, qkd_key=qkd, sci_tx=sci_tx, sci_rx=sci_rx, session_tx=s_tx, session_rx=s_rx, key_id=key_id, **made)
        for field, value in ((field, value) for field, value in fields.items() if value):
            print(f"{field} = {value.hex()}", file=out)
        print(file=out)

K = keys(PSK, bytes(range(64, 96)), "gcm-aes-xpn-256", 1, 2, 2, 7, SCI_A, SCI_B, S_A, S_B, UUID)
M = K["mac_key"]
ab, ba = dict(s_src=S_A, s_dst=S_B), dict(s_src=S_B, s_dst=S_A, src=MAC_B, scs=1)
with open(os.path.join(HERE, "frames.txt"), "w") as out:
    for name, octets in [
        ("hello", frame(M, 1, s_src=S_A, s_dst=bytes(8), ctr=1, challenge=bytes(range(16)), announced=struct.pack(">HB", 1500, 0))),
        ("hello_answer", frame(M, 1, ctr=2, announced=struct.pack(">HBQ", 9000, 1, 864000) + bytes(range(1, 33)), challenge=b"\xa1" * 16, response=bytes(range(16)), kcv=b"\xc4" * 16, root_epoch=2, **ba)),
        ("offer", frame(M, 2, ctr=9, an=2, origin=1, epoch=7, tx_epoch=6, key_id=UUID, root_epoch=3, root=2, **ab)),
        ("ready", frame(M, 3, ctr=0x0102030405060708, an=2, epoch=7, rx_epoch=7, held=7, kcv=K["kcv"], key_id=UUID, **ba)),
        ("ready_refused", frame(M, 3, ctr=10, an=2, epoch=7, rx_epoch=7, held=6, reason=1, key_id=UUID, **ba)),
        ("bye", frame(M, 4, ctr=11, tx_epoch=7, interval_ms=100, **ab)),
        ("kem_key", frame(M, 5, ctr=12, root=3, index=9, piece=bytes(i % 251 for i in range(268)) + bytes(8), **ab)),
        ("kem_text", frame(M, 6, ctr=13, root_epoch=2, root=3, piece=bytes(range(20, 256)) + bytes(range(40)), **ba)),
        ("kem_have", frame(M, 7, ctr=14, root=3, have=0x3FE, policy=2, **ab)),
        ("kem_done", frame(M, 8, ctr=15, root=3, kcv=bytes(range(16)), **ab)),
    ]:
        print(f"{name} = {octets.hex()}", file=out)
