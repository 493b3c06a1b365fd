//! The protocols of the daemon: what a client sends in pieces is answered as in one.

use std::cell::RefCell;
use std::path::Path;

use domain::base::Message;
use rblmap_policy::Policy;
use rblmap_serve::fuzz::{Daemon, Protocol};

use crate::made;

const NOW: u64 = 1_795_000_000;
/// No reply over UDP is longer; without EDNS.
const LONGEST: usize = 2048;
const PLAIN_LONGEST: usize = 512;

thread_local! {
    static DAEMON: RefCell<Daemon> = RefCell::new(Daemon::new(two_zones()));
}

/// Two zones, one that refuses and one that marks, both of one image.
fn two_zones() -> Policy {
    let folder = tempfile::tempdir().expect("a folder");
    let image = folder.path().join("ops.example.rbl");
    std::fs::write(&image, made::small(1).as_bytes()).expect("room");
    let from = image.display();
    let text = format!(
        "[listen]\ndns = [\"127.0.0.1:53\"]\n\n[[zone]]\nname = \"ops.example\"\nfrom = \"{from}\"\n\
         mode = \"reject\"\n\n[[zone]]\nname = \"tag.example\"\nfrom = \"{from}\"\nmode = \"tag\"\n"
    );
    let policy = Policy::parse(&text, Path::new("mail.toml"), "mx.example").expect("a policy");
    // The images are mapped here; their folder may go.
    policy.look();
    policy
}

pub(crate) fn policy(input: &[u8]) {
    conversation(Protocol::Policy, input);
}

pub(crate) fn socketmap(input: &[u8]) {
    conversation(Protocol::Socketmap, input);
}

pub(crate) fn milter(input: &[u8]) {
    conversation(Protocol::Milter, input);
}

pub(crate) fn query(input: &[u8]) {
    conversation(Protocol::Query, input);
}

pub(crate) fn http(input: &[u8]) {
    conversation(Protocol::Http, input);
}

/// The first byte says into what pieces the rest is cut.
fn conversation(protocol: Protocol, input: &[u8]) {
    let Some((cut, bytes)) = input.split_first() else {
        return;
    };
    DAEMON.with_borrow_mut(|daemon| {
        let whole = daemon.talk(protocol, [bytes]);
        let size = usize::from(*cut).max(1);
        let pieces = daemon.talk(protocol, bytes.chunks(size));
        // The counts among the metrics rise.
        if protocol != Protocol::Http {
            assert!(whole == pieces, "pieces of {size} are answered otherwise");
        }
    });
}

/// Lines of OpenSMTPD: each question gets one answer.
pub(crate) fn opensmtpd(input: &[u8]) {
    DAEMON.with_borrow_mut(|daemon| {
        let (asked, answers) = daemon.filter(input.split(|byte| *byte == b'\n'));
        let answered = answers.split(|byte| *byte == b'\n');
        let answered = answered
            .filter(|line| line.starts_with(b"filter-result|"))
            .count();
        assert_eq!(asked, answered, "questions and answers");
    });
}

/// A packet over UDP, over TCP, and cut as for a client that asks too often.
pub(crate) fn dns(packet: &[u8]) {
    DAEMON.with_borrow_mut(|daemon| {
        for reply in daemon.dns(packet, NOW) {
            if reply.is_empty() {
                continue;
            }
            is_reply(packet, &reply);
        }
        let [over_udp, _, cut] = daemon.dns(packet, NOW);
        let extended = packet.get(10..12).is_some_and(|count| count != [0, 0]);
        let most = if extended { LONGEST } else { PLAIN_LONGEST };
        assert!(over_udp.len() <= most, "{} bytes over UDP", over_udp.len());
        assert!(cut.len() <= over_udp.len(), "cut, and longer");
    });
}

/// A reply of good form to this packet.
fn is_reply(packet: &[u8], reply: &[u8]) {
    let message = Message::from_octets(reply).expect("a header");
    assert!(message.header().qr(), "no reply");
    assert_eq!(reply.get(..2), packet.get(..2), "another number");
    assert_eq!(message.header_counts().qdcount(), 1);
    let question = message.sole_question().expect("a question");
    let _ = question.qname();
    let mut records = 0u32;
    for record in message.iter() {
        record.expect("a record of good form");
        records += 1;
    }
    let counts = message.header_counts();
    let told = [counts.ancount(), counts.nscount(), counts.arcount()].map(u32::from);
    assert_eq!(
        records,
        told.iter().sum::<u32>(),
        "records, and their number"
    );
}
