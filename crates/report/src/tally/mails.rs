//! Messages and refusals by recipient. Kept only on request: it is more than a count by client, and
//! says who gets mail from whom.

use std::net::IpAddr;

use hashbrown::HashMap;

use crate::log::Mail;

/// What recipients got from clients.
#[derive(Debug, Default)]
pub(super) struct Mails {
    names: Names,
    /// Messages of which not all lines have come.
    open: HashMap<u64, Message>,
    /// Lines about messages whose first ones are in an earlier part of the log.
    rests: Vec<(u64, Message)>,
    pairs: HashMap<Pair, Mailed>,
}

/// Recipients, each with a number.
#[derive(Debug, Default)]
struct Names {
    texts: Vec<Box<[u8]>>,
    numbers: HashMap<Box<[u8]>, u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Pair {
    client: IpAddr,
    recipient: u32,
}

/// What one client sent to one recipient.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Mailed {
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
}

/// What is known of a message.
#[derive(Debug, Default)]
struct Message {
    client: Option<IpAddr>,
    /// No list is asked about who sent it.
    apart: bool,
    done: bool,
    to: Vec<Delivery>,
}

/// A recipient is told several times where a delivery is tried several times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Delivery {
    recipient: u32,
    /// Which message of a session it was.
    message: u64,
}

impl Names {
    fn number(&mut self, name: &[u8]) -> u32 {
        let name = name.to_ascii_lowercase().into_boxed_slice();
        let next = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(name).or_insert_with_key(|name| {
            self.texts.push(name.clone());
            next
        })
    }

    fn text(&self, number: u32) -> &[u8] {
        let text = self.texts.get(number as usize);
        text.map_or(&[], |text| text)
    }
}

impl Message {
    fn join(&mut self, more: Message) {
        self.client = self.client.or(more.client);
        self.apart |= more.apart;
        self.done |= more.done;
        for delivery in more.to {
            self.add(delivery);
        }
    }

    fn add(&mut self, delivery: Delivery) {
        if !self.to.contains(&delivery) {
            self.to.push(delivery);
        }
    }

    fn is_whole(&self) -> bool {
        self.done && (self.client.is_some() || self.apart)
    }
}

impl Mails {
    /// Counts what one line says. All lines of a message lie between its first and its last: if
    /// this part of the log has both, no other part knows more.
    pub(super) fn line(&mut self, line: &[u8]) {
        crate::log::read_mail(line, &mut |mail| self.step(mail));
    }

    fn step(&mut self, mail: Mail<'_>) {
        let mut more = Message::default();
        let id = match mail {
            Mail::From(id, client) => {
                more.client = Some(client);
                id
            }
            Mail::Apart(id) => {
                more.apart = true;
                id
            }
            Mail::To(id, message, to) => {
                let recipient = self.names.number(to);
                more.to.push(Delivery { recipient, message });
                id
            }
            Mail::Done(id) => {
                more.done = true;
                id
            }
            Mail::Refused(client, to) => return self.mailed(client, to, 0, 1),
            Mail::Whole(client, to) => return self.mailed(client, to, 1, 0),
        };
        let begins = more.client.is_some() || more.apart;
        if begins && self.open.get(&id).is_some_and(|message| message.done) {
            // A host may use an id again: what was known is the end of another message.
            self.rests.extend(self.open.remove_entry(&id));
        }
        self.join(id, more);
    }

    fn mailed(&mut self, client: IpAddr, to: &[u8], accepted: u64, refused: u64) {
        let recipient = self.names.number(to);
        let pair = self.pairs.entry(Pair { client, recipient }).or_default();
        pair.accepted += accepted;
        pair.refused += refused;
    }

    fn join(&mut self, id: u64, more: Message) {
        let message = self.open.entry(id).or_default();
        message.join(more);
        if message.is_whole()
            && let Some(message) = self.open.remove(&id)
        {
            self.settle(&message);
        }
    }

    fn settle(&mut self, message: &Message) {
        let Some(client) = message.client.filter(|_| !message.apart) else {
            return;
        };
        for delivery in &message.to {
            let recipient = delivery.recipient;
            self.pairs
                .entry(Pair { client, recipient })
                .or_default()
                .accepted += 1;
        }
    }

    /// Adds what another part of the log knows.
    pub(super) fn add(&mut self, other: Mails) {
        let numbers: Vec<u32> = other
            .names
            .texts
            .iter()
            .map(|name| self.names.number(name))
            .collect();
        let number = |old: u32| numbers.get(old as usize).copied().unwrap_or(u32::MAX);
        for (pair, mailed) in other.pairs {
            let recipient = number(pair.recipient);
            let sum = self.pairs.entry(Pair { recipient, ..pair }).or_default();
            sum.accepted += mailed.accepted;
            sum.refused += mailed.refused;
        }
        for (id, mut message) in other.rests.into_iter().chain(other.open) {
            for delivery in &mut message.to {
                delivery.recipient = number(delivery.recipient);
            }
            self.join(id, message);
        }
    }

    /// Gives `see` what each recipient got from each client. Messages of which no end was logged
    /// are counted as if they had one.
    pub(super) fn each(mut self, mut see: impl FnMut(IpAddr, &[u8], Mailed)) {
        for message in std::mem::take(&mut self.open).into_values() {
            self.settle(&message);
        }
        for (pair, mailed) in &self.pairs {
            see(pair.client, self.names.text(pair.recipient), *mailed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
Nov 28 17:45:19 mx postfix/smtpd[1]: 4bX1: client=a.example[192.0.2.1]
Nov 28 17:45:19 mx postfix/lmtp[2]: 4bX1: to=<c@d>, relay=x, status=deferred (busy)
Nov 28 17:45:19 mx postfix/smtpd[1]: 4bX2: client=b.example[192.0.2.2]
Nov 28 17:45:19 mx postfix/lmtp[2]: 4bX1: to=<C@d>, relay=x, status=sent (ok)
Nov 28 17:45:19 mx postfix/lmtp[2]: 4bX1: to=<e@d>, relay=x, status=sent (ok)
Nov 28 17:45:19 mx postfix/qmgr[2]: 4bX1: removed
Nov 28 17:45:19 mx postfix/smtpd[1]: 4bX1: client=b.example[192.0.2.2]
Nov 28 17:45:19 mx postfix/lmtp[2]: 4bX1: to=<c@d>, relay=x, status=sent (ok)
Nov 28 17:45:19 mx postfix/lmtp[2]: 4bX2: to=<c@d>, relay=x, status=sent (ok)
Nov 28 17:45:19 mx postfix/pickup[1]: 4bX3: uid=0 from=<root>
Nov 28 17:45:19 mx postfix/lmtp[2]: 4bX3: to=<c@d>, relay=x, status=sent (ok)
Nov 28 17:45:19 mx postfix/qmgr[2]: 4bX3: removed
Nov 28 17:45:20 mx postfix/smtpd[1]: NOQUEUE: reject: RCPT from a.example[192.0.2.1]: 550 no; from=<a@b> to=<c@d> proto=ESMTP helo=<x>
";

    fn counts(mails: Mails) -> Vec<(String, String, u64, u64)> {
        let mut counts = Vec::new();
        mails.each(|client, name, mailed| {
            let name = String::from_utf8(name.to_vec()).unwrap();
            counts.push((client.to_string(), name, mailed.accepted, mailed.refused));
        });
        counts.sort();
        counts
    }

    /// Wherever the log is cut in two.
    #[test]
    fn who_got_mail_from_whom() {
        let row = |client: &str, name: &str, accepted, refused| {
            (client.to_owned(), name.to_owned(), accepted, refused)
        };
        let expected = [
            row("192.0.2.1", "c@d", 1, 1),
            row("192.0.2.1", "e@d", 1, 0),
            row("192.0.2.2", "c@d", 2, 0),
        ];
        let lines: Vec<&str> = LOG.lines().collect();
        for cut in 0..=lines.len() {
            let (head, tail) = lines.split_at(cut);
            let mut mails = Mails::default();
            for part in [head, tail] {
                let mut more = Mails::default();
                part.iter().for_each(|line| more.line(line.as_bytes()));
                mails.add(more);
            }
            assert_eq!(counts(mails), expected, "cut at {cut}");
        }
    }
}
