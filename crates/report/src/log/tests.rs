//! Lines as the programs write them. Where a form is not of the program's own documentation, the
//! comment says where it is from.

use std::net::IpAddr;

use super::{Apart, Event, Line, Step, What, read};

fn says(client: &str, what: What) -> Line {
    let client: IpAddr = client.parse().unwrap();
    Line::Event(Event { client, what })
}

fn check(cases: &[(&str, Line)]) {
    for (line, expected) in cases {
        assert_eq!(read(line.as_bytes()), *expected, "{line}");
    }
}

const A: &str = "192.0.2.1";

#[test]
fn postfix() {
    check(&[
        (
            "Nov 28 17:45:19 mx1 postfix/smtpd[4711]: connect from mail.example.net[192.0.2.1]",
            says(A, What::Connect),
        ),
        (
            "2026-11-28T17:45:19.123456+00:00 mx1 postfix/smtpd[4711]: 4bXyZ12abCz1kF: client=mail.example.net[2001:db8::25]",
            says("2001:db8::25", What::Accepted),
        ),
        (
            "Nov 28 17:45:19 mx1 postfix/submission/smtpd[4712]: 4bXyZ12abDz1kF: client=unknown[198.51.100.7], sasl_method=PLAIN, sasl_username=u@example.org",
            Line::Apart(Apart::Authenticated),
        ),
        (
            "Nov 28 17:45:19 mx1 postfix/smtpd[4712]: 4bXyZ12abDz1kF: client=unknown[198.51.100.7], sasl_method=PLAIN, sasl_username=u@example.org",
            Line::Apart(Apart::Authenticated),
        ),
        (
            "Nov 28 17:45:19 mx1 postfix/smtpd[4711]: 4bX: client=localhost[127.0.0.1], orig_queue_id=4bY, orig_client=mail.example.net[192.0.2.1]",
            Line::Apart(Apart::Reinjected),
        ),
    ]);
}

#[test]
fn refusals_and_ends_of_postfix() {
    check(&[
        (
            "Nov 28 17:45:19 mx1 postfix/smtpd[4711]: NOQUEUE: reject: RCPT from unknown[203.0.113.7]: 554 5.7.1 Service unavailable; Client host [203.0.113.7] blocked using zen.example; from=<a@b> to=<c@d> proto=ESMTP helo=<x>",
            says("203.0.113.7", What::Refused),
        ),
        (
            "Nov 28 17:45:19 mx1 postfix/cleanup[99]: 4bX: milter-reject: END-OF-MESSAGE from mail.example.net[192.0.2.1]: 5.7.1 Spam; from=<a@b> to=<c@d>",
            says(A, What::Withdrawn),
        ),
        (
            "Nov 28 17:45:19 mx1 postfix/smtpd[99]: 4bX: milter-reject: DATA from mail.example.net[192.0.2.1]: 550 5.7.1 no; from=<a@b>",
            says(A, What::Refused),
        ),
        (
            "Nov 28 17:45:19 mx1 postfix/smtpd[4711]: disconnect from mail.example.net[192.0.2.1] ehlo=2 starttls=1 auth=1 mail=1 rcpt=1 data=1 quit=1 commands=8",
            says(A, What::EndedAuthenticated),
        ),
        (
            "Nov 28 17:45:19 mx1 postfix/smtpd[4711]: disconnect from unknown[192.0.2.1] ehlo=1 auth=0/3 commands=1/4",
            Line::Other,
        ),
    ]);
}

#[test]
fn clients_of_postfix_that_do_not_count() {
    check(&[
        (
            "Nov 28 17:45:19 mx1 postfix/smtpd[1]: connect from unknown[unknown]",
            Line::Apart(Apart::NoAddress),
        ),
        (
            "Nov 28 17:45:19 mx1 postfix/smtps/smtpd[1]: connect from unknown[192.0.2.1]",
            Line::Apart(Apart::Authenticated),
        ),
        (
            "Nov 28 17:45:19 mx1 postfix/smtp[2]: connect to mx.example[192.0.2.9]:25: Connection refused",
            Line::Other,
        ),
        (
            "postfix-1  | Nov 28 17:45:19 a44759f postfix/smtpd[372]: connect from mail.example.net[192.0.2.1]",
            says(A, What::Connect),
        ),
        (
            "Nov 28 17:45:19 mx1 postfix/qmgr[991]: 4bX: from=<a@b>, size=1, nrcpt=1 (queue active)",
            Line::Other,
        ),
        (
            "Nov 28 17:45:19 mx1 postfix/smtpd[1]: connect from broken[192.0.2.",
            Line::Unread,
        ),
        (
            "Nov 28 17:45:19 mx1 postfix/smtpd[1]: warning: hostname x.example does not resolve to address 192.0.2.1",
            Line::Other,
        ),
        (
            "Nov 28 17:45:19 mx1 postfix/smtpd[1]: lost connection after EHLO from mail.example.net[192.0.2.1]",
            Line::Other,
        ),
    ]);
}

#[test]
fn postscreen() {
    check(&[
        (
            "Nov 28 17:45:19 mx1 postfix/postscreen[99]: CONNECT from [192.0.2.1]:51234 to [198.51.100.25]:25",
            says(A, What::Screened),
        ),
        (
            "Nov 28 17:45:19 mx1 postfix/postscreen[99]: PASS OLD [192.0.2.1]:51234",
            says(A, What::ScreenPassed),
        ),
        (
            "Nov 28 17:45:19 mx1 postfix/postscreen[99]: PASS NEW [2001:db8::1]:51234",
            says("2001:db8::1", What::ScreenPassed),
        ),
        (
            "Nov 28 17:45:19 mx1 postfix/postscreen[99]: DISCONNECT [192.0.2.1]:51234",
            says(A, What::ScreenEnded),
        ),
        (
            "Nov 28 17:45:19 mx1 postfix/postscreen[99]: NOQUEUE: reject: RCPT from [192.0.2.1]:51234: 550 5.7.1 Service unavailable; client [192.0.2.1] blocked using zen.example; from=<a@b>, to=<c@d>, proto=ESMTP, helo=<x>",
            says(A, What::Refused),
        ),
        (
            "Nov 28 17:45:19 mx1 postfix/postscreen[99]: PREGREET 11 after 0.1 from [192.0.2.1]:51234: EHLO ylmf-pc\\r\\n",
            Line::Other,
        ),
        (
            "Nov 28 17:45:19 mx1 postfix/postscreen[99]: DNSBL rank 5 for [192.0.2.1]:51234",
            Line::Other,
        ),
    ]);
}

#[test]
fn exim() {
    check(&[
        (
            "2026-11-28 17:45:19 1vOabc-000000001AB-0Cd2 <= a@example.org H=mail.example.net (helo) [192.0.2.1]:39926 I=[198.51.100.25]:25 P=esmtps S=1364",
            says(A, What::AcceptedUnopened),
        ),
        (
            "2026-11-28 17:45:19 1vOabc-0001AB-2x <= a@example.org H=([198.51.100.9]) [192.0.2.1] P=esmtp S=1",
            says(A, What::AcceptedUnopened),
        ),
        (
            "2026-11-28 17:45:19 1vOabc-000000001AB-0Cd2 <= a@example.org H=mail.example.net [192.0.2.1]:39926 P=esmtpsa A=plain:user S=1364",
            Line::Apart(Apart::Authenticated),
        ),
        (
            "2026-11-28 17:45:19 1vOabc-000000001AB-0Cd2 <= \"x H=[198.51.100.1]\"@example.org H=mail.example.net [192.0.2.1] P=esmtp",
            says(A, What::AcceptedUnopened),
        ),
        (
            "2026-11-28 17:45:19 1vOabc-000000001AB-0Cd2 <= root@example.org U=root P=local S=400",
            Line::Other,
        ),
        (
            "2026-11-28 17:45:19 H=(helo) [192.0.2.1] F=<a@example.org> rejected RCPT <b@example.com>: host is listed in zen.example",
            says(A, What::RefusedUnopened),
        ),
        (
            "2026-11-28 17:45:19 H=(helo) [192.0.2.1]:4711 F=<a@example.org> temporarily rejected RCPT <b@example.com>: greylisted",
            says(A, What::RefusedUnopened),
        ),
        (
            "2026-11-28 17:45:19 SMTP connection from [192.0.2.1]:4711 (TCP/IP connection count = 1)",
            says(A, What::Opened),
        ),
        (
            "2026-11-28 17:45:19 +0100 [4711] SMTP connection from [2001:db8::1]:4711 I=[2001:db8::2]:25 (TCP/IP connection count = 1)",
            says("2001:db8::1", What::Opened),
        ),
        (
            "2026-11-28 17:45:19 SMTP connection from mail.example.net [192.0.2.1]:4711 closed by QUIT",
            Line::Other,
        ),
        (
            "2026-11-28 17:45:19 1vOabc-000000001AB-0Cd2 => b@example.com R=dnslookup T=remote_smtp H=mx.example [198.51.100.1]",
            Line::Other,
        ),
        ("2026-11-28 17:45:19 Start queue run: pid=1", Line::Other),
        (
            "exim-1 | 2026-11-28 17:45:19 SMTP connection from [192.0.2.1]:4711 (TCP/IP connection count = 1)",
            says(A, What::Opened),
        ),
    ]);
}

#[test]
fn sendmail() {
    check(&[
        (
            "Nov 28 17:45:19 mx sm-mta[77]: 4ASHjJ012345: from=<a@example.org>, size=900, class=0, nrcpts=1, msgid=<x@y>, proto=ESMTP, daemon=MTA, relay=mail.example.net [192.0.2.1] (may be forged)",
            says(A, What::AcceptedUnopened),
        ),
        (
            "Nov 28 17:45:19 mx sm-mta[77]: 4ASHjJ012345: from=<a@example.org>, size=900, class=0, nrcpts=0, proto=ESMTP, daemon=MTA, relay=[IPv6:2001:db8::1]",
            says("2001:db8::1", What::NothingUnopened),
        ),
        (
            "Nov 28 17:45:19 mx sm-mta[77]: 4ASHjJ012345: from=<a@example.org>, size=900, class=0, nrcpts=1, daemon=MSA, relay=mail.example.net [192.0.2.1]",
            Line::Apart(Apart::Authenticated),
        ),
        (
            "Nov 28 17:45:19 mx sm-mta[77]: ruleset=check_relay, arg1=mail.example.net, arg2=192.0.2.1, relay=mail.example.net [192.0.2.1], reject=554 5.7.1 Rejected",
            says(A, What::RefusedUnopened),
        ),
        (
            "Nov 28 17:45:19 mx sm-mta[77]: 4ASHjJ012345: ruleset=check_rcpt, arg1=<b@example.com>, relay=mail.example.net [192.0.2.1], reject=550 5.7.1 no",
            says(A, What::Refused),
        ),
        (
            "Nov 28 17:45:19 mx sm-mta[77]: 4ASHjJ012345: from=root, size=1, class=0, nrcpts=1, relay=root@localhost",
            Line::Apart(Apart::NoAddress),
        ),
        (
            "Nov 28 17:45:19 mx sm-mta[77]: NOQUEUE: connect from mail.example.net [192.0.2.1]",
            says(A, What::Opened),
        ),
        (
            "Nov 28 17:45:19 mx sm-mta[77]: 4ASHjJ012345: to=<b@example.com>, delay=00:00:01, stat=Sent",
            Line::Other,
        ),
    ]);
}

#[test]
fn opensmtpd() {
    let session = 0x5df8_7c90_3d70_9659;
    check(&[
        (
            "Nov 28 17:45:19 mx smtpd[752]: 5df87c903d709659 smtp connected address=192.0.2.1 host=mail.example.net",
            Line::Session(session, Step::Connected(A.parse().unwrap())),
        ),
        (
            "Nov 28 17:45:19 mx smtpd[752]: 5df87c903d709659 smtp connected address=[2001:db8::1] host=mail.example.net",
            Line::Session(session, Step::Connected("2001:db8::1".parse().unwrap())),
        ),
        (
            "Nov 28 17:45:19 mx smtpd[752]: 5df87c903d709659 smtp message msgid=c405e39a size=303 nrcpt=1 proto=ESMTP",
            Line::Session(session, Step::Accepted),
        ),
        (
            "Nov 28 17:45:19 mx smtpd[752]: 5df87c903d709659 smtp failed-command command=\"RCPT TO:<b@example.com>\" result=\"550 no\"",
            Line::Session(session, Step::Refused),
        ),
        (
            "Nov 28 17:45:19 mx smtpd[752]: 5df87c903d709659 smtp disconnected reason=quit",
            Line::Session(session, Step::Ended),
        ),
        (
            "Nov 28 17:45:19 mx smtpd[752]: 5df87c903d709659 smtp authentication user=u address=192.0.2.1 host=x result=ok",
            Line::Session(session, Step::Authenticated),
        ),
        (
            "Nov 28 17:45:19 mx smtpd[752]: 5df87c903d709659 smtp connected address=local host=mx",
            Line::Apart(Apart::NoAddress),
        ),
        (
            "Nov 28 17:45:19 mx smtpd[752]: info: OpenSMTPD 7 starting",
            Line::Other,
        ),
    ]);
}

#[test]
fn rspamd() {
    let task = "2026-11-28 17:45:19 #38(normal) <73b3a9>; task; rspamd_task_write_log: ";
    let lines = [
        (
            "id: <x@y>, qid: <4bX>, ip: 192.0.2.1, from: <a@example.org>, (default: F (no action): [-0.50/15.00] [A(0.1){}]), len: 3",
            says(A, What::ConnectAccepted),
        ),
        (
            "id: <x, ip: 198.51.100.1, @y>, qid: <4bX>, ip: 2001:db8::1, from: <a@example.org>, (default: T (reject): [20.0/15.00] []), len: 3",
            says("2001:db8::1", What::ConnectRefused),
        ),
        (
            "id: <x@y>, ip: 192.0.2.1, user: u@example.org, from: <a@example.org>, (default: F (no action): [0/15] [])",
            Line::Apart(Apart::Authenticated),
        ),
    ];
    for (rest, expected) in lines {
        assert_eq!(read(format!("{task}{rest}").as_bytes()), expected, "{rest}");
    }
    check(&[(
        "2026-11-28 17:45:19 #38(normal) <73b3a9>; lua; greylist.lua:1: x",
        Line::Other,
    )]);
}

#[test]
fn journald_and_containers() {
    check(&[
        (
            r#"{"__REALTIME_TIMESTAMP":"1790000000000000","SYSLOG_IDENTIFIER":"postfix/smtpd","MESSAGE":"connect from mail.example.net[192.0.2.1]"}"#,
            says(A, What::Connect),
        ),
        (
            r#"{ "MESSAGE" : "4b\u0041: client=mail.example.net[192.0.2.1]", "A":"MESSAGE", "SYSLOG_IDENTIFIER" : "postfix/smtpd" }"#,
            says(A, What::Accepted),
        ),
        (
            r#"{"SYSLOG_IDENTIFIER":"postfix/smtpd","MESSAGE":[99,111,110,110,101,99,116,32,102,114,111,109,32,97,91,49,57,50,46,48,46,50,46,49,93]}"#,
            says(A, What::Connect),
        ),
        (
            r#"{"SYSLOG_IDENTIFIER":"sshd","MESSAGE":"connect from [1.2.3.4]"}"#,
            Line::Other,
        ),
        (
            r#"{"SYSLOG_IDENTIFIER":"x","A":"\"MESSAGE\":\"connect\"","MESSAGE":null}"#,
            Line::Unread,
        ),
        (
            r#"{"log":"Nov 28 17:45:19 x postfix/smtpd[1]: connect from a[192.0.2.1]\n","stream":"stdout"}"#,
            says(A, What::Connect),
        ),
        (r#"{"a":1}"#, Line::Unread),
    ]);
}

#[test]
fn addresses_and_others() {
    check(&[
        ("192.0.2.1", says(A, What::Connect)),
        ("192.0.2.1\r", says(A, What::Connect)),
        ("192.0.2.1:4711", says(A, What::Connect)),
        ("::ffff:192.0.2.1", says(A, What::Connect)),
        ("[2001:db8::1]:25", says("2001:db8::1", What::Connect)),
        ("2001:db8::1", says("2001:db8::1", What::Connect)),
        ("", Line::Other),
        ("# a comment", Line::Other),
        ("192.0.2.256", Line::Unread),
        ("192.0.2.1 and more", Line::Unread),
        ("mail.example.net", Line::Unread),
        ("Nov 28 17:45:19 mx kernel: something", Line::Other),
        ("Nov 28 17:45:19 mx dovecot[12]: imap-login: x", Line::Other),
    ]);
}

#[test]
fn no_line_makes_it_panic() {
    let mut random = fastrand::Rng::with_seed(26);
    let parts: &[&[u8]] = &[
        b"postfix/smtpd[1]: ",
        b"connect from ",
        b"[",
        b"]",
        b"client=",
        b"192.0.2.1",
        b"]: ",
        b"NOQUEUE: reject: RCPT from ",
        b"{\"MESSAGE\":",
        b"\"",
        b"\\",
        b"2026-11-28 17:45:19 ",
        b"H=",
        b"(",
        b") [",
        b"1vOabc-000000001AB-0Cd2 ",
        b"<= ",
        b"sm-mta[1]: ",
        b"from=",
        b", relay=",
        b"smtpd[1]: 5df87c903d709659 smtp ",
        b"connected address=",
        b"#1(x) ",
        b"rspamd_task_write_log: ",
        b">, ",
        b"ip: ",
        b" ",
        b"\xff",
        b"::",
        b"%",
    ];
    for _ in 0..200_000 {
        let count = random.usize(0..8);
        let line: Vec<u8> = (0..count)
            .flat_map(|_| parts[random.usize(..parts.len())])
            .copied()
            .collect();
        read(&line);
    }
}
