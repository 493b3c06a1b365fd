//! TCP: queries in pieces and many at once, clients that are slow or say nonsense, and replies that
//! do not fit into a datagram.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use domain::base::iana::Rtype;
use tempfile::TempDir;

use super::client::{Ours, Told, image, labels, query, receive, send};
use super::peer::BASE;

/// A name with `count` texts of 100 bytes, and 127.0.0.2.
fn serve(folder: &TempDir, count: usize, switches: &str) -> Ours {
    let mut text = "127.0.0.2\n".to_owned();
    for number in 0..count {
        text += &format!(
            "10.0.0.1 :{}:{number:03}{}\n",
            number % 200 + 2,
            "x".repeat(97)
        );
    }
    let file = folder.path().join("list");
    std::fs::write(&file, text).unwrap();
    let spec = format!("{BASE}:ip4set:{}", file.display()).parse().unwrap();
    let path = image(folder, &[spec], 1);
    Ours::start(&[(BASE, &path)], switches)
}

#[test]
fn what_does_not_fit_into_a_datagram_is_whole_over_tcp() {
    let folder = TempDir::new().unwrap();
    let mut ours = serve(&folder, 50, "");
    for (size, most) in [
        (None, 512),
        (Some(100), 512),
        (Some(1232), 1232),
        (Some(4096), 2048),
    ] {
        let packet = query(4, &labels("1.0.0.10.bl.test"), Rtype::TXT, size);
        let cut = ours.ask(&packet);
        assert!(
            cut.len() <= most && Told::is_truncated(&cut),
            "{size:?}: {}",
            cut.len()
        );
        let whole = ours.ask_tcp(&packet);
        assert!(!Told::is_truncated(&whole));
        assert_eq!(Told::of(&whole).sections[0].len(), 50);
    }
}

#[test]
fn many_queries_at_once_are_answered_in_their_order() {
    let folder = TempDir::new().unwrap();
    let ours = serve(&folder, 100, "");
    let mut stream = TcpStream::connect(ours.address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(9)))
        .unwrap();
    let mut reader = stream.try_clone().unwrap();
    // More than fits into the buffers of both sides: the server stops reading meanwhile.
    let writer = std::thread::spawn(move || {
        for number in 0..300 {
            let packet = query(number, &labels("1.0.0.10.bl.test"), Rtype::TXT, None);
            send(&mut stream, &packet);
        }
        stream
    });
    std::thread::sleep(Duration::from_millis(300));
    for number in 0..300u16 {
        let reply = receive(&mut reader);
        assert_eq!(reply[..2], number.to_be_bytes());
        assert_eq!(reply[6..8], [0, 100], "records");
    }
    drop(writer.join().unwrap());
}

#[test]
fn a_query_may_come_byte_by_byte_and_nonsense_ends_the_connection() {
    let folder = TempDir::new().unwrap();
    let ours = serve(&folder, 1, "");
    let mut stream = TcpStream::connect(ours.address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let packet = query(7, &labels("2.0.0.127.bl.test"), Rtype::A, None);
    let len = u16::try_from(packet.len()).unwrap().to_be_bytes();
    for byte in [&len[..], &packet].concat() {
        stream.write_all(&[byte]).unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(receive(&mut stream)[..2], [0, 7]);
    // A frame longer than any query.
    stream.write_all(&[0xff, 0xff, 1, 2, 3]).unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap_or(0);
    assert!(rest.is_empty());
}

#[test]
fn a_client_too_many_takes_the_place_of_the_most_silent_one() {
    let folder = TempDir::new().unwrap();
    let ours = serve(&folder, 1, "dns_tcp_clients = 3");
    let packet = query(7, &labels("2.0.0.127.bl.test"), Rtype::A, None);
    let mut last: Vec<TcpStream> = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(ours.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        send(&mut stream, &packet);
        assert_eq!(receive(&mut stream)[..2], [0, 7]);
        last.push(stream);
    }
    // The first ones were closed, the newest one goes on.
    assert_eq!(last[0].read(&mut [0; 1]).unwrap_or(0), 0);
    let newest = last.last_mut().unwrap();
    send(newest, &packet);
    assert_eq!(receive(newest)[..2], [0, 7]);
}
