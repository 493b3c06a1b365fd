//! Text by lines: the policy file, mail logs, partial counts, keys of `lookup --filter`.

use std::path::Path;
use std::sync::Arc;

use rblmap::{Image, NameKey};
use rblmap_policy::{Decider, Policy, Request, client_address};
use rblmap_report::{Impact, List, Own, Question, Tally, partial as counts};
use rblmap_zonefile::{AskedKey, asked_key, v4_address};

use crate::filter_line::column;
use crate::made;

/// A policy that can be read decides.
pub(crate) fn mail_toml(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let _ = client_address(text);
    let policy = match Policy::parse(text, Path::new("mail.toml"), "mx.example") {
        Ok(policy) => Arc::new(policy),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    // Images are not looked for: their paths are the input's.
    let mut decider = Decider::new(&policy);
    for client in ["192.0.2.1", "10.9.0.1", "2001:db8::1", "unknown"] {
        let request = Request {
            client: client_address(client),
            helo: "mail.n3.x1.example",
            sender: "<a@n3.x1.example>",
            rdns: "mx.partner.example",
            verified: "mx.partner.example",
            recipient: "postmaster@ops.example",
            port: Some(25),
            ..Request::default()
        };
        let decision = decider.decide(&request, 1_795_000_000);
        let line = rblmap_policy::log_line("policy", &policy, &request, &decision);
        assert!(!line.contains('\n') && !decision.reply.contains(['\n', '\r']));
    }
}

/// A log is counted; the counts come back from either form of partial counts, and are asked about.
pub(crate) fn log(input: &[u8]) {
    let (binary, text) = (counted(input), counted(input));
    let mut written = Vec::new();
    counts::write(binary, counts::Form::Binary, &mut written).expect("memory");
    let read = Tally::new();
    counts::read(&written, &read).expect("counts of ours");
    let mut lines = Vec::new();
    counts::write(text, counts::Form::Text, &mut lines).expect("memory");
    let from_text = Tally::new();
    counts::read(&lines, &from_text).expect("counts of ours");
    let (mut one, mut other) = (Vec::new(), Vec::new());
    let totals = read.into_clients(|clients| one.extend_from_slice(clients));
    let as_text = from_text.into_clients(|clients| other.extend_from_slice(clients));
    assert!(totals == as_text && one == other, "two forms, two counts");

    let image = image();
    let list = List {
        name: made::ZONE.to_owned(),
        zone: image.base(),
        weight: rblmap_policy::Score::ONE,
    };
    let own = Own::new([]);
    let question = Question {
        lists: &[list],
        own: &own,
        top: 3,
        ..Question::default()
    };
    let impact = Impact::of(counted(input), question).expect("one list");
    assert!(impact.clients >= impact.zones[made::ZONE].clients);
    let _ = rblmap_report::html::report(&impact).expect("a report");
}

fn counted(input: &[u8]) -> Tally {
    let tally = Tally::with_recipients();
    let mut counting = tally.counting();
    for line in input.split(|byte| *byte == b'\n') {
        counting.line(line);
    }
    counting.finish();
    tally
}

fn image() -> &'static Image {
    static IMAGE: std::sync::OnceLock<Image> = std::sync::OnceLock::new();
    IMAGE.get_or_init(|| made::small(1))
}

/// Partial counts of another host.
pub(crate) fn partial(input: &[u8]) {
    let tally = Tally::new();
    if let Err(error) = counts::read(input, &tally) {
        assert!(!error.to_string().is_empty());
        return;
    }
    let mut written = Vec::new();
    counts::write(tally, counts::Form::Binary, &mut written).expect("memory");
    counts::read(&written, &Tally::new()).expect("counts of ours");
}

/// The column by the first byte, the delimiter by the second; then a line. What is read as an IPv4
/// address in a hurry is one.
pub(crate) fn filter(input: &[u8]) {
    let Some(([number, delimiter], line)) = input.split_first_chunk::<2>() else {
        return;
    };
    let number = i32::from(i8::from_le_bytes([*number]));
    let Some(key) = column(line, *delimiter, number) else {
        return;
    };
    assert!(!key.contains(delimiter), "a column with a delimiter");
    let slow = asked_key(key);
    if let Some(address) = v4_address(key) {
        let same = matches!(&slow, Ok(AskedKey::Address(std::net::IpAddr::V4(v4))) if v4.to_bits() == address);
        assert!(same, "read in a hurry as {address:#x}, else {slow:?}");
    }
    match slow {
        Ok(AskedKey::Name(name)) => {
            let text = name.to_string();
            let again = NameKey::parse(text.as_bytes());
            assert!(
                again.is_ok_and(|again| again == name),
                "{text:?} is another name"
            );
        }
        Ok(AskedKey::Address(address)) => {
            let _ = image().base().lookup(address);
        }
        Err(_) => {}
    }
}
