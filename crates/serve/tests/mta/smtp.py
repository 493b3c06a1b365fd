"""SMTP sessions from any address."""
import base64
import socket
import ssl
import time

from world import BOX


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


    def start_tls(self):
        answer = self.say("STARTTLS")
        if answer.startswith("220"):
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket)
            self.file = self.socket.makefile("rb")
        return answer


def send(port, source, recipient=BOX, before=(), subject="t", auth=None, sender="alice@sender.example", tls=False,
         helo="client.example"):
    """The reply to RCPT, or to the message if that was accepted, and how long it took to get there."""
    start = time.time()
    session = Smtp(port, source)
    session.say("EHLO " + helo)
    if tls:
        answer = session.start_tls()
        if not answer.startswith("220"):
            return answer, 0
        session.say("EHLO " + helo)
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
    session.socket.close()
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
