//! What a line of a log says.

use std::net::IpAddr;

/// What one line of a log says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// Something that happened to a client.
    Event(Event),
    /// A step of an OpenSMTPD session, which names its client in its first step only.
    Session(u64, Step),
    /// A client that lists are not asked about.
    Apart(Apart),
    /// A line of a known kind that is about nothing we count.
    Other,
    /// A line of no known kind.
    Unread,
}

/// Something that happened to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    /// The client; an IPv4 one even where the log has it mapped into IPv6.
    pub client: IpAddr,
    /// What happened.
    pub what: What,
}

/// What happened to a client, as far as a log's program tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// It connected: a program that logs every connection says so.
    Connect,
    /// It connected to postscreen, which may hand it on to another program that logs it again.
    Screened,
    /// postscreen let it through.
    ScreenPassed,
    /// postscreen ended the connection itself.
    ScreenEnded,
    /// It connected: Exim or Sendmail says so, which do not by default.
    Opened,
    /// A message of it was accepted.
    Accepted,
    /// A message that was counted as accepted was refused at its end.
    Withdrawn,
    /// A command or a message of it was refused.
    Refused,
    /// Accepted, by a program that need not have logged the connection.
    AcceptedUnopened,
    /// Refused, by a program that need not have logged the connection.
    RefusedUnopened,
    /// A message without a recipient came to its end, by a program that need not have logged the
    /// connection.
    NothingUnopened,
    /// A connection and an accepted message in one line.
    ConnectAccepted,
    /// A connection and a refusal in one line.
    ConnectRefused,
    /// The connection that now ends was of somebody who had logged in: it is not counted.
    EndedAuthenticated,
    /// The message that follows is of somebody who has logged in: neither it nor its connection is
    /// counted.
    BeganAuthenticated,
}

/// Why a line with a client is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Apart {
    /// The client logged in, or came to a port for those who do.
    Authenticated,
    /// A content filter gave the mail back: it has been counted already.
    Reinjected,
    /// The log does not know the address: `unknown[unknown]`, `local`.
    NoAddress,
}

/// A step of an OpenSMTPD session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The session began.
    Connected(IpAddr),
    /// A message was accepted.
    Accepted,
    /// A command was refused.
    Refused,
    /// The client logged in.
    Authenticated,
    /// The session ended.
    Ended,
}

/// An event of the client that was read; a line whose address could not be read is unread.
pub(super) fn event(client: Option<IpAddr>, what: What) -> Line {
    client.map_or(Line::Unread, |client| Line::Event(Event { client, what }))
}
