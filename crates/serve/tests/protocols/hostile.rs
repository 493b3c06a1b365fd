//! Requests in pieces, garbage, and peers that take and do not give.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use crate::asking::{RULES, packet, read_until};
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
    let many = many - (many - 1) % 4;
    let world = World::new(RULES);
    let mut idle = Vec::new();
    for number in 0..many {
        let adapter = ADAPTERS[number % 4];
        let mut stream = world.connect(adapter);
        // Every fourth has sent the beginning of a request.
        if number % 4 == 0 {
            stream.write_all(b"request=smtpd_access_policy\n").unwrap();
        }
        idle.push(stream);
    }
    world.is_well();
    let memory = world.memory();
    assert!(memory < 100_000, "{memory} kB with {many} connections");
    // They are all still there.
    let mut last = idle.pop().unwrap();
    assert_eq!(many % 4, 1, "the last one speaks policy");
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

/// A whole question in each protocol, and what its answer has in it. A milter negotiates first.
fn questions() -> [(&'static str, Vec<u8>, &'static str); 5] {
    let offer = packet(b'O', b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff");
    let connect = packet(b'C', b"host\x004\0\x19192.0.2.1\0");
    let recipient = packet(b'R', b"<bob@local.example>\0");
    [
        (
            "policy",
            b"request=smtpd_access_policy\nclient_address=192.0.2.1\n\n".to_vec(),
            "action=550 ",
        ),
        (
            "socketmap",
            b"21:ops.example 192.0.2.1,".to_vec(),
            "OK 550 ",
        ),
        ("milter", [offer, connect, recipient].concat(), "y550 "),
        ("query", b"ops.example 192.0.2.1\n".to_vec(), "550 "),
        (
            "metrics",
            b"GET /healthz HTTP/1.1\r\n\r\n".to_vec(),
            "200 OK",
        ),
    ]
}

/// Issue: lengths of 2^32-1 in each protocol, or a request without an end where there is no length:
/// the connection is closed after a few kilobytes, and the memory stays.
#[test]
fn each_protocol_refuses_a_length_of_four_gigabytes() {
    let world = World::new(RULES);
    let agreed = packet(b'O', b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff");
    let heads: [(&str, Vec<u8>); 7] = [
        ("policy", b"request=smtpd_access_policy\nsender=".to_vec()),
        ("policy", b"request=smtpd_access_policy\n".repeat(2)),
        ("socketmap", b"4294967295:".to_vec()),
        ("milter", b"\xff\xff\xff\xff".to_vec()),
        ("milter", [agreed, b"\xff\xff\xff\xffC".to_vec()].concat()),
        ("query", b"ops.example ".to_vec()),
        ("metrics", b"GET /metrics HTTP/1.1\r\nX: ".to_vec()),
    ];
    for (adapter, head) in heads {
        let mut stream = world.connect(adapter);
        let mut sent = stream.write(&head).unwrap();
        let filler = [b'7'; 4096];
        let closed = loop {
            match stream.write(&filler) {
                Ok(more) => sent += more,
                Err(error) => break error,
            }
            assert!(sent < 16 << 20, "{adapter}: {sent} bytes were taken");
        };
        let gone = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
        assert!(gone.contains(&closed.kind()), "{adapter}: {closed}");
        let memory = world.memory();
        assert!(memory < 100_000, "{adapter}: {memory} kB");
        world.is_well();
    }
}

/// Issue: slow writers in each protocol, all at once: each is answered, and others meanwhile.
#[test]
fn each_protocol_waits_for_a_slow_writer() {
    let world = World::new(RULES);
    let mut slow: Vec<_> = questions()
        .into_iter()
        .map(|(adapter, question, answer)| (world.connect(adapter), question, answer))
        .collect();
    let longest = slow.iter().map(|(_, question, _)| question.len()).max();
    for at in 0..longest.unwrap() {
        for (stream, question, _) in &mut slow {
            if let Some(byte) = question.get(at) {
                stream.write_all(&[*byte]).unwrap();
            }
        }
        std::thread::sleep(Duration::from_millis(5));
        if at % 20 == 0 {
            world.is_well();
        }
    }
    for (mut stream, question, answer) in slow {
        // A protocol of one request is closed already.
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        let text = String::from_utf8_lossy(&all);
        assert!(text.contains(answer), "{text} to {question:?}");
    }
}

/// Issue: half a request of each protocol at every length, and then nothing or the end.
#[test]
fn each_protocol_lives_with_half_a_request() {
    let world = World::new(RULES);
    let mut held = Vec::new();
    for (adapter, question, answer) in questions() {
        for end in 0..question.len() {
            let mut stream = world.connect(adapter);
            stream.write_all(&question[..end]).unwrap();
            if end % 2 == 0 {
                held.push(stream);
                continue;
            }
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).unwrap();
            let text = String::from_utf8_lossy(&all);
            // A line may end with the input instead of a line feed.
            let whole = end + 1 == question.len() && adapter == "query";
            assert!(whole || !text.contains(answer), "{adapter} {end}: {text}");
        }
    }
    world.is_well();
}

/// Issue: readers that never read, in each protocol: others are served, below 100 MB.
#[test]
fn each_protocol_lives_with_readers_that_never_read() {
    let world = World::new(RULES);
    let mut held = Vec::new();
    for (adapter, question, _) in questions() {
        let once = ["query", "metrics"].contains(&adapter);
        let (peers, times) = if once { (500, 1) } else { (40, 20_000) };
        let question = match adapter {
            "metrics" => b"GET /metrics HTTP/1.1\r\n\r\n".to_vec(),
            _ => question,
        };
        for _ in 0..peers {
            let mut stream = world.connect(adapter);
            stream.set_nonblocking(true).unwrap();
            // What the kernel and the server take; the answers stay where they are.
            let all = question.repeat(times);
            let mut sent = 0;
            for _ in 0..20 {
                match stream.write(&all[sent..]) {
                    Ok(more) => sent += more,
                    Err(_) => std::thread::sleep(Duration::from_millis(1)),
                }
                if sent == all.len() {
                    break;
                }
            }
            held.push(stream);
        }
        world.is_well();
        let memory = world.memory();
        assert!(memory < 100_000, "{adapter}: {memory} kB");
    }
    println!(
        "{} readers that never read: {} kB",
        held.len(),
        world.memory()
    );
}
