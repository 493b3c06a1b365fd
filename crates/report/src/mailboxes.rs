//! What recipients got from listed clients.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;

use hashbrown::HashMap;
use serde::Serialize;

use crate::tally::{Mailed, Tally};

/// Somebody whom listed clients wrote to.
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
