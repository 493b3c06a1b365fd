"""What the cases share: addresses, the table of what was shown, `rblmap serve`, images."""
import os
import signal
import socket
import subprocess
import sys
import time

DIR, RBLMAP, SOURCE, SERVERS = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
CASES = os.path.join(SOURCE, "crates/serve/tests/mta")
RUN = os.path.join(DIR, "run")
RBLMAP_HERE = os.path.join(DIR, "rblmap")
LIBRARY = os.path.join(DIR, "librblmap.so.0")
LISTED, ALLOWED, CLEAN, TAGGED, LATER = "192.0.2.1", "192.0.2.3", "198.51.100.7", "192.0.2.65", "192.0.2.81"
TRIAL, BOTH = "192.0.2.97", "192.0.2.70"
LISTED6, NEIGHBOUR6, CLEAN6 = "2001:db8:bad::5", "2001:db8:bad::ffff:1", "2001:db8:600d::5"
TEXT = "Service unavailable; client [%s] is listed in ops.example: see https://ops.example/?%s"
BOX = "bob@local.example"

# What is to be shown of each server, and the reason where it cannot be.
LINES = {
    "listed": "a listed client is refused with the text",
    "clean": "an unlisted client passes",
    "allowed": "an allowed client passes and is logged so",
    "postmaster": "postmaster is reachable",
    "auth": "an authenticated client passes",
    "modes": "mode defer answers 4xx, mode log passes",
    "tag": "mode tag's header is in the delivered mail",
    "names": "the sender's domain and HELO are looked up",
    "weights": "weights add up",
    "ipv6": "an IPv6 client and its /64",
    "mapped": "a mapped client is treated as IPv4",
    "trouble": "an expired, damaged or missing image passes mail and is told",
    "trial": "trial, refusal and the way back by SIGHUP",
    "down": "hung, stopped and started again: as the recipe says",
    "load": "swaps and SIGHUPs in mid-load lose nothing",
}
BY_SCORE = "it only scores"
NO_PROCESS = "no process to stop"
CANNOT = {
    ("opensmtpd", "auth"): "6.8 cannot do TLS with OpenSSL 3 (OpenSMTPD issue 1171)",
    ("exim", "names"): "the query socket is told the address only",
    ("rspamd", "allowed"): "no policy file", ("spamassassin", "allowed"): "no policy file",
    ("rspamd", "postmaster"): BY_SCORE, ("spamassassin", "postmaster"): BY_SCORE,
    ("rspamd", "modes"): BY_SCORE, ("spamassassin", "modes"): BY_SCORE,
    ("rspamd", "tag"): BY_SCORE,
    ("rspamd", "names"): "the client only", ("spamassassin", "names"): "the client only",
    ("rspamd", "trial"): BY_SCORE, ("spamassassin", "trial"): BY_SCORE,
    ("rspamd", "down"): NO_PROCESS, ("spamassassin", "down"): NO_PROCESS,
    ("spamassassin", "load"): "each mail opens the image anew",
}
failed = []
shown = {}
skipped = set()
count = 0


def case(server, line, holds, seen="", what=""):
    """Counts a case of a line of the table, such as `postfix (milter)` and `listed`."""
    global count
    count += 1
    name = server + ": " + LINES.get(line, line) + (" (%s)" % what if what else "")
    print(("ok      " if holds else "FAILED  ") + name + ("" if holds else ": " + str(seen)), flush=True)
    if not holds:
        failed.append(name)
    cell = (server.split()[0], line)
    shown[cell] = shown.get(cell, 0) + 1


def table(servers):
    """How many cases show each line at each server; a line that no case shows has failed."""
    print("\n%-62s %s" % ("cases", " ".join("%12s" % name for name in servers)))
    for line, text in LINES.items():
        cells = []
        for name in servers:
            cell = shown.get((name, line))
            if not cell and (name, line) not in CANNOT and name not in skipped:
                failed.append("%s: %s: no case" % (name, text))
            cells.append("%12s" % (cell or ("-" if (name, line) in CANNOT else "MISSING")))
        print("%-62s %s" % (text, " ".join(cells)))
    reasons = {}
    for (name, line), why in CANNOT.items():
        if name in servers:
            reasons.setdefault((name, why), []).append(line)
    for (name, why), lines in reasons.items():
        print("- %s, %s: %s" % (name, ", ".join(lines), why))


def soon(holds, seconds=5):
    """Whether something holds within some seconds: the log is written by a thread of its own."""
    until = time.time() + seconds
    while time.time() < until:
        if holds():
            return True
        time.sleep(0.1)
    return holds()


def wait_for(path, text, seconds=30):
    """Whether a text comes to stand in a file."""
    for _ in range(int(seconds * 10)):
        if os.path.exists(path) and text in open(path, errors="replace").read():
            return True
        time.sleep(0.1)
    return False


def wait_port(port, host="127.0.0.1", seconds=60):
    for _ in range(int(seconds * 10)):
        try:
            socket.create_connection((host, port), 1).close()
            return True
        except OSError:
            time.sleep(0.1)
    return False


def root(name):
    return os.path.join(DIR, name, "root")


def conf(name):
    return open(os.path.join(CASES, name)).read().replace("DIR", DIR)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def sh(*args, **more):
    return subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)


def build(name, zone, text, *more, kind="plain"):
    source = os.path.join(RUN, "img", name + ".txt")
    write(source, text)
    done = sh(RBLMAP_HERE, "build", "-q", "-o", os.path.join(RUN, "img", name + ".rbl"), *more, zone + ":" + kind + ":" + source)
    assert done.returncode == 0, done.stdout


class Serve:
    """`rblmap serve` as nobody."""

    def __init__(self, config, log):
        self.config, self.log = config, os.path.join(DIR, "log", log)
        self.start()

    def start(self):
        drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(drop + [RBLMAP_HERE, "serve", "--config", self.config], stderr=log)
        self.pid = os.path.join(RUN, os.path.basename(self.log) + ".pid")
        write(self.pid, str(self.process.pid))
        for _ in range(100):
            if "event=ready" in self.said()[self.mark():]:
                return
            time.sleep(0.1)
        raise SystemExit("serve did not start: " + self.said())

    def mark(self):
        return self.said().rfind("event=stopped") + 1

    def said(self):
        return open(self.log, errors="replace").read() if os.path.exists(self.log) else ""

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        os.unlink(self.pid)


def images():
    template = "--value", "127.0.0.2:see https://ops.example/?$"
    test = "127.0.0.2\n"
    build("ops", "ops.example", test + "192.0.2.0/28\n192.0.2.70\n2001:db8:bad::/64\n", *template)
    build("soft", "soft.example", test + "192.0.2.64/28\n")
    build("later", "later.example", test + "192.0.2.80/28\n")
    build("names", "names.example", test + ".bad.example\n")
    build("page", "page.example", test + "192.0.2.112/28\n", "--value", "127.0.0.2:Open proxy")
    build("trial", "trial.example", test + "192.0.2.96/28\n")
    write(os.path.join(RUN, "img", "broken.rbl"), "not an image")
    # Its listings of clients that pass elsewhere must not count.
    build("old", "old.example", "$TIMESTAMP 2020:01:01 2020:02:01\n198.51.100.0/24\n", kind="ip4set")


def swap(name):
    """Puts an equal image in an image's place, as a mirror does."""
    image = os.path.join(RUN, "img", name + ".rbl")
    with open(image, "rb") as old, open(image + ".new", "wb") as new:
        new.write(old.read())
    os.rename(image + ".new", image)


def end(path):
    """Ends a server by its pid file, one of this run or of one before."""
    try:
        pid = int(open(path).readline())
        os.kill(pid, signal.SIGTERM)
        for _ in range(50):
            os.kill(pid, 0)
            time.sleep(0.1)
    except (OSError, ValueError):
        pass
    if os.path.exists(path):
        os.unlink(path)


def needs_library(server):
    """Whether the C library is there; says so if not."""
    if not os.path.exists(LIBRARY):
        print("skipped: %s: librblmap is not built beside %s" % (server, RBLMAP))
        skipped.add(server)
    return os.path.exists(LIBRARY)
