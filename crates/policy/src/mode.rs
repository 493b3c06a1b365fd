//! How strongly a zone may act, and what of a client is looked up in it.

use serde::Deserialize;

/// What a zone may do to mail, the weakest first.
///
/// See the example of [`Policy`](crate::Policy).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The zone is not asked.
    Off,
    /// Listings are logged, and nothing else: the mode to begin with.
    #[default]
    Log,
    /// The message gets a header.
    Tag,
    /// The client is told to come back later.
    Defer,
    /// The client is refused.
    Reject,
}

impl Mode {
    /// The word of the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Mode::Off => "off",
            Mode::Log => "log",
            Mode::Tag => "tag",
            Mode::Defer => "defer",
            Mode::Reject => "reject",
        }
    }

    /// Whether listings of a zone in this mode may change what happens to mail.
    pub fn acts(self) -> bool {
        self > Mode::Log
    }
}

/// What of a client is looked up, in the order in which it is.
///
/// See the example of [`Decider`](crate::Decider).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Look {
    /// The address of the client.
    Client,
    /// The name that it said in HELO or EHLO.
    Helo,
    /// The domain of the envelope's sender.
    Sender,
    /// The name that the client's address leads to in DNS.
    Rdns,
}

impl Look {
    /// All of them, in their order.
    pub const ALL: [Look; 4] = [Look::Client, Look::Helo, Look::Sender, Look::Rdns];

    /// The word of the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Look::Client => "client",
            Look::Helo => "helo",
            Look::Sender => "sender",
            Look::Rdns => "rdns",
        }
    }
}

/// What happens to mail while a zone that could refuse it has no opinion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnTrouble {
    /// The zone does not count.
    #[default]
    Open,
    /// Clients are told to come back later.
    Closed,
}
