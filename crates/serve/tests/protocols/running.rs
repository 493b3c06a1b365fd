//! Starting, stopping, reloading, and images that come and go.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::asking::{RULES, ask_policy, client};
use crate::world::{ADAPTERS, World, this_program};

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
        world.log().contains("mail.toml:11: unknown variant"),
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

/// A worker that is woken to stop was given a datagram of nobody, and panicked.
#[test]
fn dns_workers_stop_under_load_without_a_panic() {
    let mut world = World::new(RULES);
    let text = std::fs::read_to_string(world.path("mail.toml")).unwrap();
    let text = text.replace(
        "metrics = [",
        "dns = [\"127.0.0.1:0\"]\ndns_workers = 2\nmetrics = [",
    );
    std::fs::write(world.path("mail.toml"), text).unwrap();
    world.kill("-HUP");
    world.wait_for("adapter=dns address=127.0.0.1:");
    let log = world.log();
    let address = log.split("adapter=dns address=").last().unwrap();
    let address = address.lines().next().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(address).unwrap();
    let timeout = Some(Duration::from_secs(5));
    socket.set_read_timeout(timeout).unwrap();
    let query =
        b"\0\x07\0\0\0\x01\0\0\0\0\0\0\x011\x012\x010\x03192\x03ops\x07example\0\0\x01\0\x01";
    socket.send(query).unwrap();
    let mut reply = [0; 512];
    let len = socket.recv(&mut reply).unwrap();
    assert_eq!(reply[..len][..2], query[..2]);
    assert_eq!(reply[..len][7], 1, "one answer: {:?}", &reply[..len]);

    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                // Refused once nobody listens any more.
                let _ = socket.send(query);
            }
        });
        std::thread::sleep(Duration::from_millis(50));
        world.kill("-TERM");
        let start = Instant::now();
        let status = world.process.take().unwrap().wait().unwrap();
        ended.store(true, Ordering::Relaxed);
        assert!(status.success(), "{status}: {}", world.log());
        assert!(start.elapsed() < Duration::from_secs(5));
    });
    let log = world.log();
    assert!(
        log.contains("event=stopped") && !log.contains("panicked"),
        "{log}"
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
    let text = text.replace("metrics = [", "metrics = [\"127.0.0.1:0\", ");
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
