"""Postfix: policy delegation, milter, socketmap, and the bounce of a refused mail."""
import os
import re
import shutil
import subprocess

from common import (asked_under_load, common, hung_and_waits, keeps_old_image, stopped, stopped_and_started, tagged,
                    through_load, trial, trouble, weights)
from smtp import send
from world import (BOX, CLEAN, DIR, LISTED, RBLMAP_HERE, RUN, SOURCE, TEXT, case, conf, root, sh, wait_for, wait_port,
                   write)

REFUSED = "550 5.7.1 <" + BOX + ">: Recipient address rejected: " + TEXT


def postfix(serve, score):
    where = root("postfix")
    started = start(where)
    if not wait_port(2501):
        return case("postfix", "listed", False, started.stdout, "starts")
    log, box = where + "/var/log/postfix.log", where + "/var/mail/vhost/box"
    decisions(serve, score, box)
    other_ways(serve, log)
    bounce(box)
    keeps_old_image(serve, "postfix (policy)", 2501)
    stopped(serve, "postfix (policy)", 2501)
    stopped(serve, "postfix (milter)", 2507)
    # A table that cannot be asked defers all mail, and one that does not answer stops it.
    hung_and_waits("postfix (socketmap)", 2503, serve.signal)
    stopped_and_started(serve, "postfix (socketmap)", 2503, down="451 4.3.5")
    through_load("postfix (policy)", 2501, serve.signal)
    through_load("postfix (milter)", 2507, serve.signal)
    through_load("postfix (socketmap)", 2503, serve.signal)
    asked_under_load(serve)
    sh("chroot", where, "postfix", "stop")


def start(where):
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
    return sh("chroot", where, "postfix", "start")


def decisions(serve, score, box):
    """What holds everywhere, for policy delegation and for the milter."""
    for name, text, port, weighed in (("policy", REFUSED, 2501, 2505), ("milter", "550 5.7.1 " + TEXT, 2507, 2508)):
        full = "postfix (%s)" % name
        common(full, port, text, serve.said, name)
        trouble(full, port, serve.said)
        tagged(full, port, box)
        weights(full, weighed, score.said)
        trial(full, weighed, score.said, score.signal)
        login = ["XCLIENT ADDR=%s LOGIN=bob" % LISTED, "EHLO client.example"]
        reply, _ = send(port, "127.0.0.1", before=login)
        case(full, "auth", reply.startswith("250"), reply, "XCLIENT LOGIN")
        mapped = ["XCLIENT ADDR=IPV6:::ffff:192.0.2.1", "EHLO client.example"]
        reply, _ = send(port, "127.0.0.1", before=mapped)
        case(full, "mapped", "client [192.0.2.1] is listed" in reply, reply)


def other_ways(serve, log):
    """TCP, socketmap, warn_if_reject, and a socket that nobody serves."""
    reply, _ = send(2502, LISTED)
    case("postfix (policy over TCP)", "listed", REFUSED % (LISTED, LISTED) in reply, reply)
    text = "550 5.7.1 <unknown[192.0.2.1]>: Client host rejected: " + TEXT % (LISTED, LISTED)
    reply, _ = send(2503, LISTED)
    case("postfix (socketmap)", "listed", text in reply, reply)
    reply, _ = send(2503, CLEAN)
    case("postfix (socketmap)", "clean", reply.startswith("250"), reply)
    reply, _ = send(2504, LISTED)
    case("postfix", "trial", reply.startswith("250"), reply, "warn_if_reject passes")
    case("postfix", "trial", wait_for(log, "reject_warning"), what="warn_if_reject is in the log")
    reply, took = send(2506, LISTED)
    case("postfix", "down", reply.startswith("250") and took < 3, (reply, took), "nobody serves: passes after %.1f s" % took)


def bounce(box):
    """Mail that this server sends on is refused: the bounce names the page, and the page says why."""
    reply, _ = send(2506, CLEAN, "bob@refusing.example", sender="carol@local.example")
    case("postfix", "the mail that bounces is taken", reply.startswith("250"), reply)
    # The first copy of the text is for people, folded by Postfix; the second is for programs.
    found = wait_for(box, "Diagnostic-Code")
    text = open(box, errors="replace").read() if found else ""
    words = " ".join(text.split("Undelivered Mail Returned to Sender")[-1].split("Reporting-MTA")[0].split())
    link = re.search(r"https://lists\.example/#a=192\.0\.2\.113&z=page\.example", words)
    case("postfix", "the bounce has the link of the page", link, words[-900:])
    modules = os.environ.get("RBLMAP_NPM", os.path.join(SOURCE, "target/npm"))
    if not (os.path.isdir(modules + "/node_modules/playwright-core") and os.path.exists("/usr/bin/chromium")):
        return print("skipped: the bounce's link in a browser (chromium, or playwright-core in %s, is missing)" % modules)
    if not link:
        return
    folder = os.path.join(DIR, "page")
    write(folder + "/page.toml", PAGE)
    shutil.copy(RUN + "/img/page.rbl", folder + "/page.example.rbl")
    made = sh(RBLMAP_HERE, "page", "-q", folder, "--config", folder + "/page.toml", "-o", folder + "/site")
    case("postfix", "the page of the bounce is made", made.returncode == 0, made.stdout)
    script = os.path.join(SOURCE, "crates/cli/tests/page/bounce.mjs")
    seen = sh("node", script, folder + "/site", modules, link.group(0))
    says = "192.0.2.113 is listed in Open proxies" in seen.stdout and "Open proxy" in seen.stdout
    case("postfix", "the bounce's link opens the page, which says why", seen.returncode == 0 and says, seen.stdout[-900:])


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
