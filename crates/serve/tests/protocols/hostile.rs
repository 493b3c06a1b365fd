//! Requests in pieces, garbage, and peers that take and do not give.

use std::io::{Read, Write};
use std::time::Duration;

use crate::asking::{RULES, read_until};
use crate::world::{ADAPTERS, World};

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

/// So many connections, or as many as this process may have open.
fn connections(wanted: usize) -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let soft = files.unwrap().split_ascii_whitespace().nth(3).unwrap();
    let allowed = soft
        .parse::<usize>()
        .unwrap_or(usize::MAX)
        .saturating_sub(300);
    if allowed < wanted {
        println!("{allowed} connections instead of {wanted}: more files may not be open");
    }
    wanted.min(allowed)
}

/// Issue: 10,000 idle connections, half requests, readers that never read: others served, below
/// 100 MB.
#[test]
fn ten_thousand_idle_connections_cost_little() {
    let many = connections(10_000);
    let many = many - (many - 1) % 3;
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
    for _ in 0..connections(4_000) {
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
