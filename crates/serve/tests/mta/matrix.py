#!/usr/bin/env python3
"""The cases that real mail servers run against `rblmap serve`: matrix.py DIR RBLMAP SOURCE SERVER...

DIR was made by scripts/mta, which starts this inside the network namespace. Prints a line a case
and ends with 1 if any failed."""
import base64
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

DIR, RBLMAP, SOURCE, SERVERS = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
CASES = os.path.join(SOURCE, "crates/serve/tests/mta")
RUN = os.path.join(DIR, "run")
LISTED, ALLOWED, CLEAN, TAGGED, LATER = "192.0.2.1", "192.0.2.3", "198.51.100.7", "192.0.2.65", "192.0.2.81"
TRIAL, BOTH, BROKEN = "192.0.2.97", "192.0.2.70", "203.0.113.9"
LISTED6, NEIGHBOUR6, CLEAN6 = "2001:db8:bad::5", "2001:db8:bad::ffff:1", "2001:db8:600d::5"
TEXT = "Service unavailable; client [%s] is listed in ops.example: see https://ops.example/?%s"
BOX = "bob@local.example"
failed = []
count = 0


def case(name, holds, seen=""):
    global count
    count += 1
    print(("ok      " if holds else "FAILED  ") + name + ("" if holds else ": " + str(seen)), flush=True)
    if not holds:
        failed.append(name)


class Smtp:
    """One session from a source address; keeps the replies by command."""

    def __init__(self, port, source):
        v6 = ":" in source
        self.socket = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET)
        self.socket.settimeout(30)
        self.socket.bind((source, 0))
        self.socket.connect(("::1" if v6 else "127.0.0.1", port))
        self.file = self.socket.makefile("rb")
        self.reply()

    def reply(self):
        lines = []
        while True:
            line = self.file.readline().decode("latin1").rstrip("\r\n")
            if not line:
                return " / ".join(lines) or "(closed)"
            lines.append(line)
            if line[3:4] != "-":
                return " / ".join(lines)

    def say(self, line):
        self.socket.sendall((line + "\r\n").encode())
        return self.reply()


def send(port, source, recipient=BOX, before=(), subject="t", auth=None, sender="alice@sender.example"):
    """The reply to RCPT, or to the message if that was accepted, and how long it took to get there."""
    start = time.time()
    session = Smtp(port, source)
    session.say("EHLO client.example")
    if auth:
        token = base64.b64encode(("\0" + auth[0] + "\0" + auth[1]).encode()).decode()
        answer = session.say("AUTH PLAIN " + token)
        if not answer.startswith("235"):
            return answer, 0
    for line in before:
        session.say(line)
    session.say("MAIL FROM:<%s>" % sender)
    answer = session.say("RCPT TO:<%s>" % recipient)
    took = time.time() - start
    if answer.startswith("2"):
        session.say("DATA")
        answer = session.say("From: a@sender.example\r\nSubject: %s\r\n\r\nhello\r\n.." % subject + "\r\n.")
    session.say("QUIT")
    return unwrapped(answer), took


def unwrapped(answer):
    """A reply on one line: Exim and others wrap."""
    code = answer[:3]
    parts = answer.split(" / ")
    text = parts[0]
    for part in parts[1:]:
        rest = part[4:]
        status = text[4:].split(" ")[0]
        rest = rest[len(status):].lstrip() if rest.startswith(status) else rest
        text = text.rstrip() + " " + rest.lstrip()
    return code + " " + text[4:]


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
    build("page", "page.example", test + "192.0.2.112/28\n", "--value", "127.0.0.2:Open proxy")
    build("trial", "trial.example", test + "192.0.2.96/28\n")
    write(os.path.join(RUN, "img", "broken.rbl"), "not an image")
    # Its listings of clients that pass elsewhere must not count.
    build("old", "old.example", "$TIMESTAMP 2020:01:01 2020:02:01\n198.51.100.0/24\n", kind="ip4set")


def common(name, port, text, serve, v6=True):
    """What holds at every server."""
    reply, _ = send(port, LISTED)
    case(name + ": a listed client is refused with the text", text % (LISTED, LISTED) in reply, reply)
    reply, _ = send(port, CLEAN)
    case(name + ": an unlisted client passes", reply.startswith("250"), reply)
    reply, _ = send(port, ALLOWED)
    case(name + ": an allowed client passes", reply.startswith("250"), reply)
    reply, _ = send(port, LISTED, "postmaster@local.example")
    case(name + ": postmaster is reachable", reply.startswith("250"), reply)
    reply, _ = send(port, LATER)
    case(name + ": mode defer answers 4xx", reply.startswith("4"), reply)
    reply, _ = send(port, TRIAL)
    case(name + ": mode log passes", reply.startswith("250"), reply)
    if v6:
        for address in (LISTED6, NEIGHBOUR6):
            reply, _ = send(port, address)
            case(name + ": a client of a listed /64 is refused", text % (address, address) in reply, reply)
        reply, _ = send(port, CLEAN6)
        case(name + ": an unlisted IPv6 client passes", reply.startswith("250"), reply)


def tagged(name, port, box):
    subject = "tag-%s-%d" % (name.split()[-1].strip("()"), port)
    reply, _ = send(port, TAGGED, subject=subject)
    found = wait_for(box, subject)
    mail = open(box, errors="replace").read() if found else ""
    before, _, after = mail.partition(subject)
    message = before[max(before.rfind("\nFrom alice"), 0):] + after.split("\nhello")[0]
    case(name + ": mode tag's header is in the delivered mail", "X-Rblmap: soft.example 127.0.0.2" in message, reply + mail[-600:])


def postfix(serve, score):
    where = root("postfix")
    spool = where + "/var/spool/postfix"
    for folder in (spool + "/rblmap", spool + "/etc", where + "/var/mail/vhost"):
        os.makedirs(folder, exist_ok=True)
    os.chown(where + "/var/mail/vhost", 65534, 65534)
    if not os.path.ismount(spool + "/rblmap"):
        subprocess.run(["mount", "--bind", RUN, spool + "/rblmap"], check=True)
    write(where + "/etc/postfix/main.cf", conf("postfix-main.cf"))
    write(where + "/etc/postfix/master.cf", conf("postfix-master.cf"))
    for file in ("resolv.conf", "services", "hosts", "nsswitch.conf"):
        shutil.copy(where + "/etc/" + file, spool + "/etc/" + file)
    sh("chroot", where, "postfix", "stop")
    started = sh("chroot", where, "postfix", "start")
    if not wait_port(2501):
        return case("postfix starts", False, started.stdout)
    log, box = where + "/var/log/postfix.log", where + "/var/mail/vhost/box"
    policy = "550 5.7.1 <" + BOX + ">: Recipient address rejected: " + TEXT
    common("postfix (policy)", 2501, policy, serve)
    common("postfix (milter)", 2507, "550 5.7.1 " + TEXT, serve)
    tagged("postfix (policy)", 2501, box)
    tagged("postfix (milter)", 2507, box)
    reply, _ = send(2502, LISTED)
    case("postfix (policy over TCP): refused", policy % (LISTED, LISTED) in reply, reply)
    reply, _ = send(2503, LISTED)
    case("postfix (socketmap): refused", "550 5.7.1 <unknown[192.0.2.1]>: Client host rejected: " + TEXT % (LISTED, LISTED) in reply, reply)
    reply, _ = send(2503, CLEAN)
    case("postfix (socketmap): an unlisted client passes", reply.startswith("250"), reply)
    reply, _ = send(2504, LISTED)
    case("postfix: warn_if_reject passes", reply.startswith("250"), reply)
    case("postfix: warn_if_reject is in the log", wait_for(log, "reject_warning"))
    for port in (2501, 2507):
        login = ["XCLIENT ADDR=%s LOGIN=bob" % LISTED, "EHLO client.example"]
        reply, _ = send(port, "127.0.0.1", before=login)
        case("postfix: an authenticated client passes (%d)" % port, reply.startswith("250"), reply)
    mapped = ["XCLIENT ADDR=IPV6:::ffff:192.0.2.1", "EHLO client.example"]
    reply, _ = send(2501, "127.0.0.1", before=mapped)
    case("postfix: a mapped client is refused", "client [192.0.2.1] is listed" in reply, reply)
    reply, _ = send(2505, BOTH)
    case("postfix: weights add up to a refusal", reply.startswith("550"), reply)
    for one in (LISTED, TAGGED):
        reply, _ = send(2505, one)
        case("postfix: a weight alone passes", reply.startswith("250"), reply)
    terms = "ops.example 5 + soft.example 3 = 8 >= 8 (reject)"
    case("the sum's terms are in the log", soon(lambda: terms in score.said()), score.said()[-600:])
    reply, took = send(2506, LISTED)
    case("postfix: nobody serves: passes in about a second", reply.startswith("250") and took < 3, (reply, took))
    bounce(box)
    stopped(serve, "postfix (policy)", 2501)
    stopped(serve, "postfix (milter)", 2507)
    under_load(serve)
    sh("chroot", where, "postfix", "stop")


def bounce(box):
    """Mail that this server sends on is refused: the bounce names the page, and the page says why."""
    reply, _ = send(2506, CLEAN, "bob@refusing.example", sender="carol@local.example")
    case("bounce: the mail is taken", reply.startswith("250"), reply)
    # The first copy of the text is for people, folded by Postfix; the second is for programs.
    found = wait_for(box, "Diagnostic-Code")
    text = open(box, errors="replace").read() if found else ""
    words = " ".join(text.split("Undelivered Mail Returned to Sender")[-1].split("Reporting-MTA")[0].split())
    link = re.search(r"https://lists\.example/#a=192\.0\.2\.113&z=page\.example", words)
    case("bounce: its text has the link of the page", link, words[-900:])
    modules = os.environ.get("RBLMAP_NPM", os.path.join(SOURCE, "target/npm"))
    if not (os.path.isdir(modules + "/node_modules/playwright-core") and os.path.exists("/usr/bin/chromium")):
        return print("skipped: the bounce's link in a browser (chromium, or playwright-core in %s, is missing)" % modules)
    if not link:
        return
    folder = os.path.join(DIR, "page")
    write(folder + "/page.toml", PAGE)
    shutil.copy(RUN + "/img/page.rbl", folder + "/page.example.rbl")
    made = sh(RBLMAP_HERE, "page", "-q", folder, "--config", folder + "/page.toml", "-o", folder + "/site")
    case("bounce: the page is made", made.returncode == 0, made.stdout)
    script = os.path.join(SOURCE, "crates/cli/tests/page/bounce.mjs")
    seen = sh("node", script, folder + "/site", modules, link.group(0))
    says = "192.0.2.113 is listed in Open proxies" in seen.stdout and "Open proxy" in seen.stdout
    case("bounce: the link opens the page, which says why", seen.returncode == 0 and says, seen.stdout[-900:])


PAGE = """
[site]
name = "Example Lists"
url = "https://lists.example/"
contact = "postmaster@lists.example"
languages = ["en"]
[[zone]]
name = "page.example"
title = "Open proxies"
lists = "Computers that forward mail for everybody."
removal_url = "https://lists.example/remove?ip=%a"
removal_by = "the owner of the address, at once"
"""


def stopped(serve, name, port):
    """What the recipe promises of a daemon that is hung, stopped and started again."""
    serve.signal(signal.SIGSTOP)
    reply, hung = send(port, LISTED)
    serve.signal(signal.SIGCONT)
    case("%s: hung: passes (took %.1f s)" % (name, hung), reply.startswith("250") and hung < 6, (reply, hung))
    time.sleep(0.5)
    serve.stop()
    reply, down = send(port, LISTED)
    case("%s: stopped: passes (took %.1f s)" % (name, down), reply.startswith("250") and down < 4, (reply, down))
    serve.start()
    reply, again = send(port, LISTED)
    case("%s: started again: refuses (took %.1f s)" % (name, again), reply.startswith("550") and again < 4, (reply, again))


def under_load(serve):
    """Swaps and SIGHUPs while 20 connections ask: none is closed, and none gets a wrong answer."""
    ask = b"request=smtpd_access_policy\nprotocol_state=RCPT\nclient_address=192.0.2.1\nrecipient=bob@local.example\n\n"
    sockets = []
    for _ in range(20):
        one = socket.socket(socket.AF_UNIX)
        one.settimeout(10)
        one.connect(RUN + "/policy")
        sockets.append(one)
    wrong = closed = asked = 0
    end = time.time() + 4
    step = 0
    while time.time() < end:
        step += 1
        if step % 20 == 0:
            serve.signal(signal.SIGHUP)
        if step % 30 == 0:
            image = RUN + "/img/ops.rbl"
            shutil.copy(image, image + ".new")
            os.rename(image + ".new", image)
        for one in sockets:
            one.sendall(ask)
        for one in sockets:
            try:
                answer = one.recv(4096)
            except OSError:
                answer = b""
            asked += 1
            closed += not answer
            wrong += bool(answer) and not answer.startswith(b"action=550 5.7.1 ")
    case("swaps and SIGHUPs in mid-load lose nothing (%d asked)" % asked, (wrong, closed) == (0, 0), (wrong, closed))


def exim(serve, score):
    where = root("exim")
    module = os.path.join(DIR, "exim-rblmap.so")
    made = sh(os.path.join(SOURCE, "crates/exim/build"), module, DIR)
    write(where + "/etc/exim4/exim4.conf", conf("exim.conf"))
    write(where + "/var/log/exim4/mainlog", "")
    sh("chroot", where, "chown", "-R", "Debian-exim:adm", "/var/log/exim4")
    end(where + "/run/exim-test.pid")
    started = sh("chroot", where, "exim4", "-bd", "-q1h", "-oP", "/run/exim-test.pid")
    if not wait_port(2601):
        return case("exim starts", False, started.stdout)
    shutil.copy(where + "/run/exim-test.pid", os.path.join(RUN, "exim.pid"))
    box = where + "/var/mail/exim-box"
    common("exim (readsocket)", 2601, "550 5.7.1 " + TEXT, serve)
    reply, _ = send(2601, LISTED, auth=("bob", "secret"))
    case("exim: an authenticated client passes", reply.startswith("250"), reply)
    case("exim: the message is in the box", wait_for(box, "hello"))
    if not needs_library("exim (dlfunc)"):
        pass
    elif made.returncode == 0:
        for address in (LISTED, LISTED6):
            reply, _ = send(2602, address)
            case("exim (dlfunc): refused", "550 5.7.1 " + TEXT % (address, address) in reply, reply)
        for address in (CLEAN, CLEAN6):
            reply, _ = send(2602, address)
            case("exim (dlfunc): an unlisted client passes", reply.startswith("250"), reply)
    else:
        case("exim: the module is built", False, made.stdout)
    stopped(serve, "exim (readsocket)", 2601)
    end(RUN + "/exim.pid")


def opensmtpd(serve, score):
    where = root("opensmtpd")
    write(where + "/etc/smtpd.conf", conf("smtpd.conf"))
    write(where + "/etc/mailname", "mx.local.example\n")
    for user in ("bob", "postmaster"):
        sh("chroot", where, "useradd", "-m", user)
    log = os.path.join(DIR, "log", "smtpd.log")
    end(RUN + "/smtpd.pid")
    with open(log, "w") as out:
        smtpd = subprocess.Popen(["chroot", where, "smtpd", "-d", "-v"], stdout=out, stderr=out)
    write(os.path.join(RUN, "smtpd.pid"), str(smtpd.pid))
    if not wait_port(2701):
        return case("opensmtpd starts", False, open(log).read()[-800:])
    time.sleep(1)
    common("opensmtpd", 2701, "550 5.7.1 " + TEXT, serve)
    tagged("opensmtpd", 2701, where + "/var/mail/bob")
    case("opensmtpd: the decisions are in its log", "adapter=opensmtpd action=allowed" in open(log, errors="replace").read())
    smtpd.terminate()
    smtpd.wait()
    os.unlink(os.path.join(RUN, "smtpd.pid"))


def sendmail(serve, score):
    where = root("sendmail")
    os.makedirs(where + "/run/rblmap", exist_ok=True)
    if not os.path.ismount(where + "/run/rblmap"):
        subprocess.run(["mount", "--bind", RUN, where + "/run/rblmap"], check=True)
    write(where + "/etc/mail/rblmap.mc", conf("sendmail.mc"))
    made = sh("chroot", where, "sh", "-c", "cd /etc/mail && m4 rblmap.mc > rblmap.cf && echo local.example > local-host-names && newaliases; useradd -m bob; useradd -m postmaster")
    end(where + "/run/rblmap-test.pid")
    started = sh("chroot", where, "/usr/sbin/sendmail", "-bd", "-C", "/etc/mail/rblmap.cf", "-q1h", "-OPidFile=/run/rblmap-test.pid")
    if not wait_port(2801):
        return case("sendmail starts", False, made.stdout + started.stdout)
    with open(where + "/run/rblmap-test.pid") as pid:
        write(os.path.join(RUN, "sendmail.pid"), pid.readline())
    common("sendmail", 2801, "550 5.7.1 <" + BOX + ">... " + TEXT, serve)
    tagged("sendmail", 2801, where + "/var/mail/bob")
    reply, took = send(2803, LISTED)
    case("sendmail: nobody serves: passes", reply.startswith("250") and took < 3, (reply, took))
    stopped(serve, "sendmail", 2801)
    end(RUN + "/sendmail.pid")


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


def rspamd(serve, score):
    if not needs_library("rspamd"):
        return
    where = root("rspamd")
    shutil.copy(os.path.join(SOURCE, "crates/exim/rspamd-rblmap.lua"), RUN + "/rspamd-rblmap.lua")
    write(where + "/etc/rspamd/rspamd.local.lua", 'dofile("%s/rspamd-rblmap.lua")\n' % RUN)
    write(where + "/etc/rspamd/rspamd.conf.local", 'rblmap { library = "%s"; RBLMAP_OPS { path = "%s/img/ops.rbl"; score = 6.0; } }\n' % (library(), RUN))
    write(where + "/etc/rspamd/local.d/options.inc", 'dns { nameserver = ["127.0.0.1:53"]; timeout = 1s; retransmits = 1; }\n')
    for folder in ("/run/rspamd", "/var/lib/rspamd", "/var/log/rspamd"):
        os.makedirs(where + folder, exist_ok=True)
        sh("chroot", where, "chown", "_rspamd:_rspamd", folder)
    log = os.path.join(DIR, "log", "rspamd.log")
    with open(log, "w") as out:
        process = subprocess.Popen(["chroot", where, "rspamd", "-f", "-u", "_rspamd", "-g", "_rspamd"], stdout=out, stderr=out)
    write(os.path.join(RUN, "rspamd.pid"), str(process.pid))
    if not wait_port(11333, seconds=60):
        return case("rspamd starts", False, open(log).read()[-800:])
    mail = "From: a@sender.example\r\nTo: bob@local.example\r\nSubject: t\r\n\r\nhello\r\n"
    for address, listed in ((LISTED, True), (LISTED6, True), (CLEAN, False), (CLEAN6, False)):
        seen = sh("curl", "-s", "-m", "20", "-H", "IP: " + address, "--data-binary", mail, "http://127.0.0.1:11333/checkv2").stdout
        case("rspamd (FFI): %s %s" % (address, "is listed" if listed else "is not"), ("RBLMAP_OPS" in seen) == listed and "symbols" in seen, seen[:600])
    process.terminate()
    process.wait()
    os.unlink(os.path.join(RUN, "rspamd.pid"))


def needs_library(name):
    """Whether the C library is there; says so if not."""
    if not os.path.exists(library()):
        print("skipped: %s: librblmap is not built beside %s" % (name, RBLMAP))
    return os.path.exists(library())


def library():
    return os.path.join(DIR, "librblmap.so.0")


def spamassassin(serve, score):
    if not needs_library("spamassassin"):
        return
    where = root("spamassassin")
    plugin = os.path.join(SOURCE, "crates/exim/Rblmap.pm")
    shutil.copy(plugin, RUN + "/Rblmap.pm")
    write(where + "/etc/spamassassin/rblmap.cf", (
        "loadplugin Mail::SpamAssassin::Plugin::Rblmap %s/Rblmap.pm\n"
        "rblmap_library %s\n"
        "rblmap_list ops %s/img/ops.rbl\n"
        "header RBLMAP_OPS eval:rblmap_listed('ops')\n"
        "score RBLMAP_OPS 3.5\nuse_bayes 0\n") % (RUN, library(), RUN))
    for address, listed in ((LISTED, True), (LISTED6, True), (CLEAN, False), (CLEAN6, False)):
        shown = ("IPv6:" + address) if ":" in address else address
        mail = ("Received: from client.example (client.example [%s]) by mx.local.example with ESMTP id 1; "
                "Sat, 28 Nov 2026 12:00:00 +0000\nFrom: a@sender.example\nTo: bob@local.example\nSubject: t\n"
                "Message-ID: <1@sender.example>\nDate: Sat, 28 Nov 2026 12:00:00 +0000\n\nhello\n") % shown
        seen = sh("chroot", where, "spamassassin", "-L", "-t", input=mail).stdout
        case("spamassassin: %s %s" % (address, "is listed" if listed else "is not"), ("RBLMAP_OPS" in seen) == listed and "X-Spam" in seen, seen[-800:])


def trouble(serve):
    """A zone whose image is damaged, missing or past its end passes mail, and is told."""
    for zone, reason in (("broken", "damaged"), ("gone", "missing"), ("old", "expired")):
        line = "event=zone-no-opinion zone=%s.example reason=%s" % (zone, reason)
        case("an image that is %s is told" % reason, soon(lambda: line in serve.said()), serve.said()[-600:])


def main():
    global RBLMAP_HERE
    RBLMAP_HERE = os.path.join(DIR, "rblmap")
    shutil.copy(RBLMAP, RBLMAP_HERE + ".new")
    os.rename(RBLMAP_HERE + ".new", RBLMAP_HERE)
    for name in ("librblmap.so.0", "librblmap.so", "librblmap_capi.so"):
        built = os.path.join(os.path.dirname(RBLMAP), name)
        if os.path.exists(built):
            shutil.copy(built, library() + ".new")
            os.rename(library() + ".new", library())
            break
    os.makedirs(RUN + "/img", exist_ok=True)
    os.makedirs(DIR + "/log", exist_ok=True)
    for file in ("serve.log", "score.log"):
        if os.path.exists(DIR + "/log/" + file):
            os.unlink(DIR + "/log/" + file)
    images()
    for config in ("mail.toml", "score.toml"):
        write(RUN + "/" + config, conf(config))
    os.chown(RUN, 65534, 65534)
    serve, score = Serve(RUN + "/mail.toml", "serve.log"), Serve(RUN + "/score.toml", "score.log")
    known = {"postfix": postfix, "exim": exim, "opensmtpd": opensmtpd, "sendmail": sendmail,
             "rspamd": rspamd, "spamassassin": spamassassin}
    try:
        trouble(serve)
        for name in SERVERS or known:
            try:
                known[name](serve, score)
            except (OSError, ValueError) as error:
                case(name + ": the cases run to their end", False, repr(error))
        case("allowed clients are logged as allowed", "listed, but allowed here (%s/run/mail.toml:" % DIR in serve.said())
    finally:
        serve.stop()
        score.stop()
    print("%d cases, %d failed" % (count, len(failed)))
    sys.exit(1 if failed else 0)


main()
