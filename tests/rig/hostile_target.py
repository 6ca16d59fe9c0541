#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An iSCSI target that can only be discovered, and that misbehaves on demand.

usage: hostile_target.py MODE ADDR PORT [--targets N] [--portals A;B] [--chunk N]
       hostile_target.py MODE ADDR PORT @FILE      with one argument a line

Prints "ready" when it listens and runs until it is killed. The modes are the methods
named mode_* below; "good" is the one without a fault; "all" is all of them, each at a
port of its own from PORT on: they are printed as "MODE PORT".
"""
import argparse
import base64
import hashlib
import os
import random
import signal
import socket
import struct
import threading
import time

NO_TAG = 0xFFFFFFFF
LOGIN, TEXT, LOGOUT, NOP_OUT = 0x03, 0x04, 0x06, 0x00
LOGIN_RESPONSE, TEXT_RESPONSE, LOGOUT_RESPONSE = 0x23, 0x24, 0x26
NOP_IN, ASYNC, REJECT = 0x20, 0x32, 0x3F
FINAL, CONTINUE = 0x80, 0x40


class Closed(Exception):
    pass


class Session:
    """One connection; a mode changes single steps of it."""

    def __init__(self, conn, args):
        self.conn = conn
        self.args = args
        self.statsn = 1
        self.offset = 0
        self.delay = 0.0
        self.answer = self.good_answer()

    # -- bytes

    def receive(self, n):
        data = b""
        while len(data) < n:
            part = self.conn.recv(n - len(data))
            if not part:
                raise Closed
            data += part
        return data

    def send(self, data):
        if not self.delay:
            self.conn.sendall(data)
            return
        for i in range(len(data)):
            self.conn.sendall(data[i : i + 1])
            time.sleep(self.delay)

    def send_pdu(self, opcode, flags, itt, ttt=NO_TAG, data=b"", **fields):
        pdu = bytearray(48)
        pdu[0], pdu[1] = opcode, flags
        pdu[5:8] = fields.get("length", len(data)).to_bytes(3, "big")
        struct.pack_into(">IIIII", pdu, 16, itt, ttt, self.statsn, 1, 33)
        for at, value in fields.get("at", {}).items():
            pdu[at : at + len(value)] = value
        self.statsn += 1
        self.send(bytes(pdu) + data + b"\0" * (-len(data) % 4))

    # -- content

    def good_answer(self):
        portals = b"".join(
            b"TargetAddress=%s\0" % p.encode() for p in self.args.portals.split(";") if p
        )
        name = b"TargetName=iqn.2020-01.com.example:t%d\0"
        return b"".join(name % i + portals for i in range(self.args.targets))

    # -- the steps of a discovery

    def run(self):
        while True:
            header = self.receive(48)
            data = self.receive((int.from_bytes(header[5:8], "big") + 3) // 4 * 4)
            itt, ttt = struct.unpack(">II", header[16:24])
            opcode = header[0] & 0x3F
            if opcode == LOGIN:
                self.on_login(header, itt, data)
            elif opcode == TEXT:
                if ttt == NO_TAG:
                    self.offset = 0
                self.on_text(itt)
            elif opcode == LOGOUT:
                self.on_logout(itt)
                return

    def login_response(self, header, itt, data=b"", status=b"\0\0", flags=None):
        flags = header[1] if flags is None else flags
        at = {8: header[8:14], 14: b"\0\1", 36: status, 20: b"\0\0\0\0"}
        self.send_pdu(LOGIN_RESPONSE, flags, itt, data=data, at=at)

    def on_login(self, header, itt, _data):
        if header[1] >> 2 & 3 == 0:
            data = b"AuthMethod=None\0TargetPortalGroupTag=1\0"
        else:
            data = b"HeaderDigest=None\0DataDigest=None\0MaxRecvDataSegmentLength=8192\0"
        self.login_response(header, itt, data)

    def on_text(self, itt):
        chunk = self.answer[self.offset : self.offset + self.args.chunk]
        self.offset += len(chunk)
        if self.offset >= len(self.answer):
            self.send_pdu(TEXT_RESPONSE, FINAL, itt, data=chunk)
        else:
            self.send_pdu(TEXT_RESPONSE, CONTINUE, itt, ttt=7, data=chunk)

    def on_logout(self, itt):
        self.send_pdu(LOGOUT_RESPONSE, FINAL, itt)

    # -- modes: called once before run()

    def mode_good(self):
        pass

    def mode_hang(self):
        """Accepts and never says a word."""
        while self.conn.recv(4096):
            pass
        raise Closed

    def mode_slow(self):
        """Five bytes a second, each a sign of life."""
        self.delay = 0.2

    def mode_garbage(self):
        rng = random.Random(1)
        while True:
            self.conn.sendall(bytes(rng.randrange(256) for _ in range(4096)))

    def mode_close(self):
        """Closes when it should answer."""

        def on_text(_itt):
            raise Closed

        self.on_text = on_text

    def mode_truncated(self):
        """Says F=0 and closes after the first part."""

        def on_text(itt):
            self.send_pdu(TEXT_RESPONSE, CONTINUE, itt, ttt=7, data=self.answer)
            raise Closed

        self.on_text = on_text

    def mode_endless(self):
        """Names one more target for ever."""
        count = iter(range(1 << 60))

        def on_text(itt):
            data = b"".join(
                b"TargetName=iqn.2020-01.com.example:e%d\0TargetAddress=10.9.9.9:3260,1\0"
                % next(count)
                for _ in range(100)
            )
            self.send_pdu(TEXT_RESPONSE, CONTINUE, itt, ttt=7, data=data)

        self.on_text = on_text

    def mode_endless_empty(self):
        """Promises more for ever."""
        self.on_text = lambda itt: self.send_pdu(TEXT_RESPONSE, 0, itt, ttt=7)

    def mode_endless_value(self):
        """One value without an end."""

        def on_text(itt):
            self.send_pdu(TEXT_RESPONSE, CONTINUE, itt, ttt=7, data=b"A" * 65536)

        self.on_text = on_text

    def mode_endless_login(self):
        self.on_login = lambda header, itt, _data: self.login_response(
            header, itt, flags=header[1] & 0x0C
        )

    def mode_ping_flood(self):
        def on_text(_itt):
            while True:
                self.send_pdu(NOP_IN, FINAL, NO_TAG, ttt=9)

        self.on_text = on_text

    def mode_names(self):
        bad = [
            b"../../../etc/cron.d/x",
            b"iqn.2020-01.com.example:../../x",
            b"iqn.2020-01.com.example:a/b",
            b"iqn.2020-01.com.example:..",
            b"iqn.2020-01.com.example:new\nline",
            b"iqn.2020-01.com.example:tab\tP",
            b"iqn.2020-01.com.example:\x1b[2J",
            b"iqn.2020-01.com.example:\xff\xfe",
            b"iqn.2020-01.com.example:" + b"n" * 300,
            b"iqn.2020-01.com.example:" + b"n" * 3000,
            b"iqn.2020-01.com.example:$(reboot)",
            b"-T",
            b"",
        ]
        address = b"TargetAddress=10.9.9.9:3260,1\0"
        self.answer = b"".join(b"TargetName=" + name + b"\0" + address for name in bad)
        self.answer += b"TargetName=iqn.2020-01.com.example:good\0" + address

    def mode_addresses(self):
        bad = [
            b"storage.example.com:3260,1",
            b"127.0.0.1:3260,1",
            b"[::1]:3260,1",
            b"224.0.0.1:3260,1",
            b"[ff02::1]:3260,1",
            b"0.0.0.0:3260,1",
            b"10.9.9.9:0,1",
            b"10.9.9.9:65536,1",
            b"10.9.9.9:3260,65536",
            b"10.9.9.9:3260,-1",
            b"010.9.9.9:3260,1",
            b"10.9.9:3260,1",
            b"10.9.9.9:3260,1\t",
            b"[2001:db8::1:3260,1",
            b"[2001:db8::1%eth0]:3260,1",
            b"10.9.9.9;reboot:3260,1",
            b"",
            b"9" * 4000,
        ]
        self.answer = b"TargetName=iqn.2020-01.com.example:good\0"
        self.answer += b"".join(b"TargetAddress=" + a + b"\0" for a in bad)
        self.answer += b"TargetAddress=10.9.9.9:3260,1\0"

    def mode_linklocal(self):
        self.answer = b"TargetName=iqn.2020-01.com.example:ll\0"
        self.answer += b"TargetAddress=[fe80::1]:3260,1\0TargetAddress=10.9.9.9:3260,1\0"

    def mode_wrong_ttt(self):
        """Goes on, but gives no tag to go on with."""
        self.on_text = lambda itt: self.send_pdu(
            TEXT_RESPONSE, CONTINUE, itt, ttt=NO_TAG, data=self.answer
        )

    def mode_wrong_itt(self):
        self.on_text = lambda itt: self.send_pdu(
            TEXT_RESPONSE, FINAL, itt + 5, data=self.answer
        )

    def mode_oversized(self):
        self.on_text = lambda itt: self.send_pdu(
            TEXT_RESPONSE, FINAL, itt, data=self.answer, length=0xFFFFFF
        )

    def mode_oversized_login(self):
        self.on_login = lambda header, itt, _data: self.send_pdu(
            LOGIN_RESPONSE, header[1], itt, data=b"X=" + b"y" * 9000
        )

    def mode_digest(self):
        self.on_login = lambda header, itt, _data: self.login_response(
            header, itt, b"HeaderDigest=CRC32C\0"
        )

    def mode_chap(self):
        self.on_login = lambda header, itt, _data: self.login_response(
            header, itt, b"AuthMethod=CHAP\0", flags=0
        )

    def mode_challenge(self):
        """Wants CHAP and does it, mutual where it is asked to; --cheat says how not."""
        args, state = self.args, {"step": 0}
        hashes = {b"5": "md5", b"6": "sha1", b"7": "sha256", b"8": "sha3_256"}
        good = self.on_login

        def binary(data):
            if args.encoding == "hex":
                return b"0x" + data.hex().encode()
            return b"0b" + base64.b64encode(data)

        def response(number, secret, challenge):
            hashed = bytes([number]) + secret.encode() + challenge
            return hashlib.new(state["hash"], hashed).digest()

        def begin(keys):
            if args.cheat == "skip":
                return b"AuthMethod=None\0", 0x81
            return b"AuthMethod=CHAP\0", 0x81 if args.cheat == "early" else 0

        def challenge(keys):
            number = keys[b"CHAP_A"].split(b",")[0]
            state["hash"] = hashes[number]
            state["challenge"] = os.urandom(args.challenge)
            if args.cheat == "unoffered":
                number = b"9"
            value = binary(state["challenge"])
            if args.cheat == "garbage":
                value = b"0xnonsense"
            if args.cheat == "huge":
                value = b"0x" + b"aa" * 1025
            data = b"CHAP_A=%s\0CHAP_I=77\0CHAP_C=%s\0" % (number, value)
            return data * (2 if args.cheat == "twice" else 1), 0

        def result(keys):
            theirs = bytes.fromhex(keys[b"CHAP_R"][2:].decode())
            right = response(77, args.password, state["challenge"])
            if keys[b"CHAP_N"] != args.user.encode() or theirs != right:
                return None, 0
            if b"CHAP_C" not in keys or args.cheat == "silent":
                return b"", 0x81
            ours = bytes.fromhex(keys[b"CHAP_C"][2:].decode())
            proof = response(int(keys[b"CHAP_I"]), args.password_in, ours)
            if args.cheat == "reflect":
                proof = theirs
            if args.cheat == "echo":
                proof = ours
            name = args.user_in.encode()
            return b"CHAP_N=%s\0CHAP_R=%s\0" % (name, binary(proof)), 0x81

        def on_login(header, itt, data):
            if header[1] >> 2 & 3:
                good(header, itt, data)
                return
            keys = dict(pair.split(b"=", 1) for pair in data.split(b"\0") if pair)
            answer, flags = [begin, challenge, result][state["step"]](keys)
            state["step"] += 1
            if answer is None:
                self.login_response(header, itt, status=b"\2\1")
                raise Closed
            self.login_response(header, itt, answer, flags=flags)

        self.on_login = on_login

    def mode_auth_failed(self):
        self.on_login = lambda header, itt, _data: self.login_response(
            header, itt, status=b"\2\1"
        )

    def mode_denied(self):
        self.on_login = lambda header, itt, _data: self.login_response(
            header, itt, status=b"\2\2"
        )

    def mode_busy(self):
        self.on_login = lambda header, itt, _data: self.login_response(
            header, itt, status=b"\3\2"
        )

    def mode_redirect(self):
        self.on_login = lambda header, itt, _data: self.login_response(
            header, itt, b"TargetAddress=10.9.9.9:3260\x1b[2J\0", status=b"\1\1"
        )

    def mode_reject(self):
        self.on_text = lambda itt: self.send_pdu(
            REJECT, FINAL, NO_TAG, at={2: b"\5"}, data=b"\0" * 48
        )

    def mode_async_logout(self):
        self.on_text = lambda itt: self.send_pdu(
            ASYNC, FINAL, NO_TAG, at={36: b"\1", 20: b"\0\0\0\0"}
        )

    def mode_async_drop(self):
        self.on_text = lambda itt: self.send_pdu(ASYNC, FINAL, NO_TAG, at={36: b"\2"})

    def mode_proposes(self):
        """Proposes keys of its own, and wants them answered before it goes on."""
        good = self.on_login
        seen = []

        def on_login(header, itt, data):
            if header[1] >> 2 & 3 == 0:
                good(header, itt, data)
            elif not seen:
                seen.append(data)
                keys = b"MaxBurstLength=65536\0X-com.example.key=1\0"
                self.login_response(header, itt, keys, flags=0x04)
            elif b"MaxBurstLength=Irrelevant\0X-com.example.key=NotUnderstood" in data:
                good(header, itt, data)
            else:
                self.login_response(header, itt, status=b"\2\0")

        self.on_login = on_login

    def mode_ping(self):
        """Pings before it answers, and goes on only when the pong is right."""
        good = self.on_text

        def on_text(itt):
            self.send_pdu(NOP_IN, FINAL, NO_TAG, ttt=0x1234)
            self.statsn -= 1
            header = self.receive(48)
            if header[0] != 0x40 or header[16:24] != b"\xff\xff\xff\xff\0\0\x12\x34":
                raise Closed
            good(itt)

        self.on_text = on_text

    def mode_mute_logout(self):
        """Never answers the logout."""

        def on_logout(_itt):
            while self.conn.recv(4096):
                pass

        self.on_logout = on_logout


def serve(conn, mode, args):
    try:
        session = Session(conn, args)
        getattr(session, "mode_" + mode)()
        session.run()
    except (Closed, OSError):
        pass
    finally:
        conn.close()


def accept(listener, mode, args):
    while True:
        conn = listener.accept()[0]
        threading.Thread(target=serve, args=(conn, mode, args), daemon=True).start()


def listen(addr, port):
    family = socket.AF_INET6 if ":" in addr else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(socket.getaddrinfo(addr, port, family)[0][4])
    listener.listen(64)
    return listener


def main():
    parser = argparse.ArgumentParser(fromfile_prefix_chars="@")
    modes = sorted(m[5:] for m in dir(Session) if m.startswith("mode_"))
    parser.add_argument("mode", choices=modes + ["all"])
    parser.add_argument("addr")
    parser.add_argument("port", type=int)
    parser.add_argument("--targets", type=int, default=1)
    parser.add_argument("--portals", default="10.9.9.9:3260,1")
    parser.add_argument("--chunk", type=int, default=8192)
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("--user-in", default="")
    parser.add_argument("--password-in", default="")
    parser.add_argument("--challenge", type=int, default=16)
    parser.add_argument("--encoding", default="hex")
    parser.add_argument("--cheat", default="")
    args = parser.parse_args()
    for i, mode in enumerate(modes if args.mode == "all" else [args.mode]):
        listener = listen(args.addr, args.port + i)
        threading.Thread(target=accept, args=(listener, mode, args), daemon=True).start()
        print(mode, args.port + i)
    print("ready", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
