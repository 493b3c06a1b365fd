//! Sessions of OpenSMTPD, whose first line alone has the client's address.

use std::net::IpAddr;

use crate::log::Step;
use crate::tally::shard::{Plain, Sums};

/// What is known of a session. Two halves of a log may each know a part: joining them is a sum, in
/// any order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) client: Option<IpAddr>,
    pub(crate) accepted: u32,
    pub(crate) refused: u32,
    pub(crate) authenticated: bool,
    pub(crate) ended: bool,
}

impl Session {
    /// What one line knows.
    pub(crate) fn of(step: Step) -> Session {
        let mut session = Session::default();
        match step {
            Step::Connected(client) => session.client = Some(client),
            Step::Accepted => session.accepted = 1,
            Step::Refused => session.refused = 1,
            Step::Authenticated => session.authenticated = true,
            Step::Ended => session.ended = true,
        }
        session
    }

    pub(crate) fn join(&mut self, more: &Session) {
        self.client = self.client.or(more.client);
        self.accepted = self.accepted.saturating_add(more.accepted);
        self.refused = self.refused.saturating_add(more.refused);
        self.authenticated |= more.authenticated;
        self.ended |= more.ended;
    }

    /// Whether the first and the last line are known.
    pub(crate) fn is_whole(&self) -> bool {
        self.client.is_some() && self.ended
    }

    pub(crate) fn authenticated(&self) -> bool {
        self.authenticated
    }

    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.into()
    }

    /// The client and what it did; nothing if the log begins after the session.
    pub(crate) fn sums(&self) -> Option<(IpAddr, Sums)> {
        let plain = Plain {
            connects: 1,
            accepted: self.accepted.into(),
            refused: self.refused.into(),
        };
        let sums = Sums {
            plain,
            ..Sums::default()
        };
        Some((self.client?, sums))
    }
}
