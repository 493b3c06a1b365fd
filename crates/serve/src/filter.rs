//! The filter that OpenSMTPD starts as a process of its own (smtpd-filters(7)).
//!
//! A filter that exits ends the mail server, one that does not answer stops its sessions. So this one
//! goes on without a policy until there is one, reads lines in one thread and writes answers in
//! another, and answers every question that it is asked: what it does not understand proceeds.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::time::Duration;

use rblmap_policy::{Action, Policy, Request, client_address};

use crate::desk::{Adapter, Desk};
use crate::error::Error;
use crate::follow::{self, Task};
use crate::log::{Level, Log};
use crate::server::{chain, host_name};
use crate::shared::Shared;
use crate::since::look;
use crate::wire::opensmtpd::{Line, read};

/// Speaks with OpenSMTPD on standard input and output until the input ends.
///
/// ```no_run
/// // OpenSMTPD starts this process, and speaks with it on standard input and output.
/// rblmap_serve::filter_opensmtpd("/etc/rblmap/mail.toml".as_ref())?;
/// # Ok::<(), rblmap_serve::Error>(())
/// ```
///
/// # Errors
/// No thread can be started.
pub fn filter_opensmtpd(config: &Path) -> Result<(), Error> {
    let thread = |source| Error::System {
        what: "no thread for the filter",
        source,
    };
    let (log, _writer) = Log::start().map_err(thread)?;
    let (answers, to_write) = mpsc::sync_channel(WAITING);
    let writer = std::thread::Builder::new().name("write".to_owned());
    let writer = writer
        .spawn(move || write_answers(&to_write))
        .map_err(thread)?;
    let policies = wait_for_policy(config, log.clone()).map_err(thread)?;
    let mut filter = Filter::new(answers);
    let mut input = BufReader::with_capacity(64 * 1024, std::io::stdin().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        match input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        }
        filter.take_policy(&policies);
        let bare = line.strip_suffix(b"\n").unwrap_or(&line);
        filter.line(bare);
    }
    // The server has ended. What waits is written: to nobody, if the pipe is closed.
    drop(filter);
    // A panic in it was printed already.
    let _ = writer.join();
    Ok(())
}

/// Answers that wait to be written, each at most a line. A server that reads none of so many is not
/// read from, so that it cannot fill the memory; it goes on when it reads, and none is lost.
const WAITING: usize = 64;
/// What is written at once.
const CHUNK: usize = 64 * 1024;
/// Longer lines than the server sends are read in pieces, which are nothing to answer.
const MAX_LINE: u64 = 1 << 20;
/// Sessions that are remembered; those beyond pass.
const MAX_SESSIONS: usize = 65_536;
/// How long the first line waits for the policy.
const FIRST_WAIT: Duration = Duration::from_secs(10);
/// How often a policy that cannot be read is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// A policy that can be used, or that the file cannot be used now.
type Found = Option<Arc<Shared>>;

/// Reads the policy, again and again until it can be used, then follows its images.
fn wait_for_policy(config: &Path, log: Log) -> std::io::Result<Receiver<Found>> {
    let (found, policies) = mpsc::channel();
    let config = config.to_owned();
    let run = move || {
        let host = host_name();
        let mut told = String::new();
        let policy = loop {
            match Policy::read(&config, &host) {
                Ok(policy) => break policy,
                Err(error) => {
                    let why = chain(&error);
                    if why != told {
                        let line = why.replace(['"', '\n'], "'");
                        log.say(
                            Level::Warning,
                            &format!(
                                "event=no-policy reason=\"{line}\" action=\"all mail passes\""
                            ),
                        );
                        told = why;
                        // The first mails need not wait for a file that cannot be used.
                        if found.send(None).is_err() {
                            return;
                        }
                    }
                    std::thread::sleep(AGAIN);
                }
            }
        };
        look(&policy);
        let shared = Arc::new(Shared::new(Arc::new(policy), log));
        if found.send(Some(Arc::clone(&shared))).is_err() {
            return;
        }
        let (tasks, task) = mpsc::channel();
        reload_on_hangup(tasks);
        let of_thread = Arc::clone(&shared);
        follow::run(&shared, &task, &host, move |reloaded| match reloaded {
            Ok(policy) => {
                of_thread.replace(Arc::new(policy));
                of_thread.log.say(Level::Info, "event=reloaded");
            }
            Err(error) => {
                let why = chain(&error).replace(['"', '\n'], "'");
                of_thread.log.say(
                    Level::Warning,
                    &format!("event=reload-failed reason=\"{why}\" policy=\"the old one stays\""),
                );
            }
        });
    };
    std::thread::Builder::new()
        .name("follow".to_owned())
        .spawn(run)?;
    Ok(policies)
}

/// Tells the following thread of every SIGHUP. Where that cannot be had, the policy stays.
fn reload_on_hangup(tasks: Sender<Task>) {
    let wait = move || -> Option<()> {
        let (mut here, there) = std::os::unix::net::UnixStream::pair().ok()?;
        signal_hook::low_level::pipe::register(signal_hook::consts::SIGHUP, there).ok()?;
        let mut byte = [0];
        loop {
            here.read_exact(&mut byte).ok()?;
            tasks.send(Task::Reload).ok()?;
        }
    };
    // Without the thread the sender goes, and with it the following of images: so it is kept there.
    let _ = std::thread::Builder::new()
        .name("hangup".to_owned())
        .spawn(move || {
            let _ = wait();
            loop {
                std::thread::park();
            }
        });
}

fn write_answers(answers: &Receiver<Vec<u8>>) {
    let mut out = std::io::stdout().lock();
    while let Ok(answer) = answers.recv() {
        let mut all = answer;
        while all.len() < CHUNK
            && let Ok(more) = answers.try_recv()
        {
            all.extend_from_slice(&more);
        }
        // A server that has gone reads no more; the end of the input tells.
        let _ = out.write_all(&all).and_then(|()| out.flush());
    }
}

/// What is answered to lines, and how many questions were among them.
#[cfg(feature = "fuzz")]
pub(crate) fn answer_lines<'l>(
    shared: &Arc<Shared>,
    lines: impl Iterator<Item = &'l [u8]>,
) -> (usize, Vec<u8>) {
    let (answers, written) = mpsc::sync_channel(WAITING);
    let mut filter = Filter::new(answers);
    filter.desk = Some(Desk::new(shared));
    let (mut asked, mut all) = (0, Vec::new());
    for line in lines {
        let is_question =
            |line| matches!(read(line), Line::Filter { phase, .. } if phase != b"data-line");
        asked += usize::from(is_question(line));
        filter.line(line);
        // Nobody else reads.
        all.extend(written.try_iter().flatten());
    }
    (asked, all)
}

struct Filter {
    desk: Option<Desk>,
    generation: u64,
    shared: Option<Arc<Shared>>,
    /// The first line has waited for the policy.
    waited: bool,
    sessions: HashMap<Vec<u8>, Session>,
    answers: SyncSender<Vec<u8>>,
    /// Whether messages come through the filter line by line, to get a header.
    tags: bool,
}

/// What is remembered of a session.
#[derive(Debug, Default)]
struct Session {
    client: String,
    rdns: String,
    verified: bool,
    port: Option<u16>,
    helo: String,
    sender: String,
    authenticated: bool,
    header: Option<String>,
}

impl Filter {
    fn new(answers: SyncSender<Vec<u8>>) -> Filter {
        Filter {
            desk: None,
            generation: 0,
            shared: None,
            waited: false,
            sessions: HashMap::new(),
            answers,
            tags: false,
        }
    }

    /// Takes the policy that was found, or another that is in force now. The first line waits for
    /// it, so that the first mails are judged too.
    fn take_policy(&mut self, policies: &Receiver<Found>) {
        if self.shared.is_none() {
            let wait = if self.waited {
                Duration::ZERO
            } else {
                FIRST_WAIT
            };
            self.waited = true;
            let first = policies.recv_timeout(wait).ok();
            self.shared = first
                .into_iter()
                .chain(policies.try_iter())
                .flatten()
                .last();
        }
        let Some(shared) = &self.shared else { return };
        let generation = shared.generation();
        if generation != self.generation {
            self.generation = generation;
            self.desk = Some(Desk::new(shared));
        }
    }

    fn line(&mut self, line: &[u8]) {
        match read(line) {
            Line::Ready => self.register(),
            Line::Report {
                event,
                session,
                rest,
            } => self.report(event, session, rest),
            Line::Filter {
                phase,
                session,
                token,
                rest,
                token_first,
            } => {
                let ids = if token_first {
                    [token, session]
                } else {
                    [session, token]
                };
                self.filter(phase, session, ids, rest);
            }
            Line::Other => {}
        }
    }

    fn register(&mut self) {
        self.tags = self
            .desk
            .as_ref()
            .is_none_or(|desk| desk.policy().may_tag());
        let reports = ["link-connect", "link-auth", "link-disconnect"];
        let filters = ["connect", "helo", "ehlo", "mail-from", "rcpt-to"];
        let mut text = String::new();
        for report in reports {
            text.push_str(&format!("register|report|smtp-in|{report}\n"));
        }
        for filter in filters.into_iter().chain(self.tags.then_some("data-line")) {
            text.push_str(&format!("register|filter|smtp-in|{filter}\n"));
        }
        text.push_str("register|ready\n");
        self.send(text.into_bytes());
    }

    fn report(&mut self, event: &[u8], id: &[u8], rest: &[u8]) {
        match event {
            b"link-disconnect" => {
                self.sessions.remove(id);
            }
            b"link-connect" => {
                let Some(session) = self.session(id) else {
                    return;
                };
                let mut words = rest.split(|byte| *byte == b'|');
                let mut word = || words.next().map(text).unwrap_or_default();
                (session.rdns, session.verified) = (word(), word() == "pass");
                session.client = word();
                let to = word();
                session.port = to.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
            }
            // Name and result changed their order between versions.
            b"link-auth" => {
                let passed = rest.rsplit(|byte| *byte == b'|').next() == Some(b"pass")
                    || rest.split(|byte| *byte == b'|').next() == Some(b"pass");
                if let Some(session) = self.session(id) {
                    session.authenticated |= passed;
                }
            }
            _ => {}
        }
    }

    fn filter(&mut self, phase: &[u8], id: &[u8], ids: [&[u8]; 2], rest: &[u8]) {
        if phase == b"data-line" {
            return self.data_line(id, ids, rest);
        }
        let reply = match phase {
            b"connect" => {
                if let Some(session) = self.session(id) {
                    let mut words = rest.split(|byte| *byte == b'|');
                    let (rdns, address) = (words.next().map(text), words.next().map(text));
                    session.rdns = rdns.unwrap_or_default();
                    session.client = address.unwrap_or_default();
                }
                None
            }
            b"helo" | b"ehlo" => {
                if let Some(session) = self.session(id) {
                    session.helo = text(rest);
                }
                None
            }
            b"mail-from" => {
                if let Some(session) = self.session(id) {
                    session.sender = text(rest);
                    session.header = None;
                }
                None
            }
            b"rcpt-to" => self.decide(id, &text(rest)),
            _ => None,
        };
        let result = match reply {
            Some(reply) => format!("reject|{reply}"),
            None => "proceed".to_owned(),
        };
        self.answer(b"filter-result", ids, result.as_bytes());
    }

    /// The line that the client is told, if it is.
    fn decide(&mut self, id: &[u8], recipient: &str) -> Option<String> {
        let session = self.sessions.get_mut(id)?;
        let desk = self.desk.as_mut()?;
        let request = Request {
            client: client_address(&session.client),
            helo: &session.helo,
            sender: &session.sender,
            rdns: &session.rdns,
            verified: if session.verified { &session.rdns } else { "" },
            recipient,
            authenticated: session.authenticated,
            port: session.port,
            ..Request::default()
        };
        let decision = desk.decide(Adapter::Opensmtpd, &request);
        match decision.action {
            Action::Reject | Action::Defer => return Some(decision.reply),
            Action::Tag => session.header = Some(decision.reply),
            Action::Pass | Action::Log | Action::Allowed | Action::Exempt => {}
        }
        None
    }

    /// A line of a message goes back as it came; the first one has the header before it.
    fn data_line(&mut self, id: &[u8], ids: [&[u8]; 2], line: &[u8]) {
        let header = self
            .sessions
            .get_mut(id)
            .and_then(|session| session.header.take());
        if let Some(header) = header {
            self.answer(b"filter-dataline", ids, header.as_bytes());
        }
        self.answer(b"filter-dataline", ids, line);
    }

    fn answer(&self, kind: &[u8], [first, second]: [&[u8]; 2], result: &[u8]) {
        self.send([kind, b"|", first, b"|", second, b"|", result, b"\n"].concat());
    }

    fn send(&self, answer: Vec<u8>) {
        // The writing thread is there as long as the filter.
        let _ = self.answers.send(answer);
    }

    fn session(&mut self, id: &[u8]) -> Option<&mut Session> {
        if self.sessions.len() >= MAX_SESSIONS && !self.sessions.contains_key(id) {
            return None;
        }
        Some(self.sessions.entry(id.to_owned()).or_default())
    }
}

/// A word of a client, cut so that nobody fills the memory with it.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..512).unwrap_or(bytes)).into_owned()
}
