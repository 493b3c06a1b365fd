//! Lines that say whom a message was for, and which message was whose. Several lines make a message:
//! it has an id, which these steps share.

use std::net::IpAddr;

use crate::log::fields::{after, word};
use crate::log::journal::{self, Inside};
use crate::log::line::{Event, Line, What};
use crate::log::syslog::Tagged;
use crate::log::{PREFIX_LIMIT, exim, opensmtpd, postfix, rspamd, sendmail};

/// What one line says of a message. Ids are hashes of what the log calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mail<'l> {
    /// The message `id` is from this client.
    From(u64, IpAddr),
    /// The message `id` is from somebody of whom no list is asked.
    Apart(u64),
    /// The message `id` is for a recipient; a second number tells the messages of one session apart.
    To(u64, u64, &'l [u8]),
    /// No more will be said of `id`.
    Done(u64),
    /// A client was refused, who wrote to this recipient.
    Refused(IpAddr, &'l [u8]),
    /// A message of a client for this recipient, all in one line.
    Whole(IpAddr, &'l [u8]),
}

/// Gives `see` what a line says of messages and recipients, mostly nothing. Linear in its length.
pub(crate) fn read(line: &[u8], see: &mut dyn FnMut(Mail<'_>)) {
    if let Some(tagged) = Tagged::find(line) {
        return of_program(tagged, see);
    }
    untagged(line.trim_ascii(), true, see);
}

fn untagged(line: &[u8], outermost: bool, see: &mut dyn FnMut(Mail<'_>)) {
    if line.first() == Some(&b'{') {
        return match journal::read(line) {
            Inside::Message { program, message } => of_program(
                Tagged {
                    program: &program,
                    message: &message,
                },
                see,
            ),
            Inside::Line(inner) if outermost => match Tagged::find(&inner) {
                Some(tagged) => of_program(tagged, see),
                None => untagged(&inner, false, see),
            },
            Inside::Line(_) | Inside::Other | Inside::Unread => {}
        };
    }
    if let Some(rest) = exim::dated(line) {
        return match rest.first() {
            Some(b'#') => of_rspamd(rest, see),
            _ => of_exim(rest, see),
        };
    }
    let prefix = line.get(..PREFIX_LIMIT.min(line.len())).unwrap_or(line);
    let inner = [&b" | "[..], b" stdout F ", b" stderr F "]
        .into_iter()
        .find_map(|mark| Some(memchr::memmem::find(prefix, mark)? + mark.len()));
    if let Some(inner) = inner.and_then(|at| line.get(at..)).filter(|_| outermost) {
        untagged(inner.trim_ascii(), false, see);
    }
}

fn of_program(tagged: Tagged<'_>, see: &mut dyn FnMut(Mail<'_>)) {
    if let Some(slash) = memchr::memrchr(b'/', tagged.program) {
        let (instance, service) = tagged.program.split_at(slash + 1);
        return of_postfix(instance, service, tagged.message, see);
    }
    match tagged.program {
        b"smtpd" => of_opensmtpd(tagged.message, see),
        b"sm-mta" | b"sendmail" | b"sm-mta-in" => of_sendmail(tagged.message, see),
        b"rspamd" => of_rspamd(tagged.message, see),
        b"exim" | b"exim4" => of_exim(exim::without_date(tagged.message), see),
        _ => {}
    }
}

fn of_postfix(instance: &[u8], service: &[u8], message: &[u8], see: &mut dyn FnMut(Mail<'_>)) {
    let (first, rest) = word(message);
    let Some(id) = first.strip_suffix(b":") else {
        return;
    };
    let id = hash(id);
    if rest.starts_with(b"client=") {
        return arrival(id, postfix::read(instance, service, message), see);
    }
    if let Some(to) = rest.strip_prefix(b"to=<") {
        // What the client asked for, before an alias or a list made other addresses of it.
        let asked = enclosed(to).and_then(|(_, rest)| rest.strip_prefix(b", orig_to=<"));
        if let Some((to, _)) = enclosed(asked.unwrap_or(to)) {
            see(Mail::To(id, 0, to));
        }
        return;
    }
    if rest == b"removed" {
        return see(Mail::Done(id));
    }
    if rest.starts_with(b"uid=") {
        return see(Mail::Apart(id));
    }
    if rest.starts_with(b"reject: ") || rest.starts_with(b"milter-reject: ") {
        let read = postfix::read(instance, service, message);
        let envelope = after(rest, b"; from=<").and_then(|sender| after(sender, b" to=<"));
        refusal(read, envelope, see);
    }
}

fn of_exim(text: &[u8], see: &mut dyn FnMut(Mail<'_>)) {
    let (first, rest) = word(text);
    if let Some(at) = memchr::memmem::find(text, b" rejected RCPT ") {
        let to = text.get(at + 15..).unwrap_or_default();
        return refusal(
            exim::after_date(text),
            Some(to.strip_prefix(b"<").unwrap_or(to)),
            see,
        );
    }
    let id = hash(first);
    if rest.starts_with(b"<= ") {
        return arrival(id, exim::after_date(text), see);
    }
    if rest == b"Completed" || rest.starts_with(b"Completed ") {
        return see(Mail::Done(id));
    }
    // => delivered, -> to another address alike, ** failed: the first word, or what it was for.
    let (kind, rest) = word(rest);
    if matches!(kind, b"=>" | b"->" | b"**") {
        let (to, rest) = word(rest);
        let asked = rest.strip_prefix(b"<").and_then(enclosed);
        see(Mail::To(id, 0, asked.map_or(to, |(asked, _)| asked)));
    }
}

fn of_sendmail(message: &[u8], see: &mut dyn FnMut(Mail<'_>)) {
    let (first, rest) = word(message);
    let (id, rest) = match first.strip_suffix(b":") {
        Some(id) => (hash(id), rest),
        None => (0, message),
    };
    if rest.starts_with(b"from=") {
        return arrival(id, sendmail::read(message), see);
    }
    if let Some(to) = rest.strip_prefix(b"to=") {
        let end = memchr::memmem::find(to, b", ").unwrap_or(to.len());
        for to in to
            .get(..end)
            .unwrap_or_default()
            .split(|&byte| byte == b',')
        {
            see(Mail::To(id, 0, bare(to)));
        }
    } else if let Some(to) = after(rest, b"ruleset=check_rcpt, arg1=") {
        let end = memchr::memmem::find(to, b", ").unwrap_or(to.len());
        let to = bare(to.get(..end).unwrap_or_default());
        if let Some(client) = client(sendmail::read(message)) {
            see(Mail::Refused(client, to));
        }
    }
}

/// The session has the client, and each of its envelopes a message id of its own.
fn of_opensmtpd(message: &[u8], see: &mut dyn FnMut(Mail<'_>)) {
    use crate::log::line::Step;
    let (id, rest) = word(message);
    let step = opensmtpd::read(message);
    if let Line::Session(session, step) = step {
        return match step {
            Step::Connected(client) => see(Mail::From(session, client)),
            Step::Authenticated => see(Mail::Apart(session)),
            Step::Ended => see(Mail::Done(session)),
            Step::Accepted | Step::Refused => {}
        };
    }
    let Some(envelope) = rest.strip_prefix(b"smtp envelope evpid=") else {
        return;
    };
    let session = std::str::from_utf8(id).ok();
    let session = session.and_then(|id| u64::from_str_radix(id, 16).ok());
    let to = after(envelope, b" to=<").and_then(enclosed);
    if let (Some(session), Some((to, _))) = (session, to) {
        // The first half of an envelope's id is that of its message.
        see(Mail::To(
            session,
            hash(envelope.get(..8).unwrap_or(envelope)),
            to,
        ));
    }
}

fn of_rspamd(message: &[u8], see: &mut dyn FnMut(Mail<'_>)) {
    let Line::Event(Event { client, what }) = rspamd::read(message) else {
        return;
    };
    let mut rest = after(message, b", rcpts: ").unwrap_or_default();
    while let Some((to, more)) = rest.strip_prefix(b"<").and_then(enclosed) {
        see(match what {
            What::ConnectRefused => Mail::Refused(client, to),
            _ => Mail::Whole(client, to),
        });
        rest = more.strip_prefix(b",").unwrap_or_default();
    }
}

/// A message begins: it is a client's, or of nobody who is asked about.
fn arrival(id: u64, line: Line, see: &mut dyn FnMut(Mail<'_>)) {
    match line {
        Line::Event(Event { client, .. }) => see(Mail::From(id, client)),
        _ => see(Mail::Apart(id)),
    }
}

fn refusal(line: Line, to: Option<&[u8]>, see: &mut dyn FnMut(Mail<'_>)) {
    if let (Some(client), Some((to, _))) = (client(line), to.and_then(enclosed)) {
        see(Mail::Refused(client, to));
    }
}

fn client(line: Line) -> Option<IpAddr> {
    match line {
        Line::Event(Event { client, .. }) => Some(client),
        _ => None,
    }
}

/// What stands before the next `>`, and what follows it.
fn enclosed(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'>', text)?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

fn bare(to: &[u8]) -> &[u8] {
    let to = to.strip_prefix(b"<").unwrap_or(to);
    to.strip_suffix(b">").unwrap_or(to)
}

/// FNV-1a: the same in every part of a log. Ids are the host's own, so nobody chooses them to collide.
fn hash(id: &[u8]) -> u64 {
    let begin = 0xcbf2_9ce4_8422_2325;
    id.iter().fold(begin, |hash: u64, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(lines: &[&str]) -> Vec<String> {
        let mut said = Vec::new();
        for line in lines {
            read(line.as_bytes(), &mut |mail| {
                said.push(match mail {
                    Mail::From(_, client) => format!("from {client}"),
                    Mail::Apart(_) => "apart".to_owned(),
                    Mail::To(_, _, to) => format!("to {}", String::from_utf8_lossy(to)),
                    Mail::Done(_) => "done".to_owned(),
                    Mail::Refused(client, to) => {
                        format!("{client} refused {}", String::from_utf8_lossy(to))
                    }
                    Mail::Whole(client, to) => {
                        format!("{client} to {}", String::from_utf8_lossy(to))
                    }
                });
            });
        }
        said
    }

    #[test]
    fn postfix() {
        let found = said(&[
            "Nov 28 17:45:19 mx postfix/smtpd[1]: 4bX1: client=a.example[192.0.2.1]",
            "Nov 28 17:45:19 mx postfix/qmgr[2]: 4bX1: from=<a@b>, size=1, nrcpt=1 (queue active)",
            "Nov 28 17:45:19 mx postfix/lmtp[2]: 4bX1: to=<c@mx>, orig_to=<c@d>, relay=x, status=sent (ok)",
            "postfix-1  | Nov 28 17:45:19 mx postfix/qmgr[2]: 4bX1: removed",
            "Nov 28 17:45:19 mx postfix/submission/smtpd[1]: 4bX2: client=u[192.0.2.2], sasl_method=PLAIN, sasl_username=u",
            "Nov 28 17:45:19 mx postfix/pickup[1]: 4bX3: uid=0 from=<root>",
            "Nov 28 17:45:20 mx postfix/smtpd[1]: NOQUEUE: reject: RCPT from a.example[192.0.2.1]: 550 5.1.1 no; from=<a@b> to=<c@d> proto=ESMTP helo=<x to=<y>>",
            "Nov 28 17:45:20 mx postfix/postscreen[1]: NOQUEUE: reject: RCPT from [192.0.2.3]:99: 550 no; from=<a@b>, to=<e@d>, proto=ESMTP, helo=<x>",
        ]);
        let expected = [
            "from 192.0.2.1",
            "to c@d",
            "done",
            "apart",
            "apart",
            "192.0.2.1 refused c@d",
            "192.0.2.3 refused e@d",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn exim_and_sendmail() {
        let found = said(&[
            "2026-11-28 17:45:19 1vOabc-000000001AB-0Cd2 <= a@example.org H=mail.example.net [192.0.2.1]:9 P=esmtps S=1",
            "2026-11-28 17:45:19 1vOabc-000000001AB-0Cd2 => c <c@example.com> R=local T=local",
            "2026-11-28 17:45:19 1vOabc-000000001AB-0Cd2 -> d@example.com R=r T=t",
            "2026-11-28 17:45:19 1vOabc-000000001AB-0Cd2 Completed",
            "2026-11-28 17:45:19 H=(helo) [192.0.2.1] F=<a@example.org> rejected RCPT <b@example.com>: host is listed",
            "Nov 28 17:45:19 mx sm-mta[77]: 4ASHjJ012345: from=<a@example.org>, size=900, class=0, nrcpts=1, daemon=MTA, relay=mail.example.net [192.0.2.1]",
            "Nov 28 17:45:19 mx sm-mta[77]: 4ASHjJ012345: to=<c@example.com>,<d@example.com>, delay=00:00:01, stat=Sent",
            "Nov 28 17:45:19 mx sm-mta[77]: 4ASHjJ012346: ruleset=check_rcpt, arg1=<b@example.com>, relay=x [192.0.2.1], reject=550 5.7.1 no",
        ]);
        let expected = [
            "from 192.0.2.1",
            "to c@example.com",
            "to d@example.com",
            "done",
            "192.0.2.1 refused b@example.com",
            "from 192.0.2.1",
            "to c@example.com",
            "to d@example.com",
            "192.0.2.1 refused b@example.com",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn opensmtpd_rspamd_and_journald() {
        let found = said(&[
            "Nov 28 17:45:19 mx smtpd[752]: 5df87c903d709659 smtp connected address=192.0.2.1 host=x",
            "Nov 28 17:45:19 mx smtpd[752]: 5df87c903d709659 smtp envelope evpid=c405e39a00000001 from=<a@b> to=<c@d>",
            "Nov 28 17:45:19 mx smtpd[752]: 5df87c903d709659 smtp disconnected reason=quit",
            "2026-11-28 17:45:19 #38(normal) <73b3a9>; task; rspamd_task_write_log: id: <x@y>, qid: <4bX>, ip: 192.0.2.1, from: <a@example.org>, (default: F (no action): [0/15] []), len: 1, rcpts: <c@d>,<e@d>, mime_rcpts: <f@d>",
            r#"{"SYSLOG_IDENTIFIER":"postfix/smtpd","MESSAGE":"4bX1: client=a.example[192.0.2.1]"}"#,
            "no line of any log",
        ]);
        let expected = [
            "from 192.0.2.1",
            "to c@d",
            "done",
            "192.0.2.1 to c@d",
            "192.0.2.1 to e@d",
            "from 192.0.2.1",
        ];
        assert_eq!(found, expected);
    }
}
