"""What holds at every mail server."""
import os
import signal
import socket
import threading
import time

from smtp import send
from world import (ALLOWED, BOTH, CLEAN, CLEAN6, DIR, LATER, LISTED, LISTED6, NEIGHBOUR6, RUN, TAGGED, TRIAL,
                   case, conf, soon, swap, wait_for, write)


def common(name, port, text, said, adapter, names=True):
    """The decisions, of which `said` gives the log so far."""
    reply, _ = send(port, LISTED)
    case(name, "listed", text % (LISTED, LISTED) in reply, reply)
    reply, _ = send(port, CLEAN)
    case(name, "clean", reply.startswith("250"), reply)
    reply, _ = send(port, ALLOWED)
    case(name, "allowed", reply.startswith("250"), reply)
    line = "adapter=%s action=allowed client=%s" % (adapter, ALLOWED)
    case(name, "allowed", soon(lambda: line in said()), said()[-600:], "the log")
    here = "listed, but allowed here (%s/run/mail.toml:" % DIR
    case(name, "allowed", soon(lambda: here in said()), said()[-600:], "file and line")
    reply, _ = send(port, LISTED, "postmaster@local.example")
    case(name, "postmaster", reply.startswith("250"), reply)
    reply, _ = send(port, LATER)
    case(name, "modes", reply.startswith("4"), reply, "defer")
    reply, _ = send(port, TRIAL)
    case(name, "modes", reply.startswith("250"), reply, "log")
    for address in (LISTED6, NEIGHBOUR6):
        reply, _ = send(port, address)
        case(name, "ipv6", text % (address, address) in reply, reply, address)
    reply, _ = send(port, CLEAN6)
    case(name, "ipv6", reply.startswith("250"), reply, CLEAN6)
    if names:
        reply, _ = send(port, CLEAN, sender="alice@mail.bad.example")
        case(name, "names", reply.startswith("550") and "[mail.bad.example] is listed in names.example" in reply, reply, "sender")
        reply, _ = send(port, CLEAN, helo="host.bad.example")
        case(name, "names", reply.startswith("550") and "[host.bad.example] is listed in names.example" in reply, reply, "HELO")


def trouble(name, port, said):
    """CLEAN is in the zone that has expired, and passes; damaged and missing ones list nobody."""
    for zone, reason in (("broken", "damaged"), ("gone", "missing"), ("old", "expired")):
        line = "event=zone-no-opinion zone=%s.example reason=%s" % (zone, reason)
        case(name, "trouble", soon(lambda: line in said()), said()[-600:], reason + ": the log")
    reply, _ = send(port, CLEAN)
    case(name, "trouble", reply.startswith("250"), reply, "mail passes")


def tagged(name, port, box, header="X-Rblmap: soft.example 127.0.0.2", source=TAGGED):
    subject = "tag-%s-%d-%d" % (name.split()[-1].strip("()"), port, os.getpid())
    reply, _ = send(port, source, subject=subject)
    wait_for(box, subject)
    # A message is written in pieces.
    soon(lambda: "\nhello" in open(box, errors="replace").read().partition(subject)[2])
    mail = open(box, errors="replace").read()
    before, _, after = mail.partition(subject)
    message = before[max(before.rfind("\nFrom alice"), 0):] + after.split("\nhello")[0]
    case(name, "tag", header in message, reply + mail[-600:])


def weights(name, port, said):
    """Zones of weight 5 and 3, and a threshold of 8."""
    reply, _ = send(port, BOTH)
    case(name, "weights", reply.startswith("550"), reply, "5 + 3")
    for one, weight in ((LISTED, "5"), (TAGGED, "3")):
        reply, _ = send(port, one)
        case(name, "weights", reply.startswith("250"), reply, weight + " alone")
    terms = "ops.example 5 + soft.example 3 = 8 >= 8 (reject)"
    case(name, "weights", soon(lambda: terms in said()), said()[-600:], "the log")


def trial(name, port, said, hang_up):
    """Trial, refusal and the way back, each by a changed file and SIGHUP; ends as it began."""
    rules = conf("score.toml")
    for mode, code in (("log", "250"), ("reject", "550"), ("log", "250"), ("reject", "550")):
        before = said().count("event=reloaded")
        write(RUN + "/score.toml", rules.replace('mode = "reject"', 'mode = "%s"' % mode))
        hang_up(signal.SIGHUP)
        case(name, "trial", soon(lambda: said().count("event=reloaded") > before), said()[-600:], mode + " is read")
        reply, _ = send(port, BOTH)
        case(name, "trial", reply.startswith(code), reply, mode + ": " + code)
    case(name, "trial", soon(lambda: "ops.example log" in said() and "action=log client=%s" % BOTH in said()), said()[-600:], "the log")
    before = said().count("event=reload-failed")
    write(RUN + "/score.toml", rules.replace("weight", "wieght", 1))
    hang_up(signal.SIGHUP)
    told = soon(lambda: said().count("event=reload-failed") > before)
    reply, _ = send(port, BOTH)
    case(name, "trial", told and reply.startswith("550"), reply, "a bad file leaves the old policy")
    before = said().count("event=reloaded")
    write(RUN + "/score.toml", rules)
    hang_up(signal.SIGHUP)
    soon(lambda: said().count("event=reloaded") > before)


def stopped(serve, name, port):
    """What the recipe promises of a daemon that is hung, stopped and started again."""
    serve.signal(signal.SIGSTOP)
    try:
        reply, hung = send(port, LISTED)
    finally:
        serve.signal(signal.SIGCONT)
    case(name, "down", reply.startswith("250") and hung < 6, (reply, hung), "hung: passes after %.1f s" % hung)
    time.sleep(0.5)
    stopped_and_started(serve, name, port)


def hung_and_waits(name, port, signals, seconds=3):
    """A session that waits for whoever hangs, and is answered when that goes on."""
    signals(signal.SIGSTOP)
    timer = threading.Timer(seconds, lambda: signals(signal.SIGCONT))
    timer.start()
    reply, took = send(port, LISTED)
    timer.join()
    waited = seconds - 0.5 < took < seconds + 3
    case(name, "down", reply.startswith("550") and waited, (reply, took), "hung: the session waits, %.1f s" % took)


def stopped_and_started(serve, name, port, down="250"):
    serve.stop()
    reply, took = send(port, LISTED)
    case(name, "down", reply.startswith(down) and took < 4, (reply, took), "stopped: %s after %.1f s" % (down, took))
    serve.start()
    reply, again = send(port, LISTED)
    case(name, "down", reply.startswith("550") and again < 4, (reply, again), "started again: refused after %.1f s" % again)


def through_load(name, port, hang_up, source=LISTED, code="550"):
    """Six clients ask the mail server on and on while images are swapped and SIGHUPs come."""
    until = time.time() + 4
    replies = []

    def client():
        while time.time() < until:
            try:
                replies.append(send(port, source))
            except OSError as error:
                replies.append((repr(error), 0))

    clients = [threading.Thread(target=client) for _ in range(6)]
    for one in clients:
        one.start()
    turns = 0
    while time.time() < until:
        hang_up(signal.SIGHUP)
        swap("ops")
        turns += 1
        time.sleep(0.2)
    for one in clients:
        one.join()
    wrong = [reply for reply in replies if not reply[0].startswith(code)]
    case(name, "load", len(replies) > 20 and turns > 10 and not wrong, (len(replies), turns, wrong[:3]),
         "%d mails, %d swaps" % (len(replies), turns))


def asked_under_load(serve):
    """Swaps and SIGHUPs while 20 connections of each kind ask: none is closed, none gets a wrong answer."""
    key = b"ops.example 192.0.2.1"
    asks = {
        "policy": (b"request=smtpd_access_policy\nprotocol_state=RCPT\nclient_address=192.0.2.1\nrecipient=bob@local.example\n\n",
                   b"action=550 5.7.1 ", b"\n\n"),
        "socketmap": (b"%d:%s," % (len(key), key), b"OK 550 5.7.1 ", b","),
    }
    sockets = []
    for path in list(asks) * 20:
        one = socket.socket(socket.AF_UNIX)
        one.settimeout(10)
        one.connect(RUN + "/" + path)
        sockets.append((one, asks[path]))
    wrong = closed = asked = step = 0
    end = time.time() + 4
    while time.time() < end:
        step += 1
        if step % 20 == 0:
            serve.signal(signal.SIGHUP)
        if step % 30 == 0:
            swap("ops")
        for one, (ask, _, _) in sockets:
            one.sendall(ask)
        for one, (_, text, last) in sockets:
            answer = b""
            try:
                while not answer.endswith(last):
                    more = one.recv(4096)
                    answer += more
                    if not more:
                        break
            except OSError:
                pass
            asked += 1
            closed += not answer.endswith(last)
            wrong += answer.endswith(last) and text not in answer
    case("postfix (sockets)", "load", (wrong, closed) == (0, 0), (wrong, closed), "%d asked on 40 connections" % asked)


def keeps_old_image(serve, name, port):
    """A damaged file in the place of an image that serves: the old one goes on."""
    image = os.path.join(RUN, "img", "ops.rbl")
    good = open(image, "rb").read()
    with open(image + ".new", "wb") as file:
        file.write(good[:len(good) // 2])
    os.rename(image + ".new", image)
    told = soon(lambda: "event=zone-keeps-old-image zone=ops.example" in serve.said(), 15)
    reply, _ = send(port, LISTED)
    case(name, "trouble", told and reply.startswith("550"), (reply, serve.said()[-600:]), "damaged while it serves: the old one answers")
    with open(image + ".new", "wb") as file:
        file.write(good)
    os.rename(image + ".new", image)
