//! One question in each protocol of `rblmap serve`, and what is answered.
#![allow(unreachable_pub, reason = "tests share it")]

use std::io::{Read, Write};
use std::net::{IpAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::common::{command, finish};

/// Who sends mail to whom.
#[derive(Debug, Clone)]
pub struct Client {
    pub address: String,
    pub helo: String,
    pub sender: String,
    pub recipient: String,
    pub authenticated: bool,
    pub port: u16,
}

/// What the adapters say of a client: refusals as text, tags as the header.
#[derive(Debug, PartialEq, Eq)]
pub struct Answers {
    pub policy: String,
    pub milter: [(String, String); 2],
    pub filter: String,
    pub socketmap: String,
    pub query: String,
    /// Of each zone the A record, if there is one.
    pub dns: Vec<Option<String>>,
}

fn connect(dir: &Path, adapter: &str) -> UnixStream {
    let stream = UnixStream::connect(dir.join(adapter)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    stream
}

/// All that is answered to a question after which the client hangs up.
fn answer(mut stream: UnixStream, question: &[u8]) -> String {
    stream.write_all(question).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

pub fn policy(dir: &Path, client: &Client) -> String {
    let user = if client.authenticated { "bob" } else { "" };
    let question = format!(
        "request=smtpd_access_policy\nprotocol_state=RCPT\nclient_address={}\nhelo_name={}\nsender={}\n\
         recipient={}\nsasl_username={user}\nserver_port={}\n\n",
        client.address, client.helo, client.sender, client.recipient, client.port
    );
    answer(connect(dir, "policy"), question.as_bytes())
        .trim_end()
        .to_owned()
}

pub fn query(dir: &Path, zones: &str, address: &str) -> String {
    answer(
        connect(dir, "query"),
        format!("{zones} {address}\n").as_bytes(),
    )
}

pub fn socketmap(dir: &Path, zones: &str, address: &str) -> String {
    let key = format!("{zones} {address}");
    let text = answer(
        connect(dir, "socketmap"),
        format!("{}:{key},", key.len()).as_bytes(),
    );
    let (length, text) = text.split_once(':').unwrap();
    assert_eq!(length.parse::<usize>().unwrap() + 1, text.len());
    text.strip_suffix(',').unwrap().to_owned()
}

fn packet(command: u8, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len() + 1).unwrap();
    let head: Vec<u8> = (0..4).rev().map(|at| (length >> (8 * at)) as u8).collect();
    [head.as_slice(), &[command], data].concat()
}

/// The reply to RCPT and the header at the end of the message.
pub fn milter(dir: &Path, client: &Client, version: u8) -> (String, String) {
    let steps: &[u8] = if version == 2 {
        &[0, 0, 0, 0x7f]
    } else {
        &[0, 0x1f, 0xff, 0xff]
    };
    let family: &[u8] = if client.address.contains(':') {
        b"6"
    } else {
        b"4"
    };
    let zero = |text: &str| [text.as_bytes(), b"\0"].concat();
    let offer = [&[0, 0, 0, version, 0, 0, 1, 0xff], steps].concat();
    let from = [b"client.test\0", family, &[0, 25], &zero(&client.address)].concat();
    let port = zero(&client.port.to_string());
    let mut question = packet(b'O', &offer);
    question.extend(packet(
        b'D',
        &[b"C{daemon_port}\0", port.as_slice()].concat(),
    ));
    question.extend(packet(b'C', &from));
    question.extend(packet(b'H', &zero(&client.helo)));
    let user: &[u8] = if client.authenticated {
        b"M{auth_authen}\0bob\0"
    } else {
        b"Mi\0id\0"
    };
    question.extend(packet(b'D', user));
    question.extend(packet(b'M', &zero(&format!("<{}>", client.sender))));
    question.extend(packet(b'R', &zero(&format!("<{}>", client.recipient))));
    question.extend(packet(b'E', b""));
    let mut stream = connect(dir, "milter");
    stream.write_all(&question).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let (mut refused, mut header) = (String::new(), String::new());
    let mut rest = bytes.as_slice();
    while let Some((head, after)) = rest.split_first_chunk::<4>() {
        let length = head
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let (packet, after) = after.split_at(length);
        let text = String::from_utf8_lossy(&packet[1..]);
        let text = text.trim_end_matches('\0');
        match packet[0] {
            // Sendmail reads the text as a format.
            b'y' => refused = text.replace("%%", "%"),
            b'h' => header = text.replacen('\0', ": ", 1),
            _ => {}
        }
        rest = after;
    }
    // A message of which no recipient is left has no end; this client goes on all the same.
    (refused, header)
}

/// What the filter of OpenSMTPD says to the recipient of each client, in one run of it.
pub fn filter(config: &str, clients: &[Client]) -> Vec<String> {
    let mut lines = "config|smtpd-version|7.4.0\nconfig|ready\n".to_owned();
    for (session, client) in clients.iter().enumerate() {
        let address = match client.address.contains(':') {
            true => format!("[{}]", client.address),
            false => client.address.clone(),
        };
        let event = |kind: &str, what: &str| format!("{kind}|0.7|1|smtp-in|{what}\n");
        let connected = format!(
            "link-connect|{session}|<unknown>|fail|{address}:4000|127.0.0.1:{}",
            client.port
        );
        lines.push_str(&event("report", &connected));
        let stages = [
            format!("connect|{session}|t|<unknown>|{address}"),
            format!("ehlo|{session}|t|{}", client.helo),
            format!("mail-from|{session}|t|<{}>", client.sender),
        ];
        stages
            .iter()
            .for_each(|stage| lines.push_str(&event("filter", stage)));
        if client.authenticated {
            lines.push_str(&event("report", &format!("link-auth|{session}|bob|pass")));
        }
        lines.push_str(&event(
            "filter",
            &format!("rcpt-to|{session}|rcpt|<{}>", client.recipient),
        ));
    }
    let run = finish(
        command(["filter", "opensmtpd", "--config", config]),
        lines.as_bytes(),
    );
    let of = |session: usize| {
        let begins = format!("filter-result|{session}|rcpt|");
        let line = run
            .stdout
            .lines()
            .find_map(|line| line.strip_prefix(&begins));
        match line.unwrap_or_else(|| panic!("no answer to {session}: {}", run.stderr)) {
            "proceed" => String::new(),
            other => other.strip_prefix("reject|").unwrap().to_owned(),
        }
    };
    (0..clients.len()).map(of).collect()
}

/// The A record of an address in a zone, asked over UDP.
pub fn dns(port: u16, address: &str, zone: &str) -> Option<String> {
    let labels: Vec<String> = match address.parse::<IpAddr>().unwrap().to_canonical() {
        IpAddr::V4(address) => address.octets().iter().rev().map(u8::to_string).collect(),
        IpAddr::V6(address) => {
            let nibbles = address
                .octets()
                .into_iter()
                .rev()
                .flat_map(|byte| [byte & 15, byte >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}")).collect()
        }
    };
    let mut question = vec![1, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in labels.iter().map(String::as_str).chain(zone.split('.')) {
        question.push(label.len() as u8);
        question.extend_from_slice(label.as_bytes());
    }
    question.extend([0, 0, 1, 0, 1]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    socket.send_to(&question, ("127.0.0.1", port)).unwrap();
    let mut answer = [0; 1500];
    let length = socket.recv(&mut answer).unwrap();
    let answer = &answer[..length];
    match (answer[3] & 15, answer[7]) {
        (3, 0) => None,
        // A pointer to the name, type, class, TTL and length, then the address.
        (0, 1) => {
            let record = &answer[question.len()..];
            assert_eq!(
                (&record[..4], &record[10..12]),
                (&[0xc0, 12, 0, 1][..], &[0, 4][..])
            );
            Some(
                record[12..16]
                    .iter()
                    .map(u8::to_string)
                    .collect::<Vec<_>>()
                    .join("."),
            )
        }
        other => panic!("{other:?} for {address} in {zone}"),
    }
}
