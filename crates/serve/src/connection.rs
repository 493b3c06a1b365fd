//! One connection: its socket, its session, and what waits to be read or written.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};

use crate::desk::{Adapter, Desk};
use crate::session::{Session, Step};

/// A socket to a mail server.
#[derive(Debug)]
pub(crate) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) adapter: Adapter,
    stream: Stream,
    session: Session,
    /// What has arrived and is not yet a whole request.
    input: Vec<u8>,
    /// What is not yet written, from `written` on.
    output: Vec<u8>,
    written: usize,
    /// An event has told that the peer sends no more; what it sent may not be read yet.
    hung_up: bool,
    /// All that the peer sent is read.
    ended: bool,
    /// It is closed when the output is written.
    closing: bool,
    active: Instant,
}

/// What a connection waits for after its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// An event of its socket.
    Event,
    /// Its next turn: there is more to do.
    Turn,
    /// Nothing: it ends.
    End,
}

/// How much is read at once; the buffer is shared by all connections.
pub(crate) const CHUNK: usize = 64 * 1024;
/// Answers that wait: a peer that does not read them is not read from.
const MAX_OUTPUT: usize = 16 * 1024;
/// Buffers up to this size are kept between requests.
const KEPT: usize = 4 * 1024;
/// How long a connection that carries many requests may be idle: Postfix ends its own after 300 s.
const IDLE: Duration = Duration::from_secs(1000);
/// How long one may take that carries one request.
const ONE_REQUEST: Duration = Duration::from_secs(30);

impl Connection {
    pub(crate) fn new(adapter: Adapter, stream: Stream) -> Connection {
        Connection {
            adapter,
            stream,
            session: Session::new(adapter),
            input: Vec::new(),
            output: Vec::new(),
            written: 0,
            hung_up: false,
            ended: false,
            closing: false,
            active: Instant::now(),
        }
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        match &mut self.stream {
            Stream::Unix(stream) => stream.register(registry, token, both),
            Stream::Tcp(stream) => stream.register(registry, token, both),
        }
    }

    /// Reads, answers and writes, as far as that goes without waiting, for at most one chunk.
    pub(crate) fn turn(&mut self, chunk: &mut [u8], desk: &mut Desk) -> After {
        match self.try_turn(chunk, desk) {
            Ok(after) => after,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => After::Event,
            // The peer is gone.
            Err(_) => After::End,
        }
    }

    fn try_turn(&mut self, chunk: &mut [u8], desk: &mut Desk) -> io::Result<After> {
        self.flush()?;
        if self.closing {
            return Ok(After::End);
        }
        // What waited for the peer to read its answers.
        if !self.input.is_empty() {
            self.answer(&[], desk)?;
        }
        if self.closing || self.ended {
            return Ok(After::End);
        }
        let read = match self.stream.read(chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(After::Turn),
            read => read?,
        };
        self.active = Instant::now();
        self.ended = read == 0;
        self.answer(chunk.get(..read).unwrap_or_default(), desk)?;
        if self.closing || self.ended {
            return Ok(After::End);
        }
        // A socket that gave less than was asked for is empty: the next event tells of more. But the
        // end was told already, if the peer closed before its bytes were read.
        if read == chunk.len() || self.hung_up {
            return Ok(After::Turn);
        }
        Ok(After::Event)
    }

    /// Remembers that the peer sends no more.
    pub(crate) fn hang_up(&mut self) {
        self.hung_up = true;
    }

    /// Answers what was kept and what has arrived, and keeps what is not yet a whole request. A peer
    /// that does not read its answers leaves the rest unanswered until it does.
    fn answer(&mut self, arrived: &[u8], desk: &mut Desk) -> io::Result<()> {
        let mut kept = std::mem::take(&mut self.input);
        if !kept.is_empty() {
            kept.extend_from_slice(arrived);
        }
        let all = if kept.is_empty() { arrived } else { &kept };
        let mut used = 0;
        let flushed = loop {
            let full = self.answer_some(all, &mut used, desk);
            let flushed = self.flush();
            if flushed.is_err() || !full || self.closing {
                break flushed;
            }
        };
        if kept.is_empty() {
            self.input
                .extend_from_slice(all.get(used..).unwrap_or_default());
        } else {
            kept.drain(..used);
            if !kept.is_empty() || kept.capacity() <= KEPT {
                self.input = kept;
            }
        }
        flushed
    }

    /// Answers requests until one is not whole, or enough answers wait: then it says so.
    fn answer_some(&mut self, input: &[u8], used: &mut usize, desk: &mut Desk) -> bool {
        while self.output.len() - self.written < MAX_OUTPUT {
            let rest = input.get(*used..).unwrap_or_default();
            match self.session.step(rest, self.ended, desk, &mut self.output) {
                Step::Used(more) => *used += more,
                Step::Wait => return false,
                Step::Close => {
                    self.closing = true;
                    *used = input.len();
                    return false;
                }
            }
        }
        true
    }

    /// Writes what waits.
    fn flush(&mut self) -> io::Result<()> {
        while let Some(rest) = self
            .output
            .get(self.written..)
            .filter(|rest| !rest.is_empty())
        {
            match self.stream.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(more) => self.written += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.written = 0;
        if self.output.capacity() > KEPT {
            self.output = Vec::new();
        } else {
            self.output.clear();
        }
        Ok(())
    }

    /// Bytes of memory that the buffers take.
    pub(crate) fn buffered(&self) -> usize {
        self.input.capacity() + self.output.capacity()
    }

    /// Whether nothing was heard for too long.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        let limit = if self.session.is_kept() {
            IDLE
        } else {
            ONE_REQUEST
        };
        now.saturating_duration_since(self.active) > limit
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Unix(stream) => stream.read(buffer),
            Stream::Tcp(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Unix(stream) => stream.write(bytes),
            Stream::Tcp(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
