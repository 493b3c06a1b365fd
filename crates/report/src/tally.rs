//! Counts the lines of logs by client.
//!
//! Counts are sums, so that the order of lines, the number of threads and the cuts between the parts
//! of a log make no difference. What two programs of one host log of the same connection is counted
//! once, by a rule on the sums of each client ([`ClientCounts`]).

mod client;
mod mails;
mod session;
mod shard;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, PoisonError};

use hashbrown::HashMap;

use crate::log::{self, Apart, Event, Line, Step, What};
pub use client::ClientCounts;
pub(crate) use mails::Mailed;
use mails::Mails;
pub(crate) use session::Session;
use shard::Shard;
pub(crate) use shard::{Doubled, Plain, Row, Sums};

/// What was counted, of lines without regard to clients.
///
/// See the example of [`Tally`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// All lines.
    pub lines: u64,
    /// Lines of no known kind.
    pub unread: u64,
    /// Lines of clients who logged in.
    pub authenticated: u64,
    /// Messages that a content filter gave back.
    pub reinjected: u64,
    /// Lines of clients whose address the log does not know.
    pub no_address: u64,
    /// Logs that could not be read, or not to their end.
    pub unreadable: u64,
}

/// A line of no known kind.
///
/// See the example of [`Tally`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnreadLine {
    /// Which log, in the order in which they were given.
    pub log: usize,
    /// Where the line begins, in bytes of text.
    pub offset: u64,
    /// The beginning of the line.
    pub text: Vec<u8>,
}

/// The counts of all clients. Any number of threads count into one tally; each has a [`Counting`].
///
/// ```
/// use rblmap_report::Tally;
/// let tally = Tally::new();
/// let mut counting = tally.counting(); // one for each thread
/// counting.line(b"Nov 28 17:45:19 mx postfix/smtpd[1]: connect from a.example[192.0.2.1]");
/// counting.line(b"nonsense");
/// counting.finish();
/// assert_eq!(tally.unread()[0].text, b"nonsense");
/// let mut connections = 0;
/// let totals = tally.into_clients(|clients| {
///     connections += clients.iter().map(|client| client.connections).sum::<u64>();
/// });
/// assert_eq!((totals.lines, totals.unread, connections), (2, 1, 1));
/// ```
#[derive(Debug)]
pub struct Tally {
    /// IPv4 clients by their first octet, and last all IPv6 clients.
    shards: Vec<Mutex<Shard>>,
    sessions: Mutex<HashMap<u64, Session>>,
    totals: Mutex<Totals>,
    unread: Mutex<Vec<UnreadLine>>,
    /// What recipients got, if that is asked for.
    mails: Option<Mutex<Mails>>,
}

/// Counts the lines of one part of a log, in their order.
///
/// See the example of [`Tally`].
#[derive(Debug)]
pub struct Counting<'t> {
    tally: &'t Tally,
    totals: Totals,
    /// Sessions of which the last line has not come.
    sessions: HashMap<u64, Session>,
    /// What waits to be added to each shard of IPv4 clients.
    waiting: Vec<Vec<Waiting>>,
    unread: Vec<UnreadLine>,
    mails: Option<Mails>,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    client: u32,
    what: What,
}

const V4_SHARDS: usize = 256;
/// So many events wait for a shard before its lock is taken.
const WAITING: usize = 64;
/// So many lines of no known kind are kept, of each at most so many bytes.
const UNREAD_KEPT: usize = 5;
const UNREAD_BYTES: usize = 200;

impl Tally {
    /// A tally of nothing.
    pub fn new() -> Tally {
        Tally {
            shards: (0..=V4_SHARDS).map(|_| Mutex::default()).collect(),
            sessions: Mutex::default(),
            totals: Mutex::default(),
            unread: Mutex::default(),
            mails: None,
        }
    }

    /// A tally that also counts what recipients got from each client. It holds every recipient's
    /// address and each pair of client and recipient.
    pub fn with_recipients() -> Tally {
        Tally {
            mails: Some(Mutex::default()),
            ..Tally::new()
        }
    }

    /// Begins to count; what was counted is in the tally once [`Counting::finish`] returns.
    pub fn counting(&self) -> Counting<'_> {
        Counting {
            tally: self,
            totals: Totals::default(),
            sessions: HashMap::new(),
            waiting: std::iter::repeat_with(|| Vec::with_capacity(WAITING))
                .take(V4_SHARDS)
                .collect(),
            unread: Vec::new(),
            mails: self.mails.as_ref().map(|_| Mails::default()),
        }
    }

    /// The totals so far.
    pub fn totals(&self) -> Totals {
        *lock(&self.totals)
    }

    /// The first lines of no known kind.
    pub fn unread(&self) -> Vec<UnreadLine> {
        let mut lines = lock(&self.unread).clone();
        lines.sort();
        lines.truncate(UNREAD_KEPT);
        lines
    }

    /// Counts a log that could not be read to its end.
    pub fn add_unreadable(&self) {
        self.add_totals(&Totals {
            unreadable: 1,
            ..Totals::default()
        });
    }

    /// Gives `see` every client with something to count, IPv4 in order, then IPv6. Sessions that did
    /// not end in the logs are counted as if they had.
    pub fn into_clients(self, mut see: impl FnMut(&[ClientCounts])) -> Totals {
        let sessions = std::mem::take(&mut *lock(&self.sessions));
        for session in sessions.into_values() {
            self.settle(session);
        }
        let mut clients = Vec::new();
        for shard in &self.shards {
            let rows = std::mem::take(&mut *lock(shard)).into_rows();
            clients.clear();
            clients.extend(rows.iter().filter_map(Row::counts));
            see(&clients);
        }
        self.totals()
    }

    /// Gives `see` what each recipient got from each client, in no order, and forgets it.
    pub(crate) fn take_mails(&mut self, see: impl FnMut(IpAddr, &[u8], Mailed)) {
        if let Some(mails) = self.mails.take() {
            mails
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner)
                .each(see);
        }
    }

    /// Whether it counts recipients.
    pub(crate) fn has_recipients(&self) -> bool {
        self.mails.is_some()
    }

    /// All that was counted, as it is: rows in order of their clients, and by number the sessions
    /// that began before the log or had not ended at its end.
    pub(crate) fn into_parts(self, mut see: impl FnMut(&Row)) -> (Totals, Vec<(u64, Session)>) {
        let sessions = std::mem::take(&mut *lock(&self.sessions));
        let mut open = Vec::new();
        for (id, session) in sessions {
            if session.is_whole() {
                self.settle(session);
            } else {
                open.push((id, session));
            }
        }
        open.sort_unstable_by_key(|(id, _)| *id);
        for shard in &self.shards {
            let rows = std::mem::take(&mut *lock(shard)).into_rows();
            rows.iter().for_each(&mut see);
        }
        (self.totals(), open)
    }

    /// Adds sums of one client.
    pub(crate) fn add(&self, client: IpAddr, sums: &Sums) {
        lock(self.shard(client)).add(client, sums);
    }

    pub(crate) fn add_totals(&self, more: &Totals) {
        lock(&self.totals).add(more);
    }

    /// Adds what a part of the log knows of a session that is not whole in it.
    pub(crate) fn add_session(&self, id: u64, more: &Session) {
        lock(&self.sessions).entry(id).or_default().join(more);
    }

    /// Counts a session of which no more is to come.
    fn settle(&self, session: Session) {
        if session.authenticated() {
            self.add_totals(&Totals {
                authenticated: session.accepted() + 1,
                ..Totals::default()
            });
        } else if let Some((client, sums)) = session.sums() {
            self.add(client, &sums);
        }
    }

    fn shard(&self, client: IpAddr) -> &Mutex<Shard> {
        let index = match client {
            IpAddr::V4(address) => usize::from(address.octets()[0]),
            IpAddr::V6(_) => V4_SHARDS,
        };
        #[expect(clippy::indexing_slicing, reason = "new made one more than V4_SHARDS")]
        &self.shards[index]
    }
}

impl Default for Tally {
    fn default() -> Tally {
        Tally::new()
    }
}

impl Totals {
    /// Partial counts of others may hold any number: a sum that does not fit stays at the largest.
    pub(crate) fn add(&mut self, more: &Totals) {
        self.lines = self.lines.saturating_add(more.lines);
        self.unread = self.unread.saturating_add(more.unread);
        self.authenticated = self.authenticated.saturating_add(more.authenticated);
        self.reinjected = self.reinjected.saturating_add(more.reinjected);
        self.no_address = self.no_address.saturating_add(more.no_address);
        self.unreadable = self.unreadable.saturating_add(more.unreadable);
    }
}

impl Counting<'_> {
    /// Counts one line, which must be without its newline.
    pub fn line(&mut self, line: &[u8]) {
        self.line_at(line, 0, 0);
    }

    /// Counts one line of the given log, which begins at `offset`.
    #[inline]
    pub fn line_at(&mut self, line: &[u8], log: usize, offset: u64) {
        self.totals.lines += 1;
        match log::read(line) {
            Line::Other => {}
            Line::Event(event) => self.event(event),
            Line::Session(id, step) => self.session(id, step),
            Line::Apart(Apart::Authenticated) => self.totals.authenticated += 1,
            Line::Apart(Apart::Reinjected) => self.totals.reinjected += 1,
            Line::Apart(Apart::NoAddress) => self.totals.no_address += 1,
            Line::Unread => self.unread(line, log, offset),
        }
        if let Some(mails) = &mut self.mails {
            mails.line(line);
        }
    }

    /// Puts what was counted into the tally.
    pub fn finish(mut self) {
        for first in 0..self.waiting.len() {
            self.flush(first);
        }
        for (id, session) in &self.sessions {
            self.tally.add_session(*id, session);
        }
        if let (Some(all), Some(mails)) = (&self.tally.mails, self.mails) {
            lock(all).add(mails);
        }
        lock(&self.tally.totals).add(&self.totals);
        lock(&self.tally.unread).append(&mut self.unread);
    }

    #[inline]
    fn event(&mut self, event: Event) {
        if matches!(
            event.what,
            What::EndedAuthenticated | What::BeganAuthenticated
        ) {
            self.totals.authenticated += 1;
        }
        let client = match event.client {
            IpAddr::V4(client) => client,
            IpAddr::V6(_) => return self.tally.add(event.client, &Sums::of(event.what)),
        };
        let shard = usize::from(client.octets()[0]);
        let what = event.what;
        let Some(waiting) = self.waiting.get_mut(shard) else {
            return;
        };
        waiting.push(Waiting {
            client: client.to_bits(),
            what,
        });
        if waiting.len() == WAITING {
            self.flush(shard);
        }
    }

    /// All lines of a session lie between its first and its last: if this part of the log has both,
    /// no other part knows more.
    fn session(&mut self, id: u64, step: Step) {
        let session = self.sessions.entry(id).or_default();
        session.join(&Session::of(step));
        if session.is_whole() {
            let whole = self.sessions.remove(&id);
            whole
                .into_iter()
                .for_each(|session| self.tally.settle(session));
        }
    }

    fn flush(&mut self, first: usize) {
        let Some(waiting) = self.waiting.get_mut(first) else {
            return;
        };
        let shard = self.tally.shards.get(first);
        if let Some(shard) = shard.filter(|_| !waiting.is_empty()) {
            let mut shard = lock(shard);
            for one in &*waiting {
                shard.add_v4(Ipv4Addr::from_bits(one.client), one.what);
            }
        }
        waiting.clear();
    }

    #[cold]
    fn unread(&mut self, line: &[u8], log: usize, offset: u64) {
        self.totals.unread += 1;
        if self.unread.len() < UNREAD_KEPT {
            let text = line.get(..UNREAD_BYTES).unwrap_or(line).to_vec();
            self.unread.push(UnreadLine { log, offset, text });
        }
    }
}

/// A thread that panicked while it held a lock was in the middle of an addition: the panic is told
/// anyway.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
