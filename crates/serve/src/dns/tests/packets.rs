//! Packets that are no queries, or no good ones: as rbldnsd answers them, and none does harm.

use std::path::PathBuf;

use domain::base::iana::Rtype;
use fastrand::Rng;
use tempfile::TempDir;

use super::client::{Ours, Told, image, labels, policy, query};
use super::peer::{self, BASE, Server};
use crate::dns::answer::answer;
use crate::dns::decision::Settings;
use crate::dns::query::Over;
use crate::dns::zones::Zones;

const LIST: &str = "$SOA 3000 ns.example admin.example 7 600 300 86400 60
$NS 3600 ns1.example ns2.bl.test
127.0.0.2 :2:test
10.0.0.0/8 :4:net $
10.1.1.1 :5:one\n10.1.1.1 :6:two $\n";

/// `RBLMAP_DNS_PACKETS=10000000` asks for more, `RBLMAP_DNS_SEED` for the same again.
const PACKETS: u64 = 200_000;
const NOW: u64 = 1_795_000_000;

fn specs(folder: &TempDir) -> Vec<rblmap_zonefile::Spec> {
    let files = [
        ("ip4set", LIST.to_owned()),
        (
            "dnset",
            ".wild.example :3:name $\nmail.example\n".to_owned(),
        ),
        ("ip6trie", "2001:db8::/32 :6:six $\n".to_owned()),
        (
            "combined",
            format!(
                "$DATASET ip4set sub a.sub\n10.2.0.0/16\n$DATASET generic @\nbig TXT \"{}\"\n",
                "x".repeat(250)
            ),
        ),
    ];
    let specs = files.iter().enumerate().map(|(number, (kind, text))| {
        let path: PathBuf = folder.path().join(format!("{number}.zone"));
        std::fs::write(&path, text).unwrap();
        rblmap_zonefile::Spec {
            zone: BASE.parse().unwrap(),
            kind: kind.parse().unwrap(),
            files: vec![path],
            reading: None,
        }
    });
    specs.collect()
}

#[test]
fn odd_packets_are_answered_or_dropped_as_rbldnsd_does() {
    let Some(program) = peer::program() else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let specs = specs(&folder);
    let mut theirs = Server::start(&program, folder.path(), &specs, &["-a"]);
    let path = image(&folder, &specs, 7);
    let ours = Ours::start(&[(BASE, &path)], "");
    let good = query(9, &labels("2.0.0.127.bl.test"), Rtype::A, None);
    let with = |at: usize, byte: u8| {
        let mut packet = good.clone();
        packet[at] = byte;
        packet
    };
    let end = good.len();
    let mut packets: Vec<Vec<u8>> = Vec::new();
    // Flags: reply, opcodes, AA, TC, RA, Z, AD, CD, a code.
    packets.extend([0x80, 0x08, 0x10, 0x28, 0x04, 0x02, 0x01, 0x05].map(|flags| with(2, flags)));
    packets.extend([0x80, 0x40, 0x20, 0x10, 0x0f].map(|flags| with(3, flags)));
    // Counts of all sections.
    packets.extend((4..12).flat_map(|at| [1, 2].map(|count| with(at, count))));
    packets.push(with(5, 0));
    // Types and classes.
    packets.extend((0..=255).map(|low| with(end - 3, low)));
    packets.extend([1, 128].map(|high| with(end - 4, high)));
    packets.extend([0, 2, 3, 4, 254, 255].map(|low| with(end - 1, low)));
    // Cut at every length, longer, compressed, with labels that are too long.
    packets.extend((0..end).map(|len| good[..len].to_vec()));
    packets.push([&good[..], b"more"].concat());
    packets.push([&good[..12], &[0xc0, 0x0c, 0, 1, 0, 1]].concat());
    packets.push([&good[..12], &[1, b'a', 0xc0, 0x0c, 0, 1, 0, 1]].concat());
    packets.push([&good[..12], &[64], &[b'a'; 64], &[0, 0, 1, 0, 1]].concat());
    packets.push([&good[..12], &[0, 0, 1, 0, 1]].concat());
    for packet in packets {
        let their = theirs.exchange_once(&packet);
        match their {
            None => assert!(ours.drops(&packet), "ours answers {packet:?}"),
            Some(their) => {
                let our = Told::of(&ours.ask(&packet));
                assert_eq!(our, Told::of(&their), "{packet:?}");
            }
        }
    }
}

#[test]
fn any_packet_is_answered_within_its_room_or_dropped() {
    let number = |name| {
        let text = std::env::var(name).ok();
        text.map(|text: String| text.parse().unwrap())
    };
    let seed = number("RBLMAP_DNS_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    let packets = number("RBLMAP_DNS_PACKETS").unwrap_or(PACKETS);
    println!("seed {seed}");
    let mut rng = Rng::with_seed(seed);
    let folder = TempDir::new().unwrap();
    let path = image(&folder, &specs(&folder), 7);
    let policy = policy(
        &[(BASE, &path)],
        "ent = \"noerror\"\ndns_minimal = false\ndns_version = true",
    );
    let mut zones = Zones::new(&policy);
    zones.renew(NOW);
    let settings = Settings::of(policy);
    let mut reply = Vec::new();
    let mut answered = 0;
    for round in 0..packets {
        let packet = packet(&mut rng);
        let over = if rng.bool() { Over::Udp } else { Over::Tcp };
        answer(&zones, &settings, &packet, over, NOW, &mut reply);
        if !reply.is_empty() {
            answered += 1;
            assert_eq!(reply[..2], packet[..2], "the number, of {packet:?}");
            assert_eq!(reply[2] & 0x80, 0x80, "a reply to {packet:?}");
            assert!(over == Over::Tcp || reply.len() <= 2048, "{packet:?}");
        }
        if round % 1000 == 0 {
            let good = query(1, &labels("2.0.0.127.bl.test"), Rtype::TXT, None);
            answer(&zones, &settings, &good, over, NOW, &mut reply);
            assert!(
                reply.ends_with(b"\x04ns2\xc0\x16") || reply.windows(5).any(|w| w == b"\x04test")
            );
            assert!(
                reply.capacity() <= 1 << 17,
                "a reply has grown to {}",
                reply.capacity()
            );
        }
    }
    assert!(answered > packets / 5, "{answered} of {packets} answered");
}

/// Random bytes, or a query that is whole, altered, cut or made longer.
fn packet(rng: &mut Rng) -> Vec<u8> {
    const NAMES: [&str; 10] = [
        "2.0.0.127.bl.test",
        "1.1.1.10.bl.test",
        "x.wild.example.bl.test",
        "1.1.2.10.a.sub.bl.test",
        "bl.test",
        "sub.bl.test",
        "big.bl.test",
        "version.bind",
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.test",
        "10.bl.test",
    ];
    if rng.u8(..8) == 0 {
        return (0..rng.usize(..64)).map(|_| rng.u8(..)).collect();
    }
    let rtype = Rtype::from_int(if rng.bool() { 255 } else { rng.u16(..300) });
    let size = rng.bool().then(|| rng.u16(..));
    let name = labels(NAMES[rng.usize(..NAMES.len())]);
    let mut packet = query(rng.u16(..), &name, rtype, size);
    for _ in 0..rng.usize(..4) {
        let at = rng.usize(..packet.len());
        packet[at] = rng.u8(..);
    }
    match rng.u8(..8) {
        0 => packet.truncate(rng.usize(..packet.len())),
        1 => packet.extend((0..rng.usize(..600)).map(|_| rng.u8(..))),
        _ => {}
    }
    packet
}
