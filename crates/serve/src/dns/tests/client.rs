//! A server of ours on a free port, a client for it, and replies taken apart.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use domain::base::Message;
use domain::base::iana::{Class, Rtype};
use domain::base::message_builder::MessageBuilder;
use domain::base::name::Name;
use domain::rdata::AllRecordData;
use rblmap_content::Content;
use rblmap_image::{Stamp, encode};
use rblmap_policy::Policy;
use rblmap_zonefile::{Options, Spec, build};
use tempfile::TempDir;

use crate::dns::Dns;
use crate::log::{Log, LogWriter};
use crate::shared::Shared;

/// What a reply says. Records are in an order of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub flags: String,
    pub question: String,
    pub sections: [Vec<String>; 3],
    pub counts: [u16; 4],
}

impl Told {
    pub fn of(reply: &[u8]) -> Told {
        let message = Message::from_octets(reply).unwrap();
        let header = message.header();
        let counts = message.header_counts();
        let mut question = message.question();
        let question = question.next().unwrap().unwrap();
        let section = |records: domain::base::message::RecordSection<'_, &[u8]>| {
            let lines = records.map(|record| {
                let record = record.unwrap();
                let data = record.to_any_record::<AllRecordData<_, _>>().unwrap();
                if record.rtype() == Rtype::OPT {
                    return format!("OPT {}", record.class().to_int());
                }
                format!(
                    "{} {} {} {}",
                    record.owner(),
                    record.class(),
                    record.ttl().as_secs(),
                    format_args!("{} {}", record.rtype(), data.data())
                )
            });
            let mut lines: Vec<String> = lines.collect();
            lines.sort();
            lines
        };
        Told {
            flags: format!("{} {} {}", header.opcode(), header.flags(), header.rcode()),
            question: format!("{question}"),
            sections: [
                section(message.answer().unwrap()),
                section(message.authority().unwrap()),
                section(message.additional().unwrap()),
            ],
            counts: [
                counts.qdcount(),
                counts.ancount(),
                counts.nscount(),
                counts.arcount(),
            ],
        }
    }

    /// Forgets an OPT record, the only one that the additional section has.
    pub fn hide_opt(&mut self) {
        let [.., additional] = &mut self.sections;
        additional.clear();
        let [.., count] = &mut self.counts;
        *count = 0;
    }

    /// Whether it has an answer of at least this many characters.
    pub fn has_answer_of(&self, len: usize) -> bool {
        let [answers, ..] = &self.sections;
        answers.iter().any(|answer| answer.len() >= len)
    }

    /// Forgets how often it gives an answer, and with which TTLs.
    pub fn hide_repeats(&mut self) {
        let [answers, ..] = &mut self.sections;
        for answer in answers.iter_mut() {
            // Owner, class, TTL, type and data.
            let mut words: Vec<&str> = answer.splitn(4, ' ').collect();
            words.remove(2);
            *answer = words.join(" ");
        }
        answers.sort();
        answers.dedup();
        let [_, count, ..] = &mut self.counts;
        *count = u16::try_from(answers.len()).unwrap();
    }

    pub fn is_truncated(reply: &[u8]) -> bool {
        Message::from_octets(reply).unwrap().header().tc()
    }
}

/// A query with the given flags; with EDNS if there is a size.
pub fn query(ident: u16, labels: &[Vec<u8>], rtype: Rtype, size: Option<u16>) -> Vec<u8> {
    let mut name = Vec::new();
    for label in labels {
        name.push(u8::try_from(label.len()).unwrap());
        name.extend(label);
    }
    name.push(0);
    let name = Name::from_octets(name).unwrap();
    let mut builder = MessageBuilder::new_vec();
    builder.header_mut().set_id(ident);
    builder.header_mut().set_rd(ident.is_multiple_of(2));
    let mut builder = builder.question();
    builder.push((name, rtype, Class::IN)).unwrap();
    let mut builder = builder.additional();
    if let Some(size) = size {
        builder
            .opt(|opt| {
                opt.set_udp_payload_size(size);
                Ok(())
            })
            .unwrap();
    }
    builder.finish()
}

/// A server of ours.
pub struct Ours {
    pub shared: Arc<Shared>,
    pub dns: Dns,
    pub address: SocketAddr,
    udp: UdpSocket,
    tcp: TcpStream,
    _log: LogWriter,
}

impl Ours {
    /// Serves images by their files. `switches` are lines of the policy file.
    pub fn start(zones: &[(&str, &Path)], switches: &str) -> Ours {
        let policy = policy(zones, switches);
        let (log, writer) = Log::start().unwrap();
        let shared = Arc::new(Shared::new(policy, log));
        let dns = Dns::start(&shared).unwrap();
        let address = dns.addresses()[0];
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.connect(address).unwrap();
        udp.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let tcp = TcpStream::connect(address).unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        tcp.set_nodelay(true).unwrap();
        Ours {
            shared,
            dns,
            address,
            udp,
            tcp,
            _log: writer,
        }
    }

    /// Sends a datagram, and waits for the reply.
    pub fn ask(&self, packet: &[u8]) -> Vec<u8> {
        let mut reply = vec![0; 65_535];
        for _ in 0..5 {
            self.udp.send(packet).unwrap();
            while let Ok(len) = self.udp.recv(&mut reply) {
                if reply[..2] == packet[..2] {
                    reply.truncate(len);
                    return reply;
                }
            }
        }
        panic!("no answer of ours to {packet:?}");
    }

    /// Sends a datagram so many times at once, and gives the replies that come.
    pub fn burst(&self, packet: &[u8], count: usize) -> Vec<Vec<u8>> {
        (0..count).for_each(|_| {
            self.udp.send(packet).unwrap();
        });
        let mut reply = vec![0; 65_535];
        let mut replies = Vec::new();
        while let Ok(len) = self.udp.recv(&mut reply) {
            replies.push(reply[..len].to_vec());
        }
        replies
    }

    /// Whether a datagram gets no reply: one to a query sent after it comes first.
    pub fn drops(&self, packet: &[u8]) -> bool {
        let after = query(0xffff, &[b"after".to_vec()], Rtype::A, None);
        self.udp.send(packet).unwrap();
        self.udp.send(&after).unwrap();
        let mut reply = [0; 4096];
        self.udp.recv(&mut reply).unwrap();
        let dropped = reply[..2] == after[..2];
        if !dropped {
            self.udp.recv(&mut reply).unwrap();
        }
        dropped
    }

    /// Sends a query over the connection, and waits for the reply.
    pub fn ask_tcp(&mut self, packet: &[u8]) -> Vec<u8> {
        send(&mut self.tcp, packet);
        receive(&mut self.tcp)
    }
}

pub fn send(stream: &mut TcpStream, packet: &[u8]) {
    let len = u16::try_from(packet.len()).unwrap();
    let mut framed = len.to_be_bytes().to_vec();
    framed.extend(packet);
    stream.write_all(&framed).unwrap();
}

pub fn receive(stream: &mut TcpStream) -> Vec<u8> {
    let mut len = [0; 2];
    stream.read_exact(&mut len).unwrap();
    let mut reply = vec![0; u16::from_be_bytes(len).into()];
    stream.read_exact(&mut reply).unwrap();
    reply
}

/// A policy that serves images over DNS on a free port, with its images looked at.
pub fn policy(zones: &[(&str, &Path)], switches: &str) -> Arc<Policy> {
    let mut text = format!("[listen]\ndns = [\"127.0.0.1:0\"]\n{switches}\n");
    for (name, path) in zones {
        text += &format!(
            "[[zone]]\nname = \"{name}\"\nfrom = \"{}\"\n",
            path.display()
        );
    }
    let policy = Policy::parse(&text, Path::new("mail.toml"), "mx.example").unwrap();
    policy.look();
    Arc::new(policy)
}

/// The labels of a name without escapes.
pub fn labels(name: &str) -> Vec<Vec<u8>> {
    name.split('.')
        .map(|label| label.as_bytes().to_vec())
        .collect()
}

/// Builds an image in a folder; gives its path.
pub fn image(folder: &TempDir, specs: &[Spec], serial: u64) -> PathBuf {
    let options = Options {
        now: crate::shared::now(),
        ..Options::default()
    };
    let built = build(specs, &options).unwrap();
    let path = folder.path().join("image.rbl");
    write_image(&built.content, serial, &path);
    path
}

/// Puts an image in its place, as a mirror does: by renaming.
pub fn write_image(content: &Content, serial: u64, path: &Path) {
    let stamp = Stamp {
        serial,
        ..Stamp::default()
    };
    let fresh = path.with_extension("new");
    std::fs::write(&fresh, encode(content, stamp).unwrap()).unwrap();
    std::fs::rename(&fresh, path).unwrap();
}
