//! Milter: decides when a recipient is named; the header of mode tag is added at the message's end.

use rblmap_policy::{Action, Request, client_address};

use crate::desk::{Adapter, Desk};
use crate::session::Step;
use crate::wire::Frame;
use crate::wire::milter::{
    Connect, Negotiation, Packet, connect, first, macros, read, to_network_order, write,
};

/// What is remembered of a connection and of its message.
#[derive(Debug, Default)]
pub(crate) struct Milter {
    agreed: Option<Negotiation>,
    client: String,
    host: String,
    ptr: String,
    forged: bool,
    helo: String,
    port: Option<u16>,
    authenticated: bool,
    sender: String,
    header: Option<String>,
}

/// The longest text that is remembered of a client.
const MAX_WORD: usize = 512;

// What a filter may do (SMFIF_).
const ADD_HEADERS: u32 = 0x01;
const CHOOSE_MACROS: u32 = 0x100;
// Steps that are left out (SMFIP_NO...), and those that want no reply (SMFIP_NR_...).
const NO_BODY: u32 = 0x10;
const NO_HEADERS: u32 = 0x20;
const NO_END_OF_HEADERS: u32 = 0x40;
const NO_UNKNOWN: u32 = 0x100;
const NO_DATA: u32 = 0x200;
const NO_REPLY_CONNECT: u32 = 0x1000;
const NO_REPLY_HELO: u32 = 0x2000;
const NO_REPLY_MAIL: u32 = 0x4000;
const WANTED_STEPS: u32 = NO_BODY
    | NO_HEADERS
    | NO_END_OF_HEADERS
    | NO_UNKNOWN
    | NO_DATA
    | NO_REPLY_CONNECT
    | NO_REPLY_HELO
    | NO_REPLY_MAIL;
/// The macros that are asked for: at the connection (stage 0) and with MAIL (stage 2).
const MACROS: [(u32, &[u8]); 2] = [
    (0, b"j _ {client_ptr} {client_resolve} {daemon_port}\0"),
    (2, b"i {auth_authen}\0"),
];

const CONTINUE: u8 = b'c';
const REPLY: u8 = b'y';
const ADD_HEADER: u8 = b'h';

impl Milter {
    pub(crate) fn step(&mut self, input: &[u8], desk: &mut Desk, out: &mut Vec<u8>) -> Step {
        let (packet, used) = match read(input) {
            Frame::Partial => return Step::Wait,
            Frame::Broken => {
                desk.count_malformed(Adapter::Milter);
                return Step::Close;
            }
            Frame::Whole(packet, used) => (packet, used),
        };
        match self.answer(packet, desk, out) {
            Ok(()) => Step::Used(used),
            Err(End::Quit) => Step::Close,
            Err(End::Malformed) => {
                desk.count_malformed(Adapter::Milter);
                Step::Close
            }
        }
    }

    fn answer(
        &mut self,
        packet: Packet<'_>,
        desk: &mut Desk,
        out: &mut Vec<u8>,
    ) -> Result<(), End> {
        if packet.command == b'Q' {
            return Err(End::Quit);
        }
        let Some(agreed) = self.agreed else {
            return if packet.command == b'O' {
                self.negotiate(packet.data, out)
            } else {
                Err(End::Malformed)
            };
        };
        match packet.command {
            b'O' => return self.negotiate(packet.data, out),
            b'R' => return self.decide(first(packet.data), desk, out),
            b'D' => self.remember_macros(packet.data),
            b'A' => self.end_message(),
            b'K' => {
                *self = Milter {
                    agreed: Some(agreed),
                    ..Milter::default()
                }
            }
            _ => {
                let silent = self.stage(packet, agreed, desk, out)?;
                if agreed.steps & silent == 0 {
                    write(CONTINUE, &[], out);
                }
            }
        }
        Ok(())
    }

    /// Takes a stage of a message that the server goes on after; gives the bit by which the server
    /// agreed to get no reply for it.
    fn stage(
        &mut self,
        packet: Packet<'_>,
        agreed: Negotiation,
        desk: &mut Desk,
        out: &mut Vec<u8>,
    ) -> Result<u32, End> {
        match packet.command {
            b'C' => {
                match connect(packet.data) {
                    Some(connect) => self.remember_client(&connect),
                    None => desk.count_malformed(Adapter::Milter),
                }
                return Ok(NO_REPLY_CONNECT);
            }
            b'H' => {
                self.helo = word(first(packet.data));
                return Ok(NO_REPLY_HELO);
            }
            b'M' => {
                self.header = None;
                self.sender = word(first(packet.data));
                return Ok(NO_REPLY_MAIL);
            }
            b'E' => self.add_header(agreed, out),
            // Steps that were not asked for go on; a server of version 2 sends them all.
            b'T' | b'L' | b'N' | b'B' | b'U' => {}
            _ => return Err(End::Malformed),
        }
        Ok(0)
    }

    fn negotiate(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), End> {
        let offered = Negotiation::read(data).filter(|offered| offered.version >= 2);
        let offered = offered.ok_or(End::Malformed)?;
        let agreed = Negotiation {
            version: offered.version.min(6),
            actions: offered.actions & (ADD_HEADERS | CHOOSE_MACROS),
            steps: offered.steps & WANTED_STEPS,
        };
        let numbers = [agreed.version, agreed.actions, agreed.steps].map(to_network_order);
        let mut parts: Vec<&[u8]> = numbers.iter().map(|number| number.as_slice()).collect();
        let stages = MACROS.map(|(stage, _)| to_network_order(stage));
        if agreed.actions & CHOOSE_MACROS != 0 {
            for (stage, (_, names)) in stages.iter().zip(MACROS) {
                parts.extend([stage.as_slice(), names]);
            }
        }
        write(b'O', &parts, out);
        *self = Milter {
            agreed: Some(agreed),
            ..Milter::default()
        };
        Ok(())
    }

    fn remember_client(&mut self, connect: &Connect<'_>) {
        self.client = match connect.family {
            b'4' | b'6' => word(connect.address),
            _ => String::new(),
        };
        self.host = word(connect.host);
    }

    fn remember_macros(&mut self, data: &[u8]) {
        let Some((stage, data)) = data.split_first() else {
            return;
        };
        if *stage == b'M' {
            self.authenticated = false;
        }
        for (name, value) in macros(data) {
            match name {
                b"{auth_authen}" | b"auth_authen" => self.authenticated = !value.is_empty(),
                b"{client_ptr}" => self.ptr = word(value),
                b"{client_resolve}" => self.forged |= !value.eq_ignore_ascii_case(b"OK"),
                b"{daemon_port}" => self.port = word(value).parse().ok(),
                b"_" => self.forged |= value.ends_with(b"(may be forged)"),
                _ => {}
            }
        }
    }

    fn decide(&mut self, recipient: &[u8], desk: &mut Desk, out: &mut Vec<u8>) -> Result<(), End> {
        let recipient = word(recipient);
        let request = Request {
            client: client_address(&self.client),
            helo: &self.helo,
            sender: &self.sender,
            rdns: if self.ptr.is_empty() {
                &self.host
            } else {
                &self.ptr
            },
            verified: if self.forged { "" } else { &self.host },
            recipient: &recipient,
            authenticated: self.authenticated,
            port: self.port,
            ..Request::default()
        };
        let decision = desk.decide(Adapter::Milter, &request);
        match decision.action {
            Action::Reject | Action::Defer => {
                // Sendmail reads the text as a format.
                let text = decision.reply.replace('%', "%%");
                write(REPLY, &[text.as_bytes(), b"\0"], out);
            }
            Action::Tag => {
                self.header = Some(decision.reply);
                write(CONTINUE, &[], out);
            }
            Action::Pass | Action::Log | Action::Allowed | Action::Exempt => {
                write(CONTINUE, &[], out)
            }
        }
        Ok(())
    }

    fn add_header(&mut self, agreed: Negotiation, out: &mut Vec<u8>) {
        let header = self
            .header
            .take()
            .filter(|_| agreed.actions & ADD_HEADERS != 0);
        if let Some((name, value)) = header.as_deref().and_then(|header| header.split_once(": ")) {
            write(
                ADD_HEADER,
                &[name.as_bytes(), b"\0", value.as_bytes(), b"\0"],
                out,
            );
        }
        self.end_message();
    }

    fn end_message(&mut self) {
        self.header = None;
        self.sender.clear();
        self.authenticated = false;
    }
}

/// Why a connection ends.
enum End {
    Quit,
    Malformed,
}

/// A text of a client, cut so that nobody fills the memory with it.
fn word(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..MAX_WORD).unwrap_or(bytes)).into_owned()
}
