//! What recipients got from listed clients.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;

use hashbrown::HashMap;
use serde::Serialize;

use crate::tally::{Mailed, Tally};

/// Somebody whom listed clients wrote to.
///
/// ```
/// use rblmap_report::{Impact, List, Question, Tally};
/// # use rblmap_policy::Score;
/// let tally = Tally::with_recipients();
/// let mut counting = tally.counting();
/// let rejected = b"Nov 28 17:45:20 mx postfix/smtpd[1]: NOQUEUE: reject: RCPT from \
///     a.example[192.0.2.1]: 550 5.1.1 no; from=<a@b> to=<c@d> proto=ESMTP helo=<x>";
/// counting.line(rejected);
/// counting.finish();
/// let image = rblmap::Image::read("testdata/three.rbl")?;
/// let list = List { name: "ops.example".to_owned(), zone: image.base(), weight: Score::ONE };
/// let impact = Impact::of(tally, Question { lists: &[list], ..Question::default() })?;
/// let most = impact.top_recipients.ok_or("recipients were counted")?;
/// assert_eq!((most[0].recipient.as_str(), most[0].refused), ("c@d", 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, Serialize, PartialEq, Eq)]
pub struct Recipient {
    /// The address, in small letters.
    pub recipient: String,
    /// How many listed clients wrote to it.
    pub clients: u64,
    /// Messages of theirs that were accepted for it.
    pub accepted: u64,
    /// Messages of theirs to it that were refused.
    pub refused: u64,
}

/// What each recipient got from each client, and what of it listed clients sent.
#[derive(Debug, Default)]
pub(crate) struct Mailboxes {
    by_client: HashMap<IpAddr, Vec<(String, Mailed)>>,
    listed: BTreeMap<String, Recipient>,
}

impl Mailboxes {
    /// Takes what a tally counted, if it counted recipients.
    pub(crate) fn of(tally: &mut Tally) -> Option<Mailboxes> {
        if !tally.has_recipients() {
            return None;
        }
        let mut boxes = Mailboxes::default();
        tally.take_mails(|client, name, mailed| {
            let name = String::from_utf8_lossy(name).into_owned();
            boxes
                .by_client
                .entry(client)
                .or_default()
                .push((name, mailed));
        });
        Some(boxes)
    }

    /// A client is listed.
    pub(crate) fn add_listed(&mut self, client: IpAddr) {
        for (name, mailed) in self.by_client.remove(&client).unwrap_or_default() {
            let recipient = self.listed.entry(name).or_default();
            recipient.clients += 1;
            recipient.accepted += mailed.accepted;
            recipient.refused += mailed.refused;
        }
    }

    /// How many recipients listed clients wrote to, and the first `top` of them, those who got
    /// most messages first.
    pub(crate) fn listed(self, top: usize) -> (u64, Vec<Recipient>) {
        let count = self.listed.len() as u64;
        let mut recipients: Vec<Recipient> = self
            .listed
            .into_iter()
            .map(|(recipient, counts)| Recipient {
                recipient,
                ..counts
            })
            .collect();
        recipients.sort_by_key(|counts| Reverse((counts.accepted, counts.refused, counts.clients)));
        recipients.truncate(top);
        (count, recipients)
    }
}
