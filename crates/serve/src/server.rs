//! The event loop: one thread for all connections of the mail adapters.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token, Waker};
use rblmap_policy::Policy;

use crate::connection::{After, CHUNK, Connection};
use crate::desk::{Adapter, Desk};
use crate::dns::Dns;
use crate::error::Error;
use crate::follow::{self, Reloaded, Task};
use crate::listener::{Listener, wanted};
use crate::log::{Level, Log};
use crate::metrics::{FamilyName, Kind, Number};
use crate::notify::Notify;
use crate::passed;
use crate::shared::Shared;
use crate::signals::Signals;
use crate::since::look;
use crate::table::{FIRST_CONNECTION, Table};

/// How the server is started.
///
/// See the example of [`serve`].
#[derive(Debug, Clone)]
pub struct Options {
    /// The policy file.
    pub config: std::path::PathBuf,
    /// Run with the rights of root.
    pub allow_root: bool,
}

/// Serves until SIGTERM or SIGINT.
///
/// ```no_run
/// use rblmap_serve::{Error, Options, serve};
///
/// let options = Options { config: "/etc/rblmap/mail.toml".into(), allow_root: false };
/// match serve(&options) {
///     Err(Error::Root) => eprintln!("start me as a user without rights"),
///     ended => ended?,
/// }
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// A policy that cannot be used, rights of root without [`Options::allow_root`], a listener that
/// cannot be opened.
pub fn serve(options: &Options) -> Result<(), Error> {
    let host = host_name();
    let policy = Policy::read(&options.config, &host)?;
    if rustix::process::geteuid().is_root() && !options.allow_root {
        return Err(Error::Root);
    }
    raise_file_limit();
    let signals = Signals::catch().map_err(system("signals cannot be caught"))?;
    let (log, _writer) = Log::start().map_err(system("no thread for the log"))?;
    let server = Server::start(policy, host, signals, log)?;
    server.run()
}

/// This machine's name, for policies that do not name the host.
///
/// ```
/// assert!(!rblmap_serve::host_name().is_empty());
/// ```
pub fn host_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

fn system(what: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::System { what, source }
}

/// Every connection is an open file: takes as many as the system allows.
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // With fewer the server accepts fewer connections, and says so when it comes to that.
    let _ = setrlimit(Resource::Nofile, limit);
}

struct Server {
    poll: Poll,
    shared: Arc<Shared>,
    signals: Signals,
    notify: Notify,
    listeners: Vec<(Token, Listener)>,
    next_listener: usize,
    connections: Table,
    desk: Desk,
    dns: Dns,
    /// Tokens that have more to do than one turn.
    ready: VecDeque<Token>,
    follower: Option<JoinHandle<()>>,
    tasks: Sender<Task>,
    reloaded: Receiver<Reloaded>,
    open: Vec<Number>,
    dropped: Number,
    last_tick: Instant,
    told_full: Option<Instant>,
}

const SIGNALS: Token = Token(0);
const RELOADED: Token = Token(1);
const FIRST_LISTENER: usize = 2;
/// Connections that are accepted before others have their turn.
const ACCEPT_AT_ONCE: usize = 64;
/// Bytes in the buffers of all connections; whoever needs more beyond this is closed.
const MAX_BUFFERED: usize = 48 << 20;
const TICK: Duration = Duration::from_secs(5);
const EVENTS: usize = 1024;

const OPEN: FamilyName = FamilyName {
    name: "rblmap_connections",
    help: "Open connections, by adapter.",
    kind: Kind::Gauge,
};
const DROPPED: FamilyName = FamilyName {
    name: "rblmap_connections_dropped_total",
    help: "Connections that were closed because their half requests and unread answers took too much memory.",
    kind: Kind::Counter,
};
const RELOADS: FamilyName = FamilyName {
    name: "rblmap_reloads_total",
    help: "Times that the policy was read again, by result.",
    kind: Kind::Counter,
};

/// The sockets that were passed, and those of the policy that are not among them.
fn open_listeners(policy: &Policy, log: &Log) -> Result<Vec<Listener>, Error> {
    let mut listeners =
        passed::take(policy, log).map_err(system("a socket that was passed cannot be used"))?;
    for (adapter, on) in wanted(policy) {
        let is_open = |listener: &Listener| listener.address == on.address;
        if !listeners.iter().any(is_open) {
            listeners.push(Listener::open(adapter, on, policy)?);
        }
    }
    if listeners.is_empty() && policy.listen.dns.is_empty() {
        return Err(Error::NothingToDo {
            path: policy.path.clone(),
        });
    }
    Ok(listeners)
}

/// Starts the thread that follows images and reads policies, which come from the receiver.
fn start_follower(
    shared: &Arc<Shared>,
    tasks: Receiver<Task>,
    host: String,
    waker: Waker,
) -> Result<(JoinHandle<()>, Receiver<Reloaded>), Error> {
    let shared = Arc::clone(shared);
    let (reloaded_to, reloaded) = mpsc::channel();
    let follower = std::thread::Builder::new()
        .name("follow".to_owned())
        .spawn(move || {
            follow::run(&shared, &tasks, &host, |policy| {
                // Whoever does not listen has ended.
                let _ = reloaded_to.send(policy);
                let _ = waker.wake();
            });
        });
    Ok((
        follower.map_err(system("no thread to follow images"))?,
        reloaded,
    ))
}

impl Server {
    fn start(
        policy: Policy,
        host: String,
        mut signals: Signals,
        log: Log,
    ) -> Result<Server, Error> {
        let policy = Arc::new(policy);
        look(&policy);
        let listeners = open_listeners(&policy, &log)?;
        let shared = Arc::new(Shared::new(Arc::clone(&policy), log));
        let poll = Poll::new().map_err(system("events cannot be waited for"))?;
        poll.registry()
            .register(&mut signals.pipe, SIGNALS, mio::Interest::READABLE)
            .map_err(system("events cannot be waited for"))?;
        let waker =
            Waker::new(poll.registry(), RELOADED).map_err(system("events cannot be waited for"))?;
        let dns = Dns::start(&shared)?;
        let (tasks, task) = mpsc::channel();
        let (follower, reloaded) = start_follower(&shared, task, host, waker)?;
        let open =
            Adapter::ALL.map(|adapter| shared.metrics.number(OPEN, &[("adapter", adapter.word())]));
        let mut server = Server {
            poll,
            signals,
            notify: Notify::from_environment(),
            listeners: Vec::new(),
            next_listener: FIRST_LISTENER,
            connections: Table::default(),
            desk: Desk::new(&shared),
            dns,
            ready: VecDeque::new(),
            follower: Some(follower),
            tasks,
            reloaded,
            open: open.into(),
            dropped: shared.metrics.number(DROPPED, &[]),
            last_tick: Instant::now(),
            told_full: None,
            shared,
        };
        for listener in listeners {
            server
                .add_listener(listener)
                .map_err(system("events cannot be waited for"))?;
        }
        Ok(server)
    }

    fn run(mut self) -> Result<(), Error> {
        let zones = self.desk.policy().zones.len();
        self.say(Level::Info, &format!("event=ready zones={zones}"));
        self.notify.tell("READY=1");
        let mut events = Events::with_capacity(EVENTS);
        let mut chunk = vec![0; CHUNK];
        while !self.signals.stops() {
            let wait = if self.ready.is_empty() {
                self.until_tick()
            } else {
                Duration::ZERO
            };
            match self.poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    return Err(system("events cannot be waited for")(error));
                }
                Ok(()) | Err(_) => {}
            }
            for event in &events {
                if event.is_read_closed()
                    && let Some(connection) = self.connections.get_mut(event.token())
                {
                    connection.hang_up();
                }
                self.handle(event.token(), &mut chunk);
            }
            for _ in 0..self.ready.len() {
                let Some(token) = self.ready.pop_front() else {
                    break;
                };
                self.handle(token, &mut chunk);
            }
            if self.until_tick().is_zero() {
                self.tick();
            }
        }
        self.end();
        Ok(())
    }

    fn handle(&mut self, token: Token, chunk: &mut [u8]) {
        match token {
            SIGNALS => {
                self.signals.drain();
                if self.signals.take_reload() {
                    self.notify.tell("RELOADING=1");
                    // The thread ends with the server.
                    let _ = self.tasks.send(Task::Reload);
                }
            }
            RELOADED => {
                while let Ok(policy) = self.reloaded.try_recv() {
                    self.reload(policy);
                }
            }
            Token(number) if number < FIRST_CONNECTION => self.accept(token),
            _ => self.turn(token, chunk),
        }
    }

    fn accept(&mut self, token: Token) {
        for _ in 0..ACCEPT_AT_ONCE {
            let Some((_, listener)) = self.listeners.iter().find(|(at, _)| *at == token) else {
                return;
            };
            match listener.accept() {
                Ok(stream) => {
                    let connection = Connection::new(listener.adapter, stream);
                    self.add_connection(connection);
                }
                Err(error) => return self.accept_failed(token, &error),
            }
        }
        self.ready.push_back(token);
    }

    fn accept_failed(&mut self, token: Token, error: &io::Error) {
        match error.kind() {
            io::ErrorKind::WouldBlock => {}
            // A client that was gone before it was accepted.
            io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => {
                self.ready.push_back(token)
            }
            _ => {
                // No more open files: those that wait are accepted at the next tick.
                let now = Instant::now();
                if self
                    .told_full
                    .is_none_or(|at| now.duration_since(at) > Duration::from_secs(60))
                {
                    self.told_full = Some(now);
                    let connections = self.connections.len();
                    self.say(
                        Level::Warning,
                        &format!(
                            "event=cannot-accept connections={connections} reason=\"{error}\""
                        ),
                    );
                }
            }
        }
    }

    fn add_connection(&mut self, connection: Connection) {
        let adapter = connection.adapter;
        let token = self.connections.insert(connection);
        let Some(connection) = self.connections.get_mut(token) else {
            return;
        };
        if connection.register(self.poll.registry(), token).is_err() {
            // The system keeps no more sockets: the peer sees it closed.
            self.connections.remove(token);
            return;
        }
        if let Some(open) = self.open.get(adapter as usize) {
            open.increment();
        }
    }

    fn turn(&mut self, token: Token, chunk: &mut [u8]) {
        let Some(connection) = self.connections.get_mut(token) else {
            return;
        };
        let before = connection.buffered();
        let mut after = connection.turn(chunk, &mut self.desk);
        let grown = connection.buffered();
        self.connections.buffered = self.connections.buffered + grown - before;
        if grown > before && self.connections.buffered > MAX_BUFFERED {
            self.dropped.increment();
            after = After::End;
        }
        match after {
            After::Event => {}
            After::Turn => self.ready.push_back(token),
            After::End => self.close(token),
        }
    }

    fn close(&mut self, token: Token) {
        let Some(connection) = self.connections.remove(token) else {
            return;
        };
        if let Some(open) = self.open.get(connection.adapter as usize) {
            open.decrement();
        }
    }

    fn until_tick(&self) -> Duration {
        let every = self
            .notify
            .watchdog
            .map_or(TICK, |watchdog| watchdog.min(TICK));
        every.saturating_sub(self.last_tick.elapsed())
    }

    fn tick(&mut self) {
        self.last_tick = Instant::now();
        if self.notify.watchdog.is_some() {
            self.notify.tell("WATCHDOG=1");
        }
        for token in self.connections.over(self.last_tick) {
            self.close(token);
        }
        // Where files ran out, or an event was taken by somebody else.
        self.ready
            .extend(self.listeners.iter().map(|(token, _)| *token));
    }

    fn reload(&mut self, policy: Reloaded) {
        let result = match policy {
            Ok(policy) => self.take_policy(policy),
            Err(error) => Err(error.into()),
        };
        let word = match result {
            Ok(()) => {
                self.say(Level::Info, "event=reloaded");
                "ok"
            }
            Err(error) => {
                let why = chain(&error).replace(['"', '\n'], "'");
                self.say(
                    Level::Warning,
                    &format!("event=reload-failed reason=\"{why}\" policy=\"the old one stays\""),
                );
                "failed"
            }
        };
        self.shared
            .metrics
            .number(RELOADS, &[("result", word)])
            .increment();
        self.notify.tell("READY=1");
    }

    /// Opens what is new of the listeners before anything is changed.
    fn take_policy(&mut self, policy: Policy) -> Result<(), Error> {
        let mut new = Vec::new();
        for (adapter, on) in wanted(&policy) {
            let kept =
                |listener: &Listener| listener.adapter == adapter && listener.address == on.address;
            if !self.listeners.iter().any(|(_, listener)| kept(listener)) {
                new.push(Listener::open(adapter, on, &policy)?);
            }
        }
        self.dns.reload(&self.shared, &policy)?;
        for listener in new {
            self.add_listener(listener)
                .map_err(system("events cannot be waited for"))?;
        }
        self.listeners.retain(|(_, listener)| {
            wanted(&policy)
                .any(|(adapter, on)| adapter == listener.adapter && on.address == listener.address)
        });
        self.shared.replace(Arc::new(policy));
        self.desk = Desk::new(&self.shared);
        Ok(())
    }

    fn add_listener(&mut self, mut listener: Listener) -> io::Result<()> {
        let token = Token(self.next_listener);
        self.next_listener += 1;
        listener.register(self.poll.registry(), token)?;
        let line = format!(
            "event=listening adapter={} address={}",
            listener.adapter.word(),
            listener.local_address()
        );
        self.say(Level::Info, &line);
        self.listeners.push((token, listener));
        self.ready.push_back(token);
        Ok(())
    }

    fn end(mut self) {
        self.notify.tell("STOPPING=1");
        self.dns.stop();
        // The thread may be gone already.
        let _ = self.tasks.send(Task::Stop);
        if let Some(follower) = self.follower.take() {
            let _ = follower.join();
        }
        self.shared.log.say(Level::Info, "event=stopped");
    }

    fn say(&self, level: Level, line: &str) {
        self.shared.log.say(level, line);
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
