"""Exim, OpenSMTPD and Sendmail."""
import glob
import os
import re
import shutil
import signal
import subprocess
import time

from common import common, hung_and_waits, stopped, tagged, through_load, trial, trouble, weights
from smtp import send
from world import (BOX, CLEAN, CLEAN6, DIR, LISTED, LISTED6, RUN, SOURCE, TEXT, case, conf, end, needs_library,
                   root, sh, soon, wait_for, wait_port, write)


def exim(serve, score):
    where = root("exim")
    module = os.path.join(DIR, "exim-rblmap.so")
    made = sh(os.path.join(SOURCE, "crates/capi/plugins/build-exim"), module, DIR)
    write(where + "/etc/exim4/exim4.conf", conf("exim.conf"))
    log = where + "/var/log/exim4/mainlog"
    write(log, "")
    sh("chroot", where, "chown", "-R", "Debian-exim:adm", "/var/log/exim4")
    end(where + "/run/exim-test.pid")
    started = sh("chroot", where, "exim4", "-bd", "-q1h", "-oP", "/run/exim-test.pid")
    if not wait_port(2601):
        return case("exim", "listed", False, started.stdout, "starts")
    soon(lambda: os.path.exists(where + "/run/exim-test.pid"))
    shutil.copy(where + "/run/exim-test.pid", os.path.join(RUN, "exim.pid"))
    box = where + "/var/mail/exim-box"
    name = "exim (readsocket)"
    common(name, 2601, "550 5.7.1 " + TEXT, serve.said, "query", names=False)
    trouble(name, 2601, serve.said)
    reply, _ = send(2601, LISTED, auth=("bob", "secret"))
    case(name, "auth", reply.startswith("250"), reply)
    tagged("exim (trial)", 2603, box, "X-Rblmap: 550 5.7.1 Service unavailable; client [192.0.2.1]", LISTED)
    case("exim (trial)", "trial", wait_for(log, "Warning: 550 5.7.1 Service unavailable"), what="log_message is in the log")
    # Exim's IPv6 sockets take no IPv4 clients; so it is told of one.
    script = "EHLO client.example\nMAIL FROM:<alice@sender.example>\nRCPT TO:<%s>\nQUIT\n" % BOX
    seen = sh("chroot", where, "exim4", "-oMi", "127.0.0.1.2601", "-bh", "::ffff:192.0.2.1", input=script).stdout
    case(name, "mapped", re.search(r"^550[- ]5\.7\.1 Service unavailable; client \[192\.0\.2\.1\]", seen, re.M), seen[-900:], "exim4 -bh")
    weights(name, 2605, score.said)
    trial(name, 2605, score.said, score.signal)
    if needs_library("exim (dlfunc)"):
        dlfunc(made, log)
    stopped(serve, name, 2601)
    through_load(name, 2601, serve.signal)
    end(RUN + "/exim.pid")


def dlfunc(made, log):
    """The module in Exim's own process, which knows images and no policy."""
    name = "exim (dlfunc)"
    if made.returncode != 0:
        return case(name, "listed", False, made.stdout, "the module is built")
    for address, line in ((LISTED, "listed"), (LISTED6, "ipv6")):
        reply, _ = send(2602, address)
        case(name, line, "550 5.7.1 " + TEXT % (address, address) in reply, reply, address)
    for address, line in ((CLEAN, "clean"), (CLEAN6, "ipv6")):
        reply, _ = send(2602, address)
        case(name, line, reply.startswith("250"), reply, address)
    reply, _ = send(2602, LISTED, "postmaster@local.example")
    case(name, "postmaster", reply.startswith("250"), reply)
    reply, _ = send(2602, LISTED, auth=("bob", "secret"))
    case(name, "auth", reply.startswith("250"), reply)
    for port, image, what in ((2606, "old", "expired"), (2607, "broken", ""), (2608, "gone", "")):
        reply, _ = send(port, CLEAN)
        case(name, "trouble", reply.startswith("250"), reply, image + ": mail passes")
        told = wait_for(log, "rblmap: %s/img/%s.rbl: %s" % (RUN, image, what), 5)
        case(name, "trouble", told, open(log).read()[-600:], image + ": the log")
    through_load(name, 2602, lambda number: None)


def opensmtpd(serve, score):
    """Version 6.8, whose TLS does not work with Debian 12's OpenSSL, so that nobody can log in."""
    opensmtpd_in("opensmtpd", lambda: None)


def opensmtpd7(serve, score):
    """Version 7.4 of the backports, which speaks another version of the filter protocol."""
    opensmtpd_in("opensmtpd7", opensmtpd_auth)


def opensmtpd_auth():
    reply, _ = send(2702, LISTED, tls=True)
    case("opensmtpd7", "auth", reply.startswith("550"), reply, "who has not logged in is refused there")
    reply, _ = send(2702, LISTED, tls=True, auth=("bob", "secret"))
    case("opensmtpd7", "auth", reply.startswith("250"), reply, "AUTH PLAIN after STARTTLS")
    reply, _ = send(2706, LISTED, tls=True, auth=("bob", "secret"))
    case("opensmtpd7", "auth", reply.startswith("250"), reply, "the line of the page")
    reply, _ = send(2702, LISTED, tls=True, auth=("bob", "wrong"))
    case("opensmtpd7", "auth", reply.startswith("535"), reply, "a wrong password")


def opensmtpd_in(name, auth):
    where = root(name)
    log = os.path.join(DIR, "log", name + ".log")
    smtpd = start_opensmtpd(where, log)
    if not wait_port(2701):
        return case(name, "listed", False, open(log).read()[-800:], "starts")
    time.sleep(1)

    def said():
        return open(log, errors="replace").read()

    def of(config):
        return lambda number: [os.kill(pid, number) for pid in filters(config)]

    common(name, 2701, "550 5.7.1 " + TEXT, said, "opensmtpd")
    trouble(name, 2701, said)
    tagged(name, 2701, where + "/var/mail/bob")
    auth()
    mapped(name, said)
    weights(name, 2703, said)
    trial(name, 2703, said, of("score.toml"))
    no_policy(name, said)
    through_load(name, 2701, of("mail.toml"))
    filter_hung_and_killed(name, of("mail.toml"), smtpd)
    smtpd.terminate()
    smtpd.wait()
    os.unlink(os.path.join(RUN, "smtpd.pid"))


def start_opensmtpd(where, log):
    write(where + "/etc/smtpd.conf", conf("smtpd.conf"))
    write(where + "/etc/mailname", "mx.local.example\n")
    hashed = sh("chroot", where, "openssl", "passwd", "-6", "secret").stdout.strip()
    write(where + "/etc/creds", "bob %s\n" % hashed)
    os.chmod(where + "/etc/creds", 0o644)
    sh("chroot", where, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
       "-days", "30", "-subj", "/CN=mx.local.example", "-keyout", "/etc/ssl/mx.key", "-out", "/etc/ssl/mx.pem")
    os.chmod(where + "/etc/ssl/mx.key", 0o600)
    for user in ("bob", "postmaster"):
        sh("chroot", where, "useradd", "-m", user)
    if os.path.exists(RUN + "/none.toml"):
        os.unlink(RUN + "/none.toml")
    end(RUN + "/smtpd.pid")
    with open(log, "w") as out:
        smtpd = subprocess.Popen(["chroot", where, "smtpd", "-d", "-v"], stdout=out, stderr=out)
    write(os.path.join(RUN, "smtpd.pid"), str(smtpd.pid))
    return smtpd


def filters(config):
    """The filters that OpenSMTPD runs with a policy file of this run."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            words = open(path).read().split("\0")
        except OSError:
            continue
        if words[:2] == [DIR + "/rblmap", "filter"] and RUN + "/" + config in words:
            found.append(int(path.split("/")[2]))
    return found


def mapped(name, said):
    """An IPv4 client at a listener on `::` is either told as IPv4, or the socket is IPv6 only."""
    try:
        reply, _ = send(2704, LISTED)
    except ConnectionRefusedError:
        reply, _ = send(2701, LISTED)
        told = "adapter=opensmtpd action=reject client=192.0.2.1" in said()
        return case(name, "mapped", reply.startswith("550") and told, reply, "its IPv6 sockets take no IPv4 clients")
    case(name, "mapped", "client [192.0.2.1] is listed" in reply, reply)


def no_policy(name, said):
    """A filter without a policy passes all mail and says why, until there is one."""
    reply, _ = send(2705, LISTED)
    case(name, "trouble", reply.startswith("250"), reply, "no policy file: mail passes")
    case(name, "trouble", soon(lambda: "event=no-policy" in said()), said()[-600:], "no policy file: the log")
    write(RUN + "/none.toml", conf("mail.toml"))
    refused = soon(lambda: send(2705, LISTED)[0].startswith("550"), 12)
    case(name, "trouble", refused, said()[-600:], "the policy file comes: refuses")


def filter_hung_and_killed(name, signals, smtpd):
    """What the page says of a filter that hangs: the session waits; and of one that is killed: the
    server ends."""
    hung_and_waits(name, 2701, signals)
    signals(signal.SIGKILL)
    try:
        smtpd.wait(10)
        ended = True
    except subprocess.TimeoutExpired:
        ended = False
    case(name, "down", ended, what="the filter is killed: the server ends")
    smtpd = start_opensmtpd(root(name), os.path.join(DIR, "log", name + "-again.log"))
    reply = send(2701, LISTED)[0] if wait_port(2701) else "(no server)"
    case(name, "down", reply.startswith("550"), reply, "started again: refuses")
    smtpd.terminate()
    smtpd.wait()


def sendmail(serve, score):
    where = root("sendmail")
    started = start_sendmail(where)
    if not wait_port(2801):
        return case("sendmail", "listed", False, started, "starts")
    with open(where + "/run/rblmap-test.pid") as pid:
        write(os.path.join(RUN, "sendmail.pid"), pid.readline())
    common("sendmail", 2801, "550 5.7.1 <" + BOX + ">... " + TEXT, serve.said, "milter")
    trouble("sendmail", 2801, serve.said)
    tagged("sendmail", 2801, where + "/var/mail/bob")
    reply, _ = send(2801, LISTED, auth=("bob", "secret"))
    case("sendmail", "auth", reply.startswith("250"), reply, "AUTH PLAIN by SASL")
    reply, _ = send(2801, LISTED, auth=("bob", "wrong"))
    case("sendmail", "auth", reply.startswith("535"), reply, "a wrong password")
    reply, _ = send(2804, LISTED)
    case("sendmail", "mapped", "client [192.0.2.1] is listed" in reply, reply)
    weights("sendmail", 2805, score.said)
    trial("sendmail", 2805, score.said, score.signal)
    reply, took = send(2803, LISTED)
    case("sendmail", "down", reply.startswith("250") and took < 3, (reply, took), "nobody serves: passes after %.1f s" % took)
    stopped(serve, "sendmail", 2801)
    through_load("sendmail", 2801, serve.signal)
    end(RUN + "/sendmail.pid")


def start_sendmail(where):
    os.makedirs(where + "/run/rblmap", exist_ok=True)
    if not os.path.ismount(where + "/run/rblmap"):
        subprocess.run(["mount", "--bind", RUN, where + "/run/rblmap"], check=True)
    write(where + "/etc/mail/rblmap.mc", conf("sendmail.mc"))
    sasl = "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN\n"
    for folder in ("/usr/lib/sasl2", "/etc/sasl2", "/etc/mail/sasl"):
        write(where + folder + "/Sendmail.conf", sasl)
    write(where + "/etc/mail/sasl/Sendmail.conf.2", sasl)
    sh("chroot", where, "saslpasswd2", "-p", "-c", "-u", "mx.local.example", "bob", input="secret")
    script = ("cd /etc/mail && m4 rblmap.mc > rblmap.cf && echo local.example > local-host-names && newaliases; "
              "useradd -m bob; useradd -m postmaster")
    made = sh("chroot", where, "sh", "-c", script)
    end(where + "/run/rblmap-test.pid")
    started = sh("chroot", where, "/usr/sbin/sendmail", "-bd", "-C", "/etc/mail/rblmap.cf", "-q1h", "-OPidFile=/run/rblmap-test.pid")
    return made.stdout + started.stdout
