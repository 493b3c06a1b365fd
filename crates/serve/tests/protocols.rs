//! The server as a process: every protocol answers what the policy decides, and nothing that a peer
//! sends stops it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rblmap_image::{Stamp, encode};
use rblmap_policy::{Action, Choice, Decider, Policy, Request};
use rblmap_zonefile::{Options, Spec};
use tempfile::TempDir;

/// Not a test: the process that the tests talk to. It is this program again, told by its
/// environment what to be.
#[test]
fn child() {
    let Some(config) = std::env::var_os("RBLMAP_SERVE_CONFIG") else {
        return;
    };
    let config = PathBuf::from(config);
    let done = match std::env::var_os("RBLMAP_SERVE_FILTER") {
        Some(_) => rblmap_serve::filter_opensmtpd(&config),
        None => rblmap_serve::serve(&rblmap_serve::Options {
            config,
            allow_root: true,
        }),
    };
    match done {
        Ok(()) => std::process::exit(0),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(3);
        }
    }
}

fn this_program(config: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "child", "--nocapture", "--quiet"])
        .env("RBLMAP_SERVE_CONFIG", config);
    command
}

const ADAPTERS: [&str; 4] = ["policy", "socketmap", "milter", "query"];

/// A folder with images and a policy, and the server.
struct World {
    dir: TempDir,
    process: Option<Child>,
}

impl World {
    /// `rules` is the policy after `[listen]`; `DIR` in it is the folder.
    fn new(rules: &str) -> World {
        let mut world = World {
            dir: tempfile::tempdir().unwrap(),
            process: None,
        };
        world.zone(
            "ops.example",
            "127.0.0.2\n192.0.2.0/28 127.0.0.2\n2001:db8:bad::/64\n",
        );
        world.zone("tag.example", "127.0.0.2\n192.0.2.64/28\n");
        world.zone("late.example", "127.0.0.2\n192.0.2.80/28\n");
        world.write_policy(rules);
        world.start();
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn zone(&self, name: &str, list: &str) {
        let source = self.path(&format!("{name}.txt"));
        std::fs::write(&source, list).unwrap();
        let spec: Spec = format!("{name}:plain:{}", source.display())
            .parse()
            .unwrap();
        let built = rblmap_zonefile::build(&[spec], &Options::default()).unwrap();
        let image = self.path(&format!("{name}.rbl"));
        let bytes = encode(
            &built.content,
            Stamp {
                serial: 1,
                created: 1,
            },
        )
        .unwrap();
        std::fs::write(self.path("new"), bytes).unwrap();
        std::fs::rename(self.path("new"), image).unwrap();
    }

    fn write_policy(&self, rules: &str) {
        let mut text = "host = \"mx.example\"\n[listen]\n".to_owned();
        for adapter in ADAPTERS {
            text.push_str(&format!("{adapter} = [\"unix:DIR/{adapter}\"]\n"));
        }
        text.push_str("metrics = [\"unix:DIR/metrics\"]\n");
        text.push_str(rules);
        let text = text.replace("DIR", self.dir.path().to_str().unwrap());
        std::fs::write(self.path("mail.toml"), text).unwrap();
    }

    fn start(&mut self) {
        let log = std::fs::File::create(self.path("log")).unwrap();
        let child = this_program(&self.path("mail.toml"))
            .stderr(log)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.process = Some(child);
        self.wait_for("event=ready");
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn wait_for(&self, text: &str) {
        let start = Instant::now();
        while !self.log().contains(text) {
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "no {text} in\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn connect(&self, adapter: &str) -> UnixStream {
        let stream = UnixStream::connect(self.path(adapter)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        stream
    }

    fn pid(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    fn kill(&self, signal: &str) {
        let pid = self.pid().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Resident memory in kilobytes.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        line.split_ascii_whitespace()
            .nth(1)
            .unwrap()
            .parse()
            .unwrap()
    }

    fn decider(&self) -> Decider {
        let policy = Arc::new(Policy::read(&self.path("mail.toml"), "x").unwrap());
        policy.look();
        Decider::new(&policy)
    }

    fn metrics(&self) -> String {
        let mut stream = self.connect("metrics");
        stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    fn is_well(&self) {
        let answer = ask_policy(&mut self.connect("policy"), &client("192.0.2.1"));
        assert!(answer.starts_with("action=550 5.7.1 "), "{answer}");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

const RULES: &str = "[[zone]]\nname = \"ops.example\"\nfrom = \"DIR/ops.example.rbl\"\nmode = \"reject\"\n\
    [[zone]]\nname = \"tag.example\"\nfrom = \"DIR/tag.example.rbl\"\nmode = \"tag\"\n\
    [[zone]]\nname = \"late.example\"\nfrom = \"DIR/late.example.rbl\"\nmode = \"defer\"\n\
    [[allow]]\nnetworks = [\"192.0.2.3\"]\n";

fn client(address: &str) -> Vec<(&'static str, String)> {
    vec![
        ("client_address", address.to_owned()),
        ("recipient", "bob@local.example".to_owned()),
    ]
}

fn ask_policy(stream: &mut UnixStream, attributes: &[(&str, String)]) -> String {
    let mut text = "request=smtpd_access_policy\nprotocol_state=RCPT\n".to_owned();
    attributes
        .iter()
        .for_each(|(name, value)| text.push_str(&format!("{name}={value}\n")));
    text.push('\n');
    stream.write_all(text.as_bytes()).unwrap();
    read_until(stream, b"\n\n").trim_end().to_owned()
}

fn read_until(stream: &mut UnixStream, end: &[u8]) -> String {
    let mut got = Vec::new();
    let mut byte = [0];
    while !got.ends_with(end) {
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "closed after {got:?}");
        got.push(byte[0]);
    }
    String::from_utf8(got).unwrap()
}

fn ask_query(world: &World, zones: &str, address: &str) -> String {
    let mut stream = world.connect("query");
    stream
        .write_all(format!("{zones} {address}\n").as_bytes())
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn ask_socketmap(stream: &mut UnixStream, key: &str) -> String {
    stream
        .write_all(format!("{}:{key},", key.len()).as_bytes())
        .unwrap();
    let length: usize = read_until(stream, b":")
        .trim_end_matches(':')
        .parse()
        .unwrap();
    let mut text = vec![0; length + 1];
    stream.read_exact(&mut text).unwrap();
    assert_eq!(text.pop(), Some(b','));
    String::from_utf8(text).unwrap()
}

fn packet(command: u8, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len() + 1).unwrap();
    let mut bytes: Vec<u8> = (0..4).rev().map(|at| (length >> (8 * at)) as u8).collect();
    bytes.push(command);
    bytes.extend_from_slice(data);
    bytes
}

fn read_packet(stream: &mut UnixStream) -> (u8, Vec<u8>) {
    let mut head = [0; 5];
    stream.read_exact(&mut head).unwrap();
    let length = head[..4]
        .iter()
        .fold(0usize, |length, byte| length << 8 | usize::from(*byte));
    let mut data = vec![0; length - 1];
    stream.read_exact(&mut data).unwrap();
    (head[4], data)
}

/// The milter's answers to a session: to RCPT, and to the end of the message.
fn ask_milter(world: &World, address: &str, version: u8) -> (String, String) {
    let mut stream = world.connect("milter");
    let mut offer = vec![0, 0, 0, version, 0, 0, 1, 0xff];
    // Version 2 knows fewer steps to leave out.
    offer.extend_from_slice(if version == 2 {
        &[0, 0, 0, 0x7f]
    } else {
        &[0, 0x1f, 0xff, 0xff]
    });
    stream.write_all(&packet(b'O', &offer)).unwrap();
    let (command, agreed) = read_packet(&mut stream);
    assert_eq!((command, agreed[3]), (b'O', version.min(6)));
    let silent = agreed[10] & 0x70 != 0;
    let family = if address.contains(':') { b"6" } else { b"4" };
    let connect = [
        b"client.example\0",
        family.as_slice(),
        &[0, 25],
        address.as_bytes(),
        b"\0",
    ]
    .concat();
    for (command, data) in [
        (b'C', connect.as_slice()),
        (b'H', b"client.example\0"),
        (b'M', b"<a@sender.example>\0"),
    ] {
        stream.write_all(&packet(command, data)).unwrap();
        if !silent {
            assert_eq!(read_packet(&mut stream).0, b'c');
        }
    }
    stream
        .write_all(&packet(b'R', b"<bob@local.example>\0"))
        .unwrap();
    let (command, data) = read_packet(&mut stream);
    let answer = String::from_utf8(data)
        .unwrap()
        .trim_end_matches('\0')
        .to_owned();
    if command == b'y' {
        return (answer, String::new());
    }
    assert_eq!(command, b'c');
    stream.write_all(&packet(b'E', b"")).unwrap();
    let (command, data) = read_packet(&mut stream);
    if command == b'c' {
        return (String::new(), String::new());
    }
    assert_eq!((command, read_packet(&mut stream).0), (b'h', b'c'));
    let header = String::from_utf8(data).unwrap().replacen('\0', ": ", 1);
    (String::new(), header.trim_end_matches('\0').to_owned())
}

/// Issue: the decision is the same through every adapter and `check`.
#[test]
fn every_adapter_answers_what_the_policy_decides() {
    let world = World::new(RULES);
    let mut decider = world.decider();
    let mut dice = fastrand::Rng::with_seed(5);
    let mut policy = world.connect("policy");
    let mut socketmap = world.connect("socketmap");
    let spellings = [
        "192.0.2.1",
        "192.0.2.3",
        "192.0.2.65",
        "192.0.2.81",
        "2001:db8:bad::5",
        "2001:db8:bad:0:0:0:0:5",
        "::ffff:192.0.2.1",
        "198.51.100.1",
    ];
    let random = (0..200).map(|_| format!("192.0.2.{}", dice.u8(..)));
    for address in spellings.into_iter().map(str::to_owned).chain(random) {
        let decision = decider.decide(
            &Request {
                recipient: "bob@local.example",
                ..Request::of_client(&address)
            },
            1_800_000_000,
        );
        let action = match decision.action {
            Action::Reject | Action::Defer => format!("action={}", decision.reply),
            Action::Tag => format!("action=PREPEND {}", decision.reply),
            _ => "action=DUNNO".to_owned(),
        };
        assert_eq!(ask_policy(&mut policy, &client(&address)), action);
        let refused = if decision.action.refuses() {
            decision.reply.clone()
        } else {
            String::new()
        };
        assert_eq!(ask_query(&world, "*", &address), refused);
        let found = if refused.is_empty() {
            "NOTFOUND ".to_owned()
        } else {
            format!("OK {refused}")
        };
        assert_eq!(
            ask_socketmap(
                &mut socketmap,
                &format!("ops.example+tag.example+late.example {address}")
            ),
            found
        );
        let header = if decision.action == Action::Tag {
            decision.reply
        } else {
            String::new()
        };
        for version in [2, 6] {
            assert_eq!(
                ask_milter(&world, &address, version),
                (refused.clone(), header.clone()),
                "{address}"
            );
        }
    }
    assert!(
        world
            .log()
            .contains("adapter=milter action=allowed client=192.0.2.3"),
        "{}",
        world.log()
    );
    let metrics = world.metrics();
    assert!(
        metrics.contains("rblmap_decisions_total{adapter=\"policy\",action=\"reject\"}"),
        "{metrics}"
    );
    assert!(metrics.contains(
        "rblmap_listings_total{zone=\"ops.example\",adapter=\"query\",action=\"reject\"}"
    ));
    assert!(metrics.contains("rblmap_decision_seconds_count"));
}

#[test]
fn a_question_may_be_for_some_zones() {
    let world = World::new(RULES);
    let mut decider = world.decider();
    let some = Request {
        zones: Choice::Named("ops.example"),
        ..Request::of_client("192.0.2.81")
    };
    assert_eq!(decider.decide(&some, 1).action, Action::Pass);
    assert_eq!(ask_query(&world, "ops.example", "192.0.2.81"), "");
    assert!(ask_query(&world, "ops.example+LATE.example", "192.0.2.81").starts_with("450 4.7.1 "));
    assert_eq!(
        ask_query(&world, "nobody.example", "192.0.2.1"),
        "",
        "an unknown zone passes"
    );
    let mut socketmap = world.connect("socketmap");
    for key in [
        "ops.example unknown",
        "nobody.example 192.0.2.1",
        "ops.example",
        "",
        "ops.example client.example",
    ] {
        assert_eq!(ask_socketmap(&mut socketmap, key), "NOTFOUND ", "{key}");
    }
    assert!(
        world
            .metrics()
            .contains("rblmap_malformed_total{adapter=\"socketmap\"} 3"),
        "{}",
        world.metrics()
    );
}

#[test]
fn who_has_logged_in_and_postmaster_pass() {
    let world = World::new(RULES);
    let mut stream = world.connect("policy");
    let mut with = |name: &'static str, value: &str| {
        let mut attributes = client("192.0.2.1");
        attributes.push((name, value.to_owned()));
        ask_policy(&mut stream, &attributes)
    };
    assert_eq!(with("sasl_username", "bob"), "action=DUNNO");
    assert_eq!(with("recipient", "Postmaster"), "action=DUNNO");
    assert_eq!(with("server_port", "587"), "action=DUNNO");
    assert_eq!(with("request", "something else"), "action=DUNNO");
    assert!(with("sasl_username", "").starts_with("action=550 "));
}

/// Requests that come in single bytes, several at once, and after an answer that nobody reads.
#[test]
fn requests_may_come_in_any_pieces() {
    let world = World::new(RULES);
    let ask = b"request=smtpd_access_policy\nclient_address=192.0.2.1\n\n";
    let mut stream = world.connect("policy");
    for byte in ask {
        stream.write_all(&[*byte]).unwrap();
    }
    assert!(read_until(&mut stream, b"\n\n").starts_with("action=550 "));
    let many = 20_000;
    let all = ask.repeat(many);
    let mut writer = stream.try_clone().unwrap();
    let writing = std::thread::spawn(move || writer.write_all(&all).unwrap());
    std::thread::sleep(Duration::from_millis(300));
    world.is_well();
    let mut got = Vec::new();
    let mut chunk = vec![0; 65536];
    let answer =
        b"action=550 5.7.1 Service unavailable; client [192.0.2.1] is listed in ops.example\n\n";
    while got.len() < answer.len() * many {
        let read = stream.read(&mut chunk).unwrap();
        assert!(read > 0, "closed");
        got.extend_from_slice(&chunk[..read]);
    }
    writing.join().unwrap();
    assert_eq!(got, answer.repeat(many));
}

/// Issue: garbage, half requests, lengths of 2^32-1: stays up, others served.
#[test]
fn nothing_that_a_peer_sends_stops_the_server() {
    let world = World::new(RULES);
    let mut dice = fastrand::Rng::with_seed(77);
    let seeds: [&[u8]; 6] = [
        b"request=smtpd_access_policy\nclient_address=192.0.2.1\n\n",
        b"21:ops.example 192.0.2.1,",
        b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff\0\0\0\x13Chost\x004\0\x19192.0.2.1\0\0\0\0\x05R<a>\0",
        b"\xff\xff\xff\xff",
        b"4294967295:",
        b"GET /metrics HTTP/1.1\r\n\r\n",
    ];
    let before = world.memory();
    for round in 0..600 {
        let adapter = ADAPTERS
            .into_iter()
            .chain(["metrics"])
            .nth(round % 5)
            .unwrap();
        let mut bytes = dice.choice(&seeds).unwrap().to_vec();
        for _ in 0..dice.usize(..6) {
            match dice.u8(..4) {
                0 => bytes.push(dice.u8(..)),
                1 if !bytes.is_empty() => {
                    let at = dice.usize(..bytes.len());
                    bytes[at] = dice.u8(..)
                }
                2 => bytes.truncate(dice.usize(..=bytes.len())),
                _ => bytes.extend(std::iter::repeat_n(dice.u8(..), dice.usize(..3000))),
            }
        }
        let mut stream = world.connect(adapter);
        // The server may have closed already.
        let _ = stream.write_all(&bytes);
        if dice.bool() {
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let mut all = Vec::new();
            let _ = stream.read_to_end(&mut all);
        }
    }
    world.is_well();
    let grown = world.memory().saturating_sub(before);
    assert!(grown < 20_000, "{grown} kB more");
}

/// Issue: 10,000 idle connections, half requests, readers that never read: others served, below
/// 100 MB.
#[test]
fn ten_thousand_idle_connections_cost_little() {
    let limit = std::fs::read_to_string("/proc/self/limits").unwrap();
    let limit = limit
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    let (soft, hard) = {
        let mut words = limit.split_ascii_whitespace().skip(3);
        let mut word = || words.next().unwrap().parse::<usize>().unwrap_or(usize::MAX);
        (word(), word())
    };
    let many = 10_000
        .min(soft.saturating_sub(100))
        .min(hard.saturating_sub(100));
    let world = World::new(RULES);
    let mut idle = Vec::new();
    for number in 0..many {
        let adapter = ADAPTERS[number % 3];
        let mut stream = world.connect(adapter);
        // Every third has sent the beginning of a request.
        if number % 3 == 0 {
            stream.write_all(b"request=smtpd_access_policy\n").unwrap();
        }
        idle.push(stream);
    }
    world.is_well();
    let memory = world.memory();
    assert!(memory < 100_000, "{memory} kB with {many} connections");
    // They are all still there.
    let mut last = idle.pop().unwrap();
    assert_eq!(many % 3, 1, "the last one speaks policy");
    last.write_all(b"client_address=192.0.2.1\n\n").unwrap();
    assert!(read_until(&mut last, b"\n\n").starts_with("action=550 "));
    println!("{many} idle connections: {memory} kB");
}

/// Half requests as long as they may be, and answers that nobody reads, are bounded together.
#[test]
fn what_peers_leave_in_the_buffers_is_bounded() {
    let world = World::new(RULES);
    let half = [b"sender=", b"x".repeat(15_000).as_slice()].concat();
    let mut held = Vec::new();
    for _ in 0..4_000.min(900) {
        let mut stream = world.connect("policy");
        stream.write_all(&half).unwrap();
        held.push(stream);
    }
    let ask = b"request=smtpd_access_policy\nclient_address=192.0.2.1\n\n".repeat(4000);
    for _ in 0..50 {
        let mut stream = world.connect("policy");
        stream.set_nonblocking(true).unwrap();
        // Writes what the kernel takes, and never reads.
        let _ = stream.write(&ask);
        held.push(stream);
    }
    std::thread::sleep(Duration::from_millis(500));
    world.is_well();
    let memory = world.memory();
    assert!(memory < 100_000, "{memory} kB");
}

/// Issue: a swap and a SIGHUP in mid-load lose no connection; a bad file leaves the old policy.
#[test]
fn reloads_and_swaps_keep_connections() {
    let world = World::new(RULES);
    let mut stream = world.connect("policy");
    assert!(ask_policy(&mut stream, &client("192.0.2.1")).starts_with("action=550 "));
    world.write_policy(&RULES.replacen("reject", "defer", 1));
    world.kill("-HUP");
    world.wait_for("event=reloaded");
    assert!(ask_policy(&mut stream, &client("192.0.2.1")).starts_with("action=450 "));
    world.write_policy(&RULES.replacen("reject", "refuse", 1));
    world.kill("-HUP");
    world.wait_for("event=reload-failed");
    assert!(
        world.log().contains("mail.toml:12: unknown variant"),
        "{}",
        world.log()
    );
    assert!(ask_policy(&mut stream, &client("192.0.2.1")).starts_with("action=450 "));
    world.zone("ops.example", "127.0.0.2\n192.0.2.200\n");
    let start = Instant::now();
    while ask_policy(&mut stream, &client("192.0.2.1")) != "action=DUNNO" {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "the new image is not used"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(ask_policy(&mut stream, &client("192.0.2.200")).starts_with("action=450 "));
    let renamed = std::fs::read_to_string(world.path("mail.toml")).unwrap();
    let renamed = renamed
        .replace("refuse", "reject")
        .replace("/query\"", "/query2\"");
    std::fs::write(world.path("mail.toml"), renamed).unwrap();
    world.kill("-HUP");
    world.wait_for("query2");
    std::thread::sleep(Duration::from_millis(200));
    assert!(!world.path("query").exists(), "the old socket is gone");
    assert!(ask_policy(&mut stream, &client("192.0.2.200")).starts_with("action=550 "));
}

#[test]
fn sockets_that_nobody_serves_are_replaced_and_others_are_left_alone() {
    let mut world = World::new(RULES);
    let mut second = this_program(&world.path("mail.toml"));
    let second = second
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(
        !second.status.success() && said.contains("another process listens there"),
        "{said}"
    );
    world.is_well();
    // Killed hard, it leaves its sockets behind.
    let mut process = world.process.take().unwrap();
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(world.path("policy").exists());
    world.start();
    world.is_well();
    world.kill("-TERM");
    assert!(world.process.take().unwrap().wait().unwrap().success());
    for adapter in ADAPTERS {
        assert!(!world.path(adapter).exists(), "{adapter}");
    }
    std::fs::write(world.path("policy"), "precious").unwrap();
    let output = this_program(&world.path("mail.toml"))
        .stdout(Stdio::null())
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert_eq!(
        std::fs::read_to_string(world.path("policy")).unwrap(),
        "precious"
    );
}

#[test]
fn a_zone_without_an_image_is_waited_for() {
    let rules = RULES.replacen("DIR/ops.example.rbl", "DIR/later.rbl", 1);
    let world = World::new(&rules);
    world.wait_for("event=zone-no-opinion zone=ops.example reason=missing");
    let mut stream = world.connect("policy");
    assert_eq!(
        ask_policy(&mut stream, &client("192.0.2.1")),
        "action=DUNNO"
    );
    assert!(
        world
            .metrics()
            .contains("rblmap_zone_trouble{zone=\"ops.example\",reason=\"missing\"} 1")
    );
    std::fs::copy(world.path("ops.example.rbl"), world.path("later.rbl")).unwrap();
    world.wait_for("event=zone-serves zone=ops.example");
    assert!(ask_policy(&mut stream, &client("192.0.2.1")).starts_with("action=550 "));
}

#[test]
fn metrics_are_spoken_over_tcp_too() {
    let world = World::new(RULES);
    let text = std::fs::read_to_string(world.path("mail.toml")).unwrap();
    let text = text
        .replace("[listen]\n", "[listen]\n")
        .replace("metrics = [", "metrics = [\"127.0.0.1:0\", ");
    std::fs::write(world.path("mail.toml"), text).unwrap();
    world.kill("-HUP");
    world.wait_for("adapter=metrics address=127.0.0.1:");
    let log = world.log();
    let port = log
        .split("adapter=metrics address=")
        .last()
        .unwrap()
        .lines()
        .next()
        .unwrap();
    let mut stream = TcpStream::connect(port).unwrap();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nok\n"),
        "{answer}"
    );
}

/// The filter of OpenSMTPD, as a process that is fed with lines.
struct Filter {
    world: World,
    process: Child,
}

impl Filter {
    fn new(rules: &str) -> Filter {
        let world = World {
            dir: tempfile::tempdir().unwrap(),
            process: None,
        };
        world.zone(
            "ops.example",
            "127.0.0.2\n192.0.2.0/28\n2001:db8:bad::/64\n",
        );
        world.zone("tag.example", "127.0.0.2\n192.0.2.64/28\n");
        world.zone("late.example", "127.0.0.2\n192.0.2.80/28\n");
        world.write_policy(rules);
        let mut command = this_program(&world.path("mail.toml"));
        command
            .env("RBLMAP_SERVE_FILTER", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let log = std::fs::File::create(world.path("log")).unwrap();
        let process = command.stderr(log).spawn().unwrap();
        Filter { world, process }
    }

    /// Sends lines, ends the input, and gives what was answered.
    fn answers(mut self, lines: &str) -> Vec<String> {
        let mut input = self.process.stdin.take().unwrap();
        let lines = lines.to_owned();
        let writing = std::thread::spawn(move || {
            input.write_all(lines.as_bytes()).unwrap();
        });
        let output = self.process.wait_with_output().unwrap();
        writing.join().unwrap();
        assert!(output.status.success(), "{}", self.world.log());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let ours = |line: &&str| line.starts_with("filter-") || line.starts_with("register|");
        text.lines().filter(ours).map(str::to_owned).collect()
    }
}

#[test]
fn the_filter_answers_every_token_of_both_versions() {
    for version in ["0.6", "0.7"] {
        let lines = format!(
            "config|smtpd-version|7\nconfig|ready\n\
            report|{version}|1|smtp-in|link-connect|s1|<unknown>|fail|192.0.2.1:4321|127.0.0.1:25\n\
            filter|{version}|1|smtp-in|connect|s1|t1|<unknown>|192.0.2.1\n\
            filter|{version}|1|smtp-in|ehlo|s1|t2|client.example\n\
            filter|{version}|1|smtp-in|mail-from|s1|t3|<a@sender.example>\n\
            filter|{version}|1|smtp-in|rcpt-to|s1|t4|<bob@local.example>\n\
            filter|{version}|1|smtp-in|rcpt-to|s1|t5|<postmaster@local.example>\n\
            report|{version}|1|smtp-in|link-auth|s1|bob|pass\n\
            filter|{version}|1|smtp-in|rcpt-to|s1|t6|<bob@local.example>\n\
            report|{version}|1|smtp-in|link-disconnect|s1\n\
            filter|{version}|1|smtp-in|rcpt-to|s1|t7|<bob@local.example>\n\
            filter|{version}|1|smtp-in|connect|s2|t8|<unknown>|[2001:db8:bad::5]\n\
            filter|{version}|1|smtp-in|rcpt-to|s2|t9|<bob@local.example>\n\
            filter|{version}|1|smtp-in|something|s2|t10|\n"
        );
        let answers = Filter::new(RULES).answers(&lines);
        let text = "reject|550 5.7.1 Service unavailable; client";
        let results: Vec<&str> = answers
            .iter()
            .filter(|line| line.starts_with("filter-"))
            .map(String::as_str)
            .collect();
        assert_eq!(
            results,
            [
                "filter-result|s1|t1|proceed",
                "filter-result|s1|t2|proceed",
                "filter-result|s1|t3|proceed",
                &format!("filter-result|s1|t4|{text} [192.0.2.1] is listed in ops.example"),
                "filter-result|s1|t5|proceed",
                "filter-result|s1|t6|proceed",
                "filter-result|s1|t7|proceed",
                "filter-result|s2|t8|proceed",
                &format!("filter-result|s2|t9|{text} [2001:db8:bad::5] is listed in ops.example"),
                "filter-result|s2|t10|proceed",
            ]
        );
        assert!(answers.contains(&"register|filter|smtp-in|rcpt-to".to_owned()));
        assert_eq!(
            answers
                .iter()
                .filter(|line| *line == "register|ready")
                .count(),
            1
        );
    }
}

#[test]
fn the_filter_adds_the_header_of_mode_tag() {
    let lines = "config|ready\nfilter|0.6|1|smtp-in|connect|s|t1|<unknown>|192.0.2.65\n\
        filter|0.6|1|smtp-in|rcpt-to|s|t2|<bob@local.example>\n\
        filter|0.6|1|smtp-in|data-line|s|t3|Subject: a|b\nfilter|0.6|1|smtp-in|data-line|s|t3|\n\
        filter|0.6|1|smtp-in|data-line|s|t3|..dots\nfilter|0.6|1|smtp-in|data-line|s|t3|.\n";
    let answers = Filter::new(RULES).answers(lines);
    let data: Vec<&str> = answers
        .iter()
        .filter(|line| line.starts_with("filter-data"))
        .map(String::as_str)
        .collect();
    assert_eq!(
        data,
        [
            "filter-dataline|s|t3|X-Rblmap: tag.example 127.0.0.2 client [192.0.2.65]",
            "filter-dataline|s|t3|Subject: a|b",
            "filter-dataline|s|t3|",
            "filter-dataline|s|t3|..dots",
            "filter-dataline|s|t3|.",
        ]
    );
}

/// A filter that exits ends the mail server: so it goes on without a policy, and through garbage.
#[test]
fn the_filter_goes_on_whatever_it_is_told() {
    let filter = Filter::new("this is not a policy");
    let lines = "config|ready\nfilter|0.6|1|smtp-in|connect|s|t1|<unknown>|192.0.2.1\nfilter|0.6|1|smtp-in|rcpt-to|s|t2|<bob@x>\n";
    let log = filter.world.path("log");
    let answers = filter.answers_after(lines, &log);
    assert!(
        answers.contains(&"filter-result|s|t2|proceed".to_owned()),
        "{answers:?}"
    );
    let mut dice = fastrand::Rng::with_seed(9);
    let mut garbage = "config|ready\n".to_owned();
    for _ in 0..2000 {
        let words = [
            "filter",
            "report",
            "config",
            "0.6",
            "smtp-in",
            "rcpt-to",
            "data-line",
            "s",
            "t",
            "|",
            "\u{fffd}",
            "",
        ];
        let line: Vec<&str> = (0..dice.usize(..10))
            .map(|_| *dice.choice(&words).unwrap())
            .collect();
        garbage.push_str(&line.join("|"));
        garbage.push('\n');
    }
    garbage.push_str("filter|0.6|1|smtp-in|connect|q|t1|x|192.0.2.1\nfilter|0.6|1|smtp-in|rcpt-to|q|last|<bob@x>\n");
    let answers = Filter::new(RULES).answers(&garbage);
    assert!(
        answers
            .last()
            .unwrap()
            .starts_with("filter-result|q|last|reject|550 "),
        "{answers:?}"
    );
}

impl Filter {
    /// The same, and the log's line about the missing policy is awaited.
    fn answers_after(self, lines: &str, log: &Path) -> Vec<String> {
        let log = log.to_owned();
        let start = Instant::now();
        while !std::fs::read_to_string(&log)
            .unwrap_or_default()
            .contains("event=no-policy")
        {
            assert!(start.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(20));
        }
        self.answers(lines)
    }
}
