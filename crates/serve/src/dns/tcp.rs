//! Answers queries over TCP: one thread for all connections, any number of queries on each (RFC 7766).

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use socket2::{Domain, Protocol, Socket, Type};

use super::query::Over;
use super::worker::Worker;
use crate::shared::now;

/// The longest query that is read; a client that sends a longer one is cut off.
const QUERY_LEN: usize = 4096;
/// A client that does not take its replies gets no more than so many bytes waiting.
const WAITING_LEN: usize = 128 << 10;
/// A connection without a whole query for so long is closed (RFC 7766 section 6.2.3).
const IDLE: Duration = Duration::from_secs(10);
/// How often idle connections and new images are looked for.
const TICK: Duration = Duration::from_millis(500);
/// What one connection may send before the others have their turn.
const TURN: usize = 16;

/// A listening socket and its connections.
pub(crate) struct Tcp {
    poll: Poll,
    waker: Arc<Waker>,
    listener: TcpListener,
    /// By token, less [`FIRST`].
    clients: Vec<Option<Client>>,
    /// Places of clients that have more to be answered, after the others had their turn.
    again: Vec<usize>,
    most: usize,
    worker: Worker,
}

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);
/// The token of the first client.
const FIRST: usize = 2;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 128;

/// Opens a listening socket.
///
/// # Errors
/// An address that cannot be bound.
pub(crate) fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A connection.
struct Client {
    stream: TcpStream,
    address: SocketAddr,
    /// What came and is not answered yet.
    input: Vec<u8>,
    /// What is to be sent, and how much of it was.
    output: Vec<u8>,
    sent: usize,
    /// When it came, or sent its last whole query.
    active: Instant,
}

/// Whether a connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Until something happens on it.
    Open,
    /// With queries that are there already.
    More,
    Close,
}

impl Tcp {
    /// Serves at most `most` clients at once on a listening socket.
    ///
    /// # Errors
    /// The system has no more descriptors.
    pub(crate) fn new(
        listener: std::net::TcpListener,
        worker: Worker,
        most: usize,
    ) -> io::Result<Tcp> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        listener.set_nonblocking(true)?;
        let mut listener = TcpListener::from_std(listener);
        let registry = poll.registry();
        registry.register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Tcp {
            poll,
            waker,
            listener,
            clients: Vec::new(),
            again: Vec::new(),
            most: most.max(1),
            worker,
        })
    }

    /// What wakes [`Tcp::run`], so that it sees that it shall end.
    pub(crate) fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Answers until `stop` is set.
    pub(crate) fn run(mut self, stop: &AtomicBool) {
        let mut events = Events::with_capacity(256);
        let mut swept = Instant::now();
        while !stop.load(Ordering::Acquire) {
            let wait = if self.again.is_empty() {
                TICK
            } else {
                Duration::ZERO
            };
            match self.poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    self.worker.count_failed_call();
                    std::thread::sleep(TICK);
                }
                _ => {}
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(),
                    WAKER => {}
                    Token(number) => self.serve(number.saturating_sub(FIRST)),
                }
            }
            for at in std::mem::take(&mut self.again) {
                self.serve(at);
            }
            if swept.elapsed() >= TICK {
                swept = Instant::now();
                self.sweep(swept);
            }
        }
    }

    fn accept(&mut self) {
        loop {
            let (stream, address) = match self.listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // Out of descriptors, or a client that is gone: those that are there go on.
                Err(_) => {
                    self.worker.count_failed_call();
                    return;
                }
            };
            self.admit(stream, address);
        }
    }

    /// Takes a client in; the one that was silent for longest makes room for it.
    fn admit(&mut self, mut stream: TcpStream, address: SocketAddr) {
        let open = self.clients.iter().flatten().count();
        if open >= self.most {
            let clients = self.clients.iter().enumerate();
            let active = clients.filter_map(|(at, client)| Some((client.as_ref()?.active, at)));
            if let Some((_, oldest)) = active.min() {
                self.close(oldest);
            }
        }
        let free = self.clients.iter().position(Option::is_none);
        let at = free.unwrap_or_else(|| {
            self.clients.push(None);
            self.clients.len() - 1
        });
        let interest = Interest::READABLE | Interest::WRITABLE;
        let token = Token(FIRST + at);
        let registered = self.poll.registry().register(&mut stream, token, interest);
        if registered.is_err() {
            self.worker.count_failed_call();
            return;
        }
        let _ = stream.set_nodelay(true);
        if let Some(place) = self.clients.get_mut(at) {
            *place = Some(Client {
                stream,
                address,
                input: Vec::new(),
                output: Vec::new(),
                sent: 0,
                active: Instant::now(),
            });
        }
        self.serve(at);
    }

    fn serve(&mut self, at: usize) {
        let Some(Some(client)) = self.clients.get_mut(at) else {
            return;
        };
        match client.serve(&mut self.worker) {
            Fate::Open => {}
            Fate::More => self.again.push(at),
            Fate::Close => self.close(at),
        }
    }

    fn close(&mut self, at: usize) {
        if let Some(mut client) = self.clients.get_mut(at).and_then(Option::take) {
            let _ = self.poll.registry().deregister(&mut client.stream);
        }
    }

    /// Closes idle connections, and takes up new images even where nobody asks.
    fn sweep(&mut self, time: Instant) {
        self.worker.renew(now());
        for at in 0..self.clients.len() {
            let idle = |client: &Client| time.saturating_duration_since(client.active) >= IDLE;
            if self
                .clients
                .get(at)
                .and_then(Option::as_ref)
                .is_some_and(idle)
            {
                self.close(at);
            }
        }
    }
}

impl Client {
    /// Reads, answers and writes as far as it goes without waiting, for one turn.
    fn serve(&mut self, worker: &mut Worker) -> Fate {
        let Ok(read) = self.read() else {
            return Fate::Close;
        };
        let Ok(answered) = self.answer(worker) else {
            return Fate::Close;
        };
        if self.write().is_err() {
            return Fate::Close;
        }
        match read {
            // What does not fit waits until the client takes its replies.
            _ if self.is_full() => Fate::Open,
            _ if answered > 0 => Fate::More,
            // The client has said all that it will.
            Some(0) if self.output.is_empty() => Fate::Close,
            Some(0) | None => Fate::Open,
            Some(_) => Fate::More,
        }
    }

    fn is_full(&self) -> bool {
        self.output.len() - self.sent >= WAITING_LEN
    }

    /// Reads once; `None` if nothing is there, or nothing shall be read now.
    fn read(&mut self) -> io::Result<Option<usize>> {
        if self.is_full() || self.input.len() > 2 * QUERY_LEN {
            return Ok(None);
        }
        let mut bytes = [0; QUERY_LEN];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(len) => {
                    self.input
                        .extend_from_slice(bytes.get(..len).unwrap_or_default());
                    return Ok(Some(len));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Answers the whole queries that came, at most [`TURN`], in their order; gives their number.
    fn answer(&mut self, worker: &mut Worker) -> Result<usize, TooLong> {
        let mut taken = 0;
        let mut answered = 0;
        while answered < TURN && !self.is_full() {
            let rest = self.input.get(taken..).unwrap_or_default();
            let Some((&[high, low], rest)) = rest.split_first_chunk::<2>() else {
                break;
            };
            let len = usize::from(high) << 8 | usize::from(low);
            if len > QUERY_LEN {
                return Err(TooLong);
            }
            let Some(query) = rest.get(..len) else {
                break;
            };
            let reply = worker.answer(query, self.address, Over::Tcp, now());
            if !reply.is_empty() {
                // At most 65,535 bytes: what was answered with.
                let len = u16::try_from(reply.len()).unwrap_or(u16::MAX);
                self.output
                    .extend_from_slice(&[(len >> 8) as u8, (len & 0xff) as u8]);
                self.output.extend_from_slice(reply);
            }
            taken += 2 + len;
            answered += 1;
        }
        if answered > 0 {
            self.active = Instant::now();
            self.input.drain(..taken);
        }
        Ok(answered)
    }

    fn write(&mut self) -> io::Result<()> {
        while let Some(rest) = self.output.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => self.sent += len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.output.clear();
        self.output.shrink_to(QUERY_LEN);
        self.sent = 0;
        Ok(())
    }
}

/// A query is longer than any that is read.
struct TooLong;
