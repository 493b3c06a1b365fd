//! Asks a DNS server the same questions: what people use today.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use domain::base::iana::{Class, Rtype};
use domain::base::name::Name;
use domain::base::{Message, MessageBuilder};
use rblmap::{NameKey, Zone};
use rblmap_measure::{Clock, Latencies};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

use super::mix::{Asked, Key, Mix, Questions};
use super::row::{How, Latency, Replies, Row, Spread};

/// Queries of a mix that are made before anything is timed; an ident each.
const QUERIES: usize = 1 << 14;
/// Queries on their way at a time, in the second way to ask.
const AT_ONCE: usize = 64;
/// How long a reply is waited for.
const PATIENCE: Duration = Duration::from_millis(500);
/// So many waits in vain end a measurement.
const VAIN: u32 = 3;
/// A figure is the median of so many parts of its time.
const PARTS: u32 = 7;

/// A DNS server that answers.
pub(super) struct Server {
    address: SocketAddr,
    socket: UdpSocket,
}

/// A query as it is sent, and whether the image lists its key.
struct Prepared {
    ident: u16,
    bytes: Vec<u8>,
    listed: bool,
}

/// What became of queries.
#[derive(Default)]
struct Tally {
    replies: u64,
    lost: u64,
    differ: u64,
    vain: u32,
}

impl Server {
    /// Sends one query, so that a server that is not there is known before anything is measured.
    pub(super) fn connect(address: SocketAddr, mixes: &[Mix<'_>]) -> Result<Server, Failure> {
        let any = match address {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let failed = |error: std::io::Error| {
            Failure::new(
                Exit::Transport,
                format!("{address}: no DNS server answers: {error}"),
            )
        };
        let socket = UdpSocket::bind(any).map_err(failed)?;
        socket.connect(address).map_err(failed)?;
        socket.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        let server = Server { address, socket };
        let mut first = mixes.iter().flat_map(|mix| prepare(mix, 1));
        if let Some(query) = first.next() {
            let tries = (0..3).map(|_| server.once(&query));
            let mut last = None;
            for tried in tries {
                match tried {
                    Ok(_) => return Ok(server),
                    Err(error) => last = Some(error),
                }
            }
            if let Some(error) = last {
                return Err(failed(error));
            }
        }
        Ok(server)
    }

    /// Measures all mixes that a DNS server can be asked: those of one image.
    pub(super) fn measure(
        &mut self,
        mixes: &[Mix<'_>],
        time: Duration,
        clock: Clock,
        output: &Output,
    ) -> Result<Vec<Row>, Failure> {
        let alone = mixes.iter().filter(|mix| mix.images.len() == 1);
        let mixes: Vec<&Mix<'_>> = alone.collect();
        let count = u32::try_from(mixes.len().max(1)).unwrap_or(u32::MAX);
        let share = (time / (2 * count)).clamp(Duration::from_millis(50), Duration::from_secs(2));
        let bar = output.steps("asking the DNS server", 2 * u64::from(count));
        let mut rows = Vec::new();
        for mix in mixes {
            let queries = prepare(mix, QUERIES);
            if queries.is_empty() {
                output.note(format!("{}: no name is short enough for DNS", mix.image));
                continue;
            }
            for how in [How::DnsAlone, How::DnsAtOnce] {
                let row = self.row(mix, &queries, how, share, clock)?;
                if let Some(server) = row.server.as_ref().filter(|server| server.differ > 0) {
                    output.note(format!(
                        "{}: {} of {} replies about {} differ from the image: does it serve the same list?",
                        server.address, server.differ, server.replies, mix.image
                    ));
                }
                rows.push(row);
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        Ok(rows)
    }

    fn row(
        &self,
        mix: &Mix<'_>,
        queries: &[Prepared],
        how: How,
        time: Duration,
        clock: Clock,
    ) -> Result<Row, Failure> {
        let mut latencies = Latencies::new(clock);
        let mut tally = Tally::default();
        let mut nanos = Vec::new();
        for number in 0..PARTS as usize {
            let from = number * queries.len() / PARTS as usize;
            let until = Instant::now() + time / PARTS;
            let each = match how {
                How::DnsAtOnce => self.at_once(queries, from, until, &mut tally),
                _ => self.alone(queries, from, until, &mut latencies, &mut tally),
            };
            let each = each.map_err(|error| {
                let what = format!("{}: the DNS server was lost: {error}", self.address);
                Failure::new(Exit::Transport, what)
            })?;
            nanos.extend(each);
            if tally.vain >= VAIN {
                break;
            }
        }
        let ns = Spread::of(&nanos);
        Ok(Row {
            kind: mix.kind(),
            asked: mix.asked,
            how,
            image: mix.image.clone(),
            zone: mix.zone.clone(),
            threads: 1,
            pinned: true,
            ns,
            less_than_ns: None,
            limit_ns: None,
            ratio: None,
            per_second: ns.map(|ns| 1e9 / ns.median),
            scaling: None,
            latency: match how {
                How::DnsAlone => Latency::of(&latencies, clock.tells),
                _ => None,
            },
            server: Some(Replies {
                address: self.address.to_string(),
                replies: tally.replies,
                lost: tally.lost,
                differ: tally.differ,
            }),
            noise: None,
        })
    }

    /// One query after the other until `until`: nanoseconds a reply, none without one.
    fn alone(
        &self,
        queries: &[Prepared],
        from: usize,
        until: Instant,
        latencies: &mut Latencies,
        tally: &mut Tally,
    ) -> std::io::Result<Option<f64>> {
        let start = Instant::now();
        let mut count = 0u64;
        for query in queries.iter().cycle().skip(from) {
            let sent = Instant::now();
            match self.once(query) {
                Ok(listed) => {
                    latencies.add(u64::try_from(sent.elapsed().as_nanos()).unwrap_or(u64::MAX));
                    count += 1;
                    tally.replied(listed, query);
                }
                Err(error) if is_patience(&error) => tally.missed(1),
                Err(error) => return Err(error),
            }
            if Instant::now() >= until || tally.vain >= VAIN {
                break;
            }
        }
        Ok(nanos_each(start, count))
    }

    /// Keeps queries on their way until `until`: nanoseconds a reply, none without one.
    fn at_once(
        &self,
        queries: &[Prepared],
        from: usize,
        until: Instant,
        tally: &mut Tally,
    ) -> std::io::Result<Option<f64>> {
        let mut reply = [0; 4096];
        // Which queries are on their way: each is counted once, whatever the server sends.
        let mut waiting = vec![false; queries.len()];
        let mut on_their_way = 0u64;
        let mut next = (from..queries.len()).chain(0..from).cycle();
        let start = Instant::now();
        let mut count = 0u64;
        loop {
            let sending = Instant::now() < until && tally.vain < VAIN;
            let room = AT_ONCE.min(queries.len()) as u64;
            while sending && on_their_way < room {
                let Some(number) = next.find(|&number| waiting.get(number) == Some(&false)) else {
                    break;
                };
                if let Some((query, waiting)) = queries.get(number).zip(waiting.get_mut(number)) {
                    self.socket.send(&query.bytes)?;
                    *waiting = true;
                    on_their_way += 1;
                }
            }
            if on_their_way == 0 {
                break;
            }
            match self.socket.recv(&mut reply) {
                Ok(len) => {
                    let said = read(reply.get(..len).unwrap_or_default());
                    let Some((ident, listed)) = said else {
                        continue;
                    };
                    let number = usize::from(ident);
                    let Some((query, waits)) = queries.get(number).zip(waiting.get_mut(number))
                    else {
                        continue;
                    };
                    if std::mem::take(waits) {
                        on_their_way -= 1;
                        count += 1;
                        tally.replied(listed, query);
                    }
                }
                Err(error) if is_patience(&error) => {
                    tally.missed(on_their_way);
                    on_their_way = 0;
                    waiting.fill(false);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(nanos_each(start, count))
    }

    /// Sends a query and waits for its reply: whether that lists the key.
    fn once(&self, query: &Prepared) -> std::io::Result<bool> {
        self.socket.send(&query.bytes)?;
        let mut reply = [0; 4096];
        loop {
            let len = self.socket.recv(&mut reply)?;
            let Some((ident, listed)) = read(reply.get(..len).unwrap_or_default()) else {
                continue;
            };
            // What comes late is of a query before.
            if ident == query.ident {
                return Ok(listed);
            }
        }
    }
}

impl Tally {
    fn replied(&mut self, listed: bool, query: &Prepared) {
        self.replies += 1;
        self.vain = 0;
        self.differ += u64::from(listed != query.listed);
    }

    fn missed(&mut self, count: u64) {
        self.lost += count;
        self.vain += 1;
    }
}

fn is_patience(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
    )
}

#[expect(clippy::cast_precision_loss, reason = "a few digits are enough")]
fn nanos_each(start: Instant, count: u64) -> Option<f64> {
    (count > 0).then(|| start.elapsed().as_secs_f64() * 1e9 / count as f64)
}

/// The ident of a reply, and whether it lists: it has an answer.
fn read(reply: &[u8]) -> Option<(u16, bool)> {
    let message = Message::from_octets(reply).ok()?;
    let header = message.header();
    let listed = message.header_counts().ancount() > 0;
    header.qr().then_some((header.id(), listed))
}

/// Up to `count` queries of a mix. The ident of a query is its number.
fn prepare(mix: &Mix<'_>, count: usize) -> Vec<Prepared> {
    let Some(image) = mix.images.first() else {
        return Vec::new();
    };
    match &mix.questions {
        Questions::Address(asked) => queries(image.name(), asked, count, |address| {
            NameKey::spelled(Ipv4Addr::from_bits(*address).into())
        }),
        Questions::Ipv6(asked) => queries(image.name(), asked, count, |address| {
            NameKey::spelled(Ipv6Addr::from_bits(*address).into())
        }),
        Questions::Name(asked) => queries(image.name(), asked, count, |name| *name),
    }
}

fn queries<K: Key>(
    image: &str,
    asked: &Asked<'_, K>,
    count: usize,
    name: impl Fn(&K) -> NameKey,
) -> Vec<Prepared> {
    let mut prepared = Vec::new();
    for (key, zone) in asked.some(count) {
        let ident = u16::try_from(prepared.len()).unwrap_or(u16::MAX);
        if let Some(bytes) = query(ident, &name(&key), &zone, image) {
            let listed = key.listed(&zone);
            prepared.push(Prepared {
                ident,
                bytes,
                listed,
            });
        }
    }
    prepared
}

/// A query for the A records of `NAME.SUBZONE.IMAGE`; none if that is too long.
fn query(ident: u16, name: &NameKey, zone: &Zone<'_>, image: &str) -> Option<Vec<u8>> {
    let base = NameKey::parse(image.as_bytes()).ok()?;
    let subzone = zone.name();
    let mut wire = Vec::new();
    for part in [name, &subzone, &base] {
        // Labels of a key come from the root down.
        for label in part.labels().iter().rev() {
            wire.push(u8::try_from(label.len()).ok()?);
            wire.extend(label);
        }
    }
    wire.push(0);
    let name = Name::from_octets(wire).ok()?;
    let mut builder = MessageBuilder::new_vec();
    builder.header_mut().set_id(ident);
    let mut builder = builder.question();
    builder.push((name, Rtype::A, Class::IN)).ok()?;
    Some(builder.finish())
}
