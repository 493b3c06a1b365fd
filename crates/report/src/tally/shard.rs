//! The sums of some of the clients.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hashbrown::HashMap;

use crate::log::What;
use crate::tally::client::ClientCounts;

/// Sums of one client, which may be below zero in a part of a log: the log may begin between the
/// two lines of one connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) plain: Plain<i64>,
    pub(crate) doubled: Doubled<i64>,
}

/// What every client has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Plain<N> {
    /// Connections of programs that log each once, less those of people who logged in.
    pub(crate) connects: N,
    pub(crate) accepted: N,
    pub(crate) refused: N,
}

/// What only clients have that were logged by a program of which one connection may be in several
/// lines, or in none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Doubled<N> {
    /// Connections in the logs of Exim and Sendmail, where options ask for them.
    pub(crate) opened: N,
    /// Their lines about messages and refusals: without options there is nothing else.
    pub(crate) implied: N,
    /// Connections to postscreen, less those that it passed.
    pub(crate) screened: N,
    /// Connections that postscreen ended.
    pub(crate) screen_ended: N,
}

/// Sums of one client, with the client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) client: IpAddr,
    pub(crate) sums: Sums,
}

/// The sums of some of the clients, in as little memory as their number asks for.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    v4: HashMap<u32, Plain<i32>>,
    v6: HashMap<u128, Plain<i32>>,
    doubled: HashMap<IpAddr, Doubled<i64>>,
    /// Sums that do not fit into 32 bits, of few clients.
    large: HashMap<IpAddr, Plain<i64>>,
}

impl Sums {
    /// What one event adds.
    #[inline]
    pub(crate) fn of(what: What) -> Sums {
        let mut sums = Sums::default();
        let (plain, doubled) = (&mut sums.plain, &mut sums.doubled);
        match what {
            What::Connect => plain.connects = 1,
            What::Screened => doubled.screened = 1,
            What::ScreenPassed => doubled.screened = -1,
            What::ScreenEnded => doubled.screen_ended = 1,
            What::Opened => doubled.opened = 1,
            What::Accepted => plain.accepted = 1,
            What::Withdrawn => (plain.accepted, plain.refused) = (-1, 1),
            What::Refused => plain.refused = 1,
            What::AcceptedUnopened => (plain.accepted, doubled.implied) = (1, 1),
            What::RefusedUnopened => (plain.refused, doubled.implied) = (1, 1),
            What::NothingUnopened => doubled.implied = 1,
            What::ConnectAccepted => (plain.connects, plain.accepted) = (1, 1),
            What::ConnectRefused => (plain.connects, plain.refused) = (1, 1),
            What::EndedAuthenticated => plain.connects = -1,
            What::BeganAuthenticated => {
                plain.accepted = -1;
                (doubled.opened, doubled.implied) = (-1, -1);
            }
        }
        sums
    }
}

impl Plain<i64> {
    fn add(&mut self, more: &Plain<i64>) {
        self.connects = self.connects.saturating_add(more.connects);
        self.accepted = self.accepted.saturating_add(more.accepted);
        self.refused = self.refused.saturating_add(more.refused);
    }
}

impl Plain<i32> {
    fn wide(self) -> Plain<i64> {
        Plain {
            connects: self.connects.into(),
            accepted: self.accepted.into(),
            refused: self.refused.into(),
        }
    }

    /// The sum, if it fits.
    #[inline]
    fn plus(self, more: &Plain<i64>) -> Option<Plain<i32>> {
        let sum = |a: i32, b: i64| i32::try_from(i64::from(a).checked_add(b)?).ok();
        Some(Plain {
            connects: sum(self.connects, more.connects)?,
            accepted: sum(self.accepted, more.accepted)?,
            refused: sum(self.refused, more.refused)?,
        })
    }
}

impl Doubled<i64> {
    fn add(&mut self, more: &Doubled<i64>) {
        self.opened = self.opened.saturating_add(more.opened);
        self.implied = self.implied.saturating_add(more.implied);
        self.screened = self.screened.saturating_add(more.screened);
        self.screen_ended = self.screen_ended.saturating_add(more.screen_ended);
    }
}

impl Shard {
    /// Adds an event of an IPv4 client.
    #[inline]
    pub(crate) fn add_v4(&mut self, client: Ipv4Addr, what: What) {
        // Nearly all events are of these kinds.
        let (connects, accepted, refused) = match what {
            What::Connect => (1, 0, 0),
            What::Accepted => (0, 1, 0),
            What::Refused => (0, 0, 1),
            _ => return self.add(IpAddr::V4(client), &Sums::of(what)),
        };
        let small = self.v4.entry(client.to_bits()).or_default();
        let sum = |a: i32, b: i32| a.checked_add(b);
        match (
            sum(small.connects, connects),
            sum(small.accepted, accepted),
            sum(small.refused, refused),
        ) {
            (Some(connects), Some(accepted), Some(refused)) => {
                *small = Plain {
                    connects,
                    accepted,
                    refused,
                };
            }
            _ => self.add(IpAddr::V4(client), &Sums::of(what)),
        }
    }

    /// Adds sums of a client.
    #[inline]
    pub(crate) fn add(&mut self, client: IpAddr, sums: &Sums) {
        if sums.doubled != Doubled::default() {
            self.doubled.entry(client).or_default().add(&sums.doubled);
            if sums.plain == Plain::default() {
                return;
            }
        }
        let small = match client {
            IpAddr::V4(client) => self.v4.entry(client.to_bits()).or_default(),
            IpAddr::V6(client) => self.v6.entry(client.to_bits()).or_default(),
        };
        match small.plus(&sums.plain) {
            Some(sum) => *small = sum,
            None => self.large.entry(client).or_default().add(&sums.plain),
        }
    }

    /// The rows in order of their clients.
    pub(crate) fn into_rows(self) -> Vec<Row> {
        let v4 = self
            .v4
            .into_iter()
            .map(|(client, plain)| (IpAddr::from(Ipv4Addr::from_bits(client)), plain));
        let v6 = self
            .v6
            .into_iter()
            .map(|(client, plain)| (IpAddr::from(Ipv6Addr::from_bits(client)), plain));
        let mut rows: Vec<Row> = v4
            .chain(v6)
            .map(|(client, plain)| Row {
                client,
                sums: Sums {
                    plain: plain.wide(),
                    doubled: Doubled::default(),
                },
            })
            .collect();
        let doubled = self.doubled.into_iter().map(|(client, doubled)| Row {
            client,
            sums: Sums {
                plain: Plain::default(),
                doubled,
            },
        });
        rows.extend(doubled);
        let large = self.large.into_iter().map(|(client, plain)| Row {
            client,
            sums: Sums {
                plain,
                doubled: Doubled::default(),
            },
        });
        rows.extend(large);
        rows.sort_unstable_by_key(|row| row.client);
        rows.dedup_by(|next, row| {
            let same = next.client == row.client;
            if same {
                row.sums.plain.add(&next.sums.plain);
                row.sums.doubled.add(&next.sums.doubled);
            }
            same
        });
        // What was added and taken away again leaves no trace.
        rows.retain(|row| row.sums != Sums::default());
        rows
    }
}

impl Row {
    /// What the sums say, if they say that the client did anything.
    ///
    /// Of postscreen's connections those count that it did not hand on, since the program behind it
    /// logs these. What it passes for the first time it may hand on or end (with the deep tests on,
    /// it ends it): the larger of "not passed" and "ended" is right in both cases. Where Exim or
    /// Sendmail log connections these count, else what they log of messages and refusals does.
    pub(crate) fn counts(&self) -> Option<ClientCounts> {
        let Sums { plain, doubled } = &self.sums;
        let at_screen = doubled.screened.max(doubled.screen_ended);
        let opened = if doubled.opened > 0 {
            doubled.opened
        } else {
            doubled.implied
        };
        let sum = |parts: &[i64]| {
            let positive = parts.iter().map(|part| part.max(&0).unsigned_abs());
            positive.fold(0, u64::saturating_add)
        };
        let counts = ClientCounts {
            client: self.client,
            connections: sum(&[plain.connects, at_screen, opened]),
            accepted: sum(&[plain.accepted]),
            refused: sum(&[plain.refused]),
        };
        let any = [counts.connections, counts.accepted, counts.refused] != [0; 3];
        any.then_some(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_beyond_32_bits_are_exact() {
        let client: IpAddr = "192.0.2.1".parse().unwrap();
        let mut shard = Shard::default();
        let half = Sums {
            plain: Plain {
                connects: i64::from(i32::MAX) - 1,
                ..Plain::default()
            },
            ..Sums::default()
        };
        (0..5).for_each(|_| shard.add(client, &half));
        (0..4).for_each(|_| shard.add(client, &Sums::of(What::Connect)));
        let rows = shard.into_rows();
        assert_eq!(rows.len(), 1);
        assert_eq!(
            rows[0].sums.plain.connects,
            5 * (i64::from(i32::MAX) - 1) + 4
        );
    }

    fn counts(events: &[What]) -> Option<(u64, u64, u64)> {
        let mut shard = Shard::default();
        for what in events {
            shard.add_v4(Ipv4Addr::LOCALHOST, *what);
        }
        let rows = shard.into_rows();
        let counts = rows.first()?.counts()?;
        Some((counts.connections, counts.accepted, counts.refused))
    }

    #[test]
    fn postscreens_connections_are_counted_once() {
        use What::{Accepted, Connect, Refused, ScreenEnded, ScreenPassed, Screened};
        let handed_on = [Screened, ScreenPassed, Connect, Accepted];
        assert_eq!(counts(&handed_on), Some((1, 1, 0)));
        let deep_test = [Screened, ScreenPassed, ScreenEnded];
        assert_eq!(counts(&deep_test), Some((1, 0, 0)));
        assert_eq!(counts(&[Screened, Refused, ScreenEnded]), Some((1, 0, 1)));
        let both = [deep_test.as_slice(), &handed_on].concat();
        assert_eq!(counts(&both), Some((2, 1, 0)));
    }

    #[test]
    fn people_who_log_in_leave_no_client_behind() {
        assert_eq!(counts(&[What::Connect, What::EndedAuthenticated]), None);
        let sendmail = [What::BeganAuthenticated, What::AcceptedUnopened];
        assert_eq!(counts(&sendmail), None);
    }

    #[test]
    fn exim_without_connections_in_its_log() {
        use What::{AcceptedUnopened, Opened, RefusedUnopened};
        assert_eq!(
            counts(&[AcceptedUnopened, RefusedUnopened]),
            Some((2, 1, 1))
        );
        assert_eq!(
            counts(&[Opened, AcceptedUnopened, AcceptedUnopened]),
            Some((1, 2, 0))
        );
    }
}
