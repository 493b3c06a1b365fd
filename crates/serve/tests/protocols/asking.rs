//! One question in each protocol.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use crate::world::World;

pub(crate) const RULES: &str = "[[zone]]\nname = \"ops.example\"\nfrom = \"DIR/ops.example.rbl\"\nmode = \"reject\"\n\
    [[zone]]\nname = \"tag.example\"\nfrom = \"DIR/tag.example.rbl\"\nmode = \"tag\"\n\
    [[zone]]\nname = \"late.example\"\nfrom = \"DIR/late.example.rbl\"\nmode = \"defer\"\n\
    [[allow]]\nnetworks = [\"192.0.2.3\"]\n";

pub(crate) fn client(address: &str) -> Vec<(&'static str, String)> {
    vec![
        ("client_address", address.to_owned()),
        ("recipient", "bob@local.example".to_owned()),
    ]
}

pub(crate) fn ask_policy(stream: &mut UnixStream, attributes: &[(&str, String)]) -> String {
    let mut text = "request=smtpd_access_policy\nprotocol_state=RCPT\n".to_owned();
    attributes
        .iter()
        .for_each(|(name, value)| text.push_str(&format!("{name}={value}\n")));
    text.push('\n');
    stream.write_all(text.as_bytes()).unwrap();
    read_until(stream, b"\n\n").trim_end().to_owned()
}

pub(crate) fn read_until(stream: &mut UnixStream, end: &[u8]) -> String {
    let mut got = Vec::new();
    let mut byte = [0];
    while !got.ends_with(end) {
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "closed after {got:?}");
        got.push(byte[0]);
    }
    String::from_utf8(got).unwrap()
}

pub(crate) fn ask_query(world: &World, zones: &str, address: &str) -> String {
    let mut stream = world.connect("query");
    stream
        .write_all(format!("{zones} {address}\n").as_bytes())
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

pub(crate) fn ask_socketmap(stream: &mut UnixStream, key: &str) -> String {
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

pub(crate) fn packet(command: u8, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len() + 1).unwrap();
    let mut bytes: Vec<u8> = (0..4).rev().map(|at| (length >> (8 * at)) as u8).collect();
    bytes.push(command);
    bytes.extend_from_slice(data);
    bytes
}

pub(crate) fn read_packet(stream: &mut UnixStream) -> (u8, Vec<u8>) {
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
pub(crate) fn ask_milter(world: &World, address: &str, version: u8) -> (String, String) {
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
