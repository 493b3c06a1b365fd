//! A real `rbldnsd` on a loopback port, and a client for it (RFC 1035, sections 4.1 and 4.2.1).

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rblmap::NameKey;
use rblmap_zonefile::Spec;

/// Zones are below this one.
pub const BASE: &str = "bl.test";

/// A records and texts of an answer: what DNS can tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    pub a: BTreeSet<Ipv4Addr>,
    pub txt: BTreeSet<Vec<u8>>,
    /// SERVFAIL: the data is loaded but expired.
    pub failed: bool,
}

/// The program, where it is installed.
pub fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    let found = folders
        .map(|folder| folder.join("rbldnsd"))
        .find(|path| path.is_file());
    if found.is_none() {
        println!("skipped: comparison with rbldnsd (not installed)");
    }
    found
}

/// A running server; ends with the value.
pub struct Server {
    child: Child,
    log: PathBuf,
    socket: UdpSocket,
    ident: u16,
    /// Whether it took the zones.
    pub up: bool,
}

impl Server {
    /// Starts the program and waits until it has loaded or refused its zones. Files are in
    /// `folder`, by relative names.
    pub fn start(program: &Path, folder: &Path, specs: &[Spec], flags: &[&str]) -> Server {
        loop {
            let server = Server::try_start(program, folder, specs, flags);
            // Another program may have taken the port.
            if !server.log().contains("unable to bind") {
                return server;
            }
        }
    }

    fn try_start(program: &Path, folder: &Path, specs: &[Spec], flags: &[&str]) -> Server {
        std::fs::set_permissions(folder, PermissionsExt::from_mode(0o755)).unwrap();
        let port = {
            let probe = UdpSocket::bind("127.0.0.1:0").unwrap();
            probe.local_addr().unwrap().port()
        };
        let log = folder.join("log");
        let out = std::fs::File::create(&log).unwrap();
        let child = Command::new(program)
            .args(["-n", "-c", "0", "-b", &format!("127.0.0.1/{port}")])
            .arg("-w")
            .arg(folder)
            .args(flags)
            .args(specs.iter().map(argument))
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", port)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(2)))
            .unwrap();
        let mut server = Server {
            child,
            log,
            socket,
            ident: 0,
            up: false,
        };
        server.up = server.wait();
        server
    }

    /// What the program has written.
    pub fn log(&self) -> String {
        let log = std::fs::read(&self.log).unwrap();
        log.iter().map(|&byte| char::from(byte)).collect()
    }

    /// Asks for A and TXT of a name relative to the base.
    pub fn ask(&mut self, name: &NameKey) -> Told {
        let mut told = Told::default();
        for kind in [1, 16] {
            let (failed, data) = self.records(name, kind);
            told.failed |= failed;
            for data in data {
                if kind == 1 {
                    let octets: [u8; 4] = data.try_into().unwrap();
                    told.a.insert(octets.into());
                } else {
                    told.txt.insert(strings(&data));
                }
            }
        }
        told
    }

    fn wait(&mut self) -> bool {
        let end = Instant::now() + Duration::from_secs(20);
        while Instant::now() < end {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            if self.log().contains("started (") {
                return true;
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        panic!("rbldnsd neither starts nor ends: {}", self.log());
    }

    /// Sends a query, and waits for the reply of its number.
    pub fn exchange(&mut self, query: &[u8]) -> Option<Vec<u8>> {
        let mut reply = vec![0; 65_535];
        for _ in 0..5 {
            self.socket.send(query).unwrap();
            while let Ok(len) = self.socket.recv(&mut reply) {
                if reply[..2] == query[..2] {
                    reply.truncate(len);
                    return Some(reply);
                }
            }
        }
        None
    }

    #[allow(dead_code, reason = "the tests of the DNS listener use it")]
    /// Sends a packet, and a query after it: the reply to the packet, if there is one.
    pub fn exchange_once(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let after = query(0xfffe, &NameKey::ROOT, 1);
        self.socket.send(packet).unwrap();
        self.socket.send(&after).unwrap();
        let mut first = None;
        let mut reply = vec![0; 65_535];
        while let Ok(len) = self.socket.recv(&mut reply) {
            if reply[..2] == after[..2] {
                break;
            }
            first = Some(reply[..len].to_vec());
        }
        first
    }

    fn records(&mut self, name: &NameKey, kind: u16) -> (bool, Vec<Vec<u8>>) {
        self.ident = self.ident.wrapping_add(1);
        let query = query(self.ident, name, kind);
        match self.exchange(&query) {
            Some(reply) => read(&reply, query.len() - 11, kind),
            None => panic!("no answer from rbldnsd: {}", self.log()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn argument(spec: &Spec) -> String {
    let files: Vec<_> = spec
        .files
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap())
        .collect();
    format!("{}:{}:{}", spec.zone, spec.kind, files.join(","))
}

fn query(ident: u16, name: &NameKey, kind: u16) -> Vec<u8> {
    let mut out = Vec::new();
    for word in [ident, 0, 1, 0, 0, 1] {
        out.extend(word.to_be_bytes());
    }
    let mut labels = name.labels();
    labels.reverse();
    labels.extend(BASE.split('.').map(|label| label.as_bytes().to_vec()));
    for label in labels {
        out.push(u8::try_from(label.len()).unwrap());
        out.extend(label);
    }
    out.push(0);
    out.extend([0, u8::try_from(kind).unwrap(), 0, 1]);
    // EDNS with 4,000 bytes (RFC 6891).
    out.extend([0, 0, 41, 0x0f, 0xa0, 0, 0, 0, 0, 0, 0]);
    out
}

/// Whether the server failed, and the data of the answers of a kind; they begin at `at`.
fn read(reply: &[u8], mut at: usize, kind: u16) -> (bool, Vec<Vec<u8>>) {
    let word = |at: usize| u16::from_be_bytes([reply[at], reply[at + 1]]);
    assert_eq!(reply[2] & 2, 0, "an answer was cut");
    let mut data = Vec::new();
    for _ in 0..word(6) {
        if reply[at] & 0xc0 == 0 {
            while reply[at] != 0 {
                at += usize::from(reply[at]) + 1;
            }
            at += 1;
        } else {
            at += 2;
        }
        let len = usize::from(word(at + 8));
        if word(at) == kind {
            data.push(reply[at + 10..at + 10 + len].to_vec());
        }
        at += 10 + len;
    }
    (reply[3] & 15 == 2, data)
}

fn strings(mut data: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    while let Some((&len, rest)) = data.split_first() {
        let (string, rest) = rest.split_at(len.into());
        text.extend_from_slice(string);
        data = rest;
    }
    text
}
