//! Asks lists about the clients of a tally.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use rblmap::Zone;
use rblmap_policy::{Action, Decider, Request, Score};
use serde::{Serialize, Serializer};

use crate::error::Error;
use crate::labels::{self, Labels};
use crate::mailboxes::{Mailboxes, Recipient};
use crate::network::{Own, around};
use crate::tally::{ClientCounts, Tally};

/// So many lists can be asked at once.
pub const MAX_LISTS: usize = 64;

/// A list to ask.
///
/// See the example of [`Impact`].
#[derive(Debug, Clone)]
pub struct List<'i> {
    /// What the report calls it; each list has a name of its own.
    pub name: String,
    /// The zone to ask in.
    pub zone: Zone<'i>,
    /// What it adds to the score of a client that it lists.
    pub weight: Score,
}

/// What is asked.
///
/// See the example of [`Impact`].
#[derive(Debug)]
pub struct Question<'q, 'i> {
    /// The lists, at most [`MAX_LISTS`].
    pub lists: &'q [List<'i>],
    /// The networks of the mail host.
    pub own: &'q Own,
    /// The policy, if there is one, and the time that the freshness of its zones is compared with.
    pub policy: Option<(&'q mut Decider, u64)>,
    /// What listed clients are grouped by.
    pub labels: Option<Labels<'i>>,
    /// How many networks are named.
    pub top: usize,
}

/// What lists would have done. Its fields are those of `rblmap impact --json`.
///
/// ```
/// use rblmap_policy::Score;
/// use rblmap_report::{Impact, List, Own, Question, Tally};
///
/// let tally = Tally::new();
/// let mut counting = tally.counting();
/// counting.line(b"192.0.2.1"); // an address alone is a client that connected
/// counting.line(b"198.51.100.7");
/// counting.finish();
///
/// let image = rblmap::Image::read("testdata/three.rbl")?;
/// let list = List { name: "ops.example".to_owned(), zone: image.base(), weight: Score::ONE };
/// let own = Own::new(["198.51.100.0/24".parse()?]);
/// let question = Question { lists: &[list], own: &own, ..Question::default() };
/// let impact = Impact::of(tally, question)?;
/// assert_eq!((impact.clients, impact.apart.own), (1, 1));
/// assert_eq!(impact.zones["ops.example"].only_here, 1);
/// assert_eq!(impact.top_networks[0].network.to_string(), "192.0.2.0/24");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, Serialize, PartialEq, Eq)]
pub struct Impact {
    /// All lines of the logs.
    pub lines: u64,
    /// Lines of no known kind.
    pub unread: u64,
    /// Logs that could not be read to their end.
    pub unreadable: u64,
    /// Connections of all clients.
    pub connections: u64,
    /// Clients: distinct addresses that did anything.
    pub clients: u64,
    /// Messages that were accepted.
    pub accepted: u64,
    /// Commands and messages that were refused.
    pub refused: u64,
    /// What is left out of the counts above.
    pub apart: Apart,
    /// Clients, connections and messages of those that at least one list lists.
    pub listed: ZoneCounts,
    /// What each list lists.
    pub zones: BTreeMap<String, ZoneCounts>,
    /// How many clients both of two lists list.
    pub overlap: BTreeMap<String, BTreeMap<String, u64>>,
    /// How many clients have each score, 0 among them: the weights of the zones that list them.
    #[serde(serialize_with = "by_score")]
    pub score: BTreeMap<Score, u64>,
    /// What a policy would have done to listed clients, by the word of the decision, if zones in
    /// mode log were in mode reject.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub decisions: BTreeMap<&'static str, ZoneCounts>,
    /// Listed clients that an allow-list lets through.
    pub allowed: u64,
    /// Listed clients of which the policy has no opinion.
    pub exempt: u64,
    /// The networks with most connections of listed clients, those with most first.
    pub top_networks: Vec<Network>,
    /// How many recipients listed clients wrote to, if the tally counted recipients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipients: Option<u64>,
    /// Those of them who got most messages from listed clients, those with most first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_recipients: Option<Vec<Recipient>>,
    /// Listed clients by the label of their network, `-` for those without.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, ZoneCounts>,
}

/// What is left out of the counts.
///
/// See the example of [`Impact`].
#[derive(Debug, Clone, Copy, Default, Serialize, PartialEq, Eq)]
pub struct Apart {
    /// Lines of clients who logged in.
    pub authenticated: u64,
    /// Connections of the mail host's own networks.
    pub own: u64,
    /// Messages that a content filter gave back.
    pub reinjected: u64,
    /// Lines of clients whose address the log does not know.
    pub no_address: u64,
}

/// Counts of the clients that a list lists.
///
/// See the example of [`Impact`].
#[derive(Debug, Clone, Copy, Default, Serialize, PartialEq, Eq)]
pub struct ZoneCounts {
    /// How many clients.
    pub clients: u64,
    /// Their connections.
    pub connections: u64,
    /// The messages of theirs that were accepted.
    pub accepted: u64,
    /// How many of the clients no other list lists.
    pub only_here: u64,
}

/// A network of listed clients.
///
/// See the example of [`Impact`].
#[derive(Debug, Clone, Copy, Serialize, PartialEq, Eq)]
pub struct Network {
    /// A /24, or a /48 of IPv6.
    pub network: IpNet,
    /// How many clients in it are listed.
    pub clients: u64,
    /// Their connections.
    pub connections: u64,
}

impl Default for Question<'_, '_> {
    /// Of no list, without a policy, naming ten networks.
    fn default() -> Self {
        static OWN: std::sync::OnceLock<Own> = std::sync::OnceLock::new();
        Question {
            lists: &[],
            own: OWN.get_or_init(Own::default),
            policy: None,
            labels: None,
            top: 10,
        }
    }
}

impl Impact {
    /// Asks every list about every client once: linear in clients times lists.
    ///
    /// # Errors
    /// More than [`MAX_LISTS`] lists, or two of one name.
    pub fn of(mut tally: Tally, question: Question<'_, '_>) -> Result<Impact, Error> {
        let mut desk = Desk::new(question)?;
        desk.mailed = Mailboxes::of(&mut tally);
        let totals = tally.into_clients(|clients| desk.ask(clients));
        let mut impact = desk.finish();
        impact.lines = totals.lines;
        impact.unread = totals.unread;
        impact.unreadable = totals.unreadable;
        impact.apart.authenticated = totals.authenticated;
        impact.apart.reinjected = totals.reinjected;
        impact.apart.no_address = totals.no_address;
        Ok(impact)
    }
}

fn by_score<S: Serializer>(
    scores: &BTreeMap<Score, u64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(
        scores
            .iter()
            .map(|(score, clients)| (score.to_string(), clients)),
    )
}

/// Sums while clients are asked about.
struct Desk<'q, 'i> {
    question: Question<'q, 'i>,
    impact: Impact,
    /// The lists, then the zones of the policy.
    names: Vec<String>,
    zones: Vec<ZoneCounts>,
    /// Clients that two lists list, by the numbers of both.
    overlap: Vec<u64>,
    networks: BTreeMap<IpNet, (u64, u64)>,
    masks: Vec<u64>,
    addresses: Vec<u32>,
    /// What recipients got, if that is asked for.
    mailed: Option<Mailboxes>,
}

impl<'q, 'i> Desk<'q, 'i> {
    fn new(question: Question<'q, 'i>) -> Result<Desk<'q, 'i>, Error> {
        let mut names: Vec<String> = question
            .lists
            .iter()
            .map(|list| list.name.clone())
            .collect();
        if let Some((decider, _)) = &question.policy {
            let zones = decider.policy().zones.iter();
            names.extend(zones.map(|zone| zone.followed.name().to_owned()));
        }
        let (found, most) = (names.len(), MAX_LISTS);
        if found > most {
            return Err(Error::TooManyLists { found, most });
        }
        let mut sorted: Vec<&String> = names.iter().collect();
        sorted.sort_unstable();
        if let Some([twice, _]) = sorted.array_windows().find(|[one, next]| one == next) {
            return Err(Error::SameName((*twice).clone()));
        }
        Ok(Desk {
            question,
            impact: Impact::default(),
            zones: vec![ZoneCounts::default(); found],
            overlap: vec![0; found * found],
            names,
            networks: BTreeMap::new(),
            masks: Vec::new(),
            addresses: Vec::new(),
            mailed: None,
        })
    }

    /// Takes clients in order of their addresses, of one family.
    fn ask(&mut self, clients: &[ClientCounts]) {
        self.fill_masks(clients);
        let masks = std::mem::take(&mut self.masks);
        for (client, &mask) in clients.iter().zip(&masks) {
            if self.question.own.has(client.client) {
                self.impact.apart.own = self.impact.apart.own.saturating_add(client.connections);
            } else {
                self.count(client, mask);
            }
        }
        self.masks = masks;
    }

    /// Which lists list each client.
    fn fill_masks(&mut self, clients: &[ClientCounts]) {
        self.masks.clear();
        self.masks.resize(clients.len(), 0);
        self.addresses.clear();
        self.addresses
            .extend(clients.iter().filter_map(|client| match client.client {
                IpAddr::V4(address) => Some(address.to_bits()),
                IpAddr::V6(_) => None,
            }));
        let is_v4 = self.addresses.len() == clients.len();
        let mut listed = vec![false; clients.len()];
        for (number, list) in self.question.lists.iter().enumerate() {
            if is_v4 {
                list.zone.contains_v4_many(&self.addresses, &mut listed);
            } else {
                let answers = clients.iter().map(|client| list.zone.lookup(client.client));
                for (listed, answer) in listed.iter_mut().zip(answers) {
                    *listed = answer.is_listed();
                }
            }
            for (mask, listed) in self.masks.iter_mut().zip(&listed) {
                *mask |= u64::from(*listed) << number;
            }
        }
    }

    fn count(&mut self, client: &ClientCounts, listed_by: u64) {
        let lists = self.question.lists;
        let mut mask = listed_by;
        let mut score: Score = (0..)
            .zip(lists)
            .filter(|(number, _)| mask >> number & 1 == 1)
            .map(|(_, list)| list.weight)
            .sum();
        let mut action = None;
        if let Some((decider, now)) = &mut self.question.policy {
            let request = Request {
                client: Some(client.client),
                ..Request::default()
            };
            let decision = decider.decide(&request, *now);
            for hit in &decision.hits {
                mask |= 1 << (lists.len() + hit.zone);
            }
            score = decision
                .hits
                .iter()
                .map(|hit| hit.weight)
                .chain([score])
                .sum();
            action = Some(match decision.action {
                Action::Allowed | Action::Exempt => decision.action,
                _ => decision.would,
            });
        }
        self.add(client, mask);
        *self.impact.score.entry(score).or_default() += 1;
        if mask == 0 {
            return;
        }
        self.add_listed(client);
        match action {
            None => {}
            Some(Action::Allowed) => self.impact.allowed += 1,
            Some(Action::Exempt) => self.impact.exempt += 1,
            Some(action) => {
                let counts = self.impact.decisions.entry(action.word()).or_default();
                counts.add(client);
            }
        }
    }

    fn add(&mut self, client: &ClientCounts, mask: u64) {
        let impact = &mut self.impact;
        impact.clients += 1;
        impact.connections = impact.connections.saturating_add(client.connections);
        impact.accepted = impact.accepted.saturating_add(client.accepted);
        impact.refused = impact.refused.saturating_add(client.refused);
        let width = self.zones.len();
        let lists = |number: usize| mask >> number & 1 == 1;
        for (number, zone) in self.zones.iter_mut().enumerate().filter(|(n, _)| lists(*n)) {
            zone.add(client);
            zone.only_here += u64::from(mask.count_ones() == 1);
            for other in (0..width).filter(|other| lists(*other)) {
                if let Some(both) = self.overlap.get_mut(number * width + other) {
                    *both += 1;
                }
            }
        }
    }

    fn add_listed(&mut self, client: &ClientCounts) {
        let impact = &mut self.impact;
        impact.listed.add(client);
        if let Some(mailed) = &mut self.mailed {
            mailed.add_listed(client.client);
        }
        let network = self.networks.entry(around(client.client)).or_default();
        network.0 += 1;
        network.1 = network.1.saturating_add(client.connections);
        if let Some(labels) = &self.question.labels {
            let label = labels
                .of(client.client)
                .unwrap_or_else(|| labels::NONE.to_owned());
            impact.labels.entry(label).or_default().add(client);
        }
    }

    fn finish(self) -> Impact {
        let mut impact = self.impact;
        let width = self.names.len();
        for (number, (name, zone)) in self.names.iter().zip(&self.zones).enumerate() {
            impact.zones.insert(name.clone(), *zone);
            let row = self.overlap.iter().skip(number * width);
            let others = self
                .names
                .iter()
                .zip(row)
                .filter(|(other, _)| *other != name)
                .map(|(other, both)| (other.clone(), *both));
            impact.overlap.insert(name.clone(), others.collect());
        }
        impact.listed.only_here = self.zones.iter().map(|zone| zone.only_here).sum();
        let mut networks: Vec<Network> = self
            .networks
            .into_iter()
            .map(|(network, (clients, connections))| Network {
                network,
                clients,
                connections,
            })
            .collect();
        if let Some(mailed) = self.mailed {
            let (count, most) = mailed.listed(self.question.top);
            (impact.recipients, impact.top_recipients) = (Some(count), Some(most));
        }
        networks.sort_by_key(|network| std::cmp::Reverse((network.connections, network.clients)));
        networks.truncate(self.question.top);
        impact.top_networks = networks;
        impact
    }
}

impl ZoneCounts {
    fn add(&mut self, client: &ClientCounts) {
        self.clients += 1;
        self.connections = self.connections.saturating_add(client.connections);
        self.accepted = self.accepted.saturating_add(client.accepted);
    }
}
