"""rspamd and SpamAssassin, which add to a score and ask the image in their own process."""
import json
import os
import shutil
import subprocess
import time

from world import (BOTH, CLEAN, CLEAN6, DIR, LIBRARY, LISTED, LISTED6, NEIGHBOUR6, RUN, SOURCE, case, needs_library, root,
                   sh, soon, swap, wait_port, write)

MAPPED = "::ffff:192.0.2.1"
LISTS = (("OPS", "ops", 6.0), ("SOFT", "soft", 2.0), ("OLD", "old", 9.0), ("BROKEN", "broken", 9.0), ("GONE", "gone", 9.0))


def rspamd(serve, score):
    if not needs_library("rspamd"):
        return
    where = root("rspamd")
    process, log = start_rspamd(where)
    if not wait_port(11333, seconds=60):
        return case("rspamd", "listed", False, open(log).read()[-800:], "starts")
    for line, address, names in (
            ("listed", LISTED, {"OPS"}), ("ipv6", LISTED6, {"OPS"}), ("ipv6", NEIGHBOUR6, {"OPS"}), ("ipv6", CLEAN6, set()),
            ("mapped", MAPPED, {"OPS"}), ("weights", BOTH, {"OPS", "SOFT"}), ("trouble", CLEAN, set()), ("clean", CLEAN, set())):
        found, weight, seen = scan(address)
        want = sum(points for name, _, points in LISTS if name in names)
        case("rspamd", line, (found, weight) == (names, want), seen, "%s: %g" % (address, want))
    found, _, seen = scan(LISTED, "-H", "User: bob")
    case("rspamd", "auth", found == set(), seen)
    said = where + "/var/log/rspamd/rspamd.log"
    for image, reason in (("old", "expired"), ("broken", ""), ("gone", "")):
        line = "rblmap: %s/img/%s.rbl: %s" % (RUN, image, reason)
        told = soon(lambda: any(line in text and "no opinion" in text for text in open(said, errors="replace")))
        case("rspamd", "trouble", told, open(said).read()[-600:], image + ": the log")
    # Longer than the five seconds after which a list is looked at again.
    until, wrong, scans = time.time() + 7, [], 0
    while time.time() < until:
        swap("ops")
        found, _, seen = scan(LISTED)
        scans += 1
        wrong += [seen] if found != {"OPS"} else []
    case("rspamd", "load", scans > 20 and not wrong, wrong[:2], "%d scans, as many swaps" % scans)
    process.terminate()
    process.wait()
    os.unlink(os.path.join(RUN, "rspamd.pid"))


def start_rspamd(where):
    shutil.copy(os.path.join(SOURCE, "crates/capi/plugins/rspamd-rblmap.lua"), RUN + "/rspamd-rblmap.lua")
    write(where + "/etc/rspamd/rspamd.local.lua", 'dofile("%s/rspamd-rblmap.lua")\n' % RUN)
    lists = " ".join('RBLMAP_%s { path = "%s/img/%s.rbl"; score = %s; }' % (name, RUN, image, points) for name, image, points in LISTS)
    write(where + "/etc/rspamd/rspamd.conf.local", 'rblmap { library = "%s"; %s }\n' % (LIBRARY, lists))
    write(where + "/etc/rspamd/local.d/options.inc", 'dns { nameserver = ["127.0.0.1:53"]; timeout = 0.1s; retransmits = 1; }\n')
    for folder in ("/run/rspamd", "/var/lib/rspamd", "/var/log/rspamd"):
        os.makedirs(where + folder, exist_ok=True)
        sh("chroot", where, "chown", "_rspamd:_rspamd", folder)
    log = os.path.join(DIR, "log", "rspamd.log")
    with open(log, "w") as out:
        process = subprocess.Popen(["chroot", where, "rspamd", "-f", "-u", "_rspamd", "-g", "_rspamd"], stdout=out, stderr=out)
    write(os.path.join(RUN, "rspamd.pid"), str(process.pid))
    return process, log


def scan(address, *headers):
    """The lists that a scan named, the sum of their scores, and all that it said."""
    mail = "From: a@sender.example\r\nTo: bob@local.example\r\nSubject: t\r\n\r\nhello\r\n"
    seen = sh("curl", "-s", "-m", "20", "-H", "IP: " + address, *headers, "--data-binary", mail, "http://127.0.0.1:11333/checkv2").stdout
    try:
        symbols = json.loads(seen)["symbols"]
    except (ValueError, KeyError):
        return None, 0, seen[:600]
    ours = {name[7:]: symbols[name]["score"] for name in symbols if name.startswith("RBLMAP_")}
    return set(ours), sum(ours.values()), seen[:600]


def spamassassin(serve, score):
    if not needs_library("spamassassin"):
        return
    where = root("spamassassin")
    shutil.copy(os.path.join(SOURCE, "crates/capi/plugins/Rblmap.pm"), RUN + "/Rblmap.pm")
    config = "loadplugin Mail::SpamAssassin::Plugin::Rblmap %s/Rblmap.pm\nrblmap_library %s\nuse_bayes 0\n" % (RUN, LIBRARY)
    for name, image, points in LISTS:
        config += "rblmap_list %s %s/img/%s.rbl\nheader RBLMAP_%s eval:rblmap_listed('%s')\nscore RBLMAP_%s %g\n" % (
            image, RUN, image, name, image, name, points)
    write(where + "/etc/spamassassin/rblmap.cf", config)
    for line, address, names in (
            ("listed", LISTED, {"OPS"}), ("ipv6", LISTED6, {"OPS"}), ("ipv6", NEIGHBOUR6, {"OPS"}), ("ipv6", CLEAN6, set()),
            ("mapped", MAPPED, {"OPS"}), ("weights", BOTH, {"OPS", "SOFT"}), ("trouble", CLEAN, set()), ("clean", CLEAN, set())):
        found, seen = judged(where, address)
        case("spamassassin", line, found == names, seen, address)
        if line in ("listed", "weights"):
            points = sum(points for name, _, points in LISTS if name in names)
            case("spamassassin", "tag" if line == "listed" else line, all("%4.1f RBLMAP_%s" % (points, name) in seen for name, _, points in LISTS if name in names)
                 and "X-Spam-Status: " in seen and points > 0, seen, "%g points are in the mail's report" % points)
    found, seen = judged(where, LISTED, "ESMTPSA")
    case("spamassassin", "auth", found == set(), seen, "received with ESMTPSA")
    _, seen = judged(where, CLEAN)
    for image, reason in (("old", "expired"), ("broken", "no opinion"), ("gone", "no opinion")):
        told = any("rblmap: %s/img/%s.rbl: " % (RUN, image) in line and reason in line for line in seen.splitlines())
        case("spamassassin", "trouble", told, seen, image + ": standard error")


def judged(where, address, protocol="ESMTP"):
    """The lists that a mail is said to hit, and the mail with the report."""
    shown = ("IPv6:" + address) if ":" in address else address
    mail = ("Received: from client.example (client.example [%s]) by mx.local.example with %s id 1; "
            "Sat, 28 Nov 2026 12:00:00 +0000\nFrom: a@sender.example\nTo: bob@local.example\nSubject: t\n"
            "Message-ID: <1@sender.example>\nDate: Sat, 28 Nov 2026 12:00:00 +0000\n\nhello\n") % (shown, protocol)
    seen = sh("chroot", where, "spamassassin", "-L", "-t", input=mail).stdout
    if "X-Spam" not in seen:
        return None, seen[-900:]
    return {name for name, _, _ in LISTS if "RBLMAP_" + name in seen}, seen
