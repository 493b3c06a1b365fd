//! The protocols without sockets, for `crates/fuzz`: bytes in, answers out.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rblmap_policy::Policy;

use crate::desk::{Adapter, Desk};
use crate::dns::{Over, Worker};
use crate::filter::answer_lines;
use crate::log::Log;
use crate::session::{Session, Step};
use crate::shared::Shared;

/// What is spoken.
///
/// See the example of [`Daemon`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Policy delegation.
    Policy,
    /// Socketmap, in netstrings.
    Socketmap,
    /// Milter.
    Milter,
    /// One line in, one out.
    Query,
    /// Metrics.
    Http,
}

/// A daemon that nobody can reach but by function calls.
///
/// ```
/// use std::path::Path;
/// use rblmap_policy::Policy;
/// use rblmap_serve::fuzz::{Daemon, Protocol};
/// let text = "[[zone]]\nname = \"ops.example\"\nfrom = \"no.rbl\"\n";
/// let policy = Policy::parse(text, Path::new("mail.toml"), "mx.example")?;
/// let mut daemon = Daemon::new(policy);
/// let answer = daemon.talk(Protocol::Policy, [&b"client_address=192.0.2.1\n\n"[..]]);
/// assert_eq!(answer, b"action=DUNNO\n\n");
/// # Ok::<(), rblmap_policy::Error>(())
/// ```
#[derive(Debug)]
pub struct Daemon {
    shared: Arc<Shared>,
    desk: Desk,
    worker: Worker,
}

impl Daemon {
    /// A daemon with this policy.
    pub fn new(policy: Policy) -> Daemon {
        let shared = Arc::new(Shared::new(Arc::new(policy), Log::of_nobody()));
        Daemon {
            desk: Desk::new(&shared),
            worker: Worker::new(&shared),
            shared,
        }
    }

    /// What a client is answered on one connection that sends these pieces and then ends.
    ///
    /// # Panics
    /// If a session uses more than there is, or nothing.
    pub fn talk<'p>(
        &mut self,
        protocol: Protocol,
        pieces: impl IntoIterator<Item = &'p [u8]>,
    ) -> Vec<u8> {
        let mut session = Session::new(match protocol {
            Protocol::Policy => Adapter::Policy,
            Protocol::Socketmap => Adapter::Socketmap,
            Protocol::Milter => Adapter::Milter,
            Protocol::Query => Adapter::Query,
            Protocol::Http => Adapter::Metrics,
        });
        let (mut input, mut out) = (Vec::new(), Vec::new());
        let mut pieces = pieces.into_iter();
        loop {
            let piece = pieces.next();
            input.extend_from_slice(piece.unwrap_or_default());
            let ended = piece.is_none();
            loop {
                match session.step(&input, ended, &mut self.desk, &mut out) {
                    Step::Used(used) => {
                        assert!(0 < used && used <= input.len(), "used {used}");
                        input.drain(..used);
                    }
                    Step::Wait => break,
                    Step::Close => return out,
                }
            }
            if ended {
                return out;
            }
        }
    }

    /// What OpenSMTPD is answered to lines, and how many questions were among them.
    pub fn filter<'l>(&mut self, lines: impl Iterator<Item = &'l [u8]>) -> (usize, Vec<u8>) {
        answer_lines(&self.shared, lines)
    }

    /// The replies to a packet: over UDP, over TCP, and cut for a client that asks too often.
    pub fn dns(&mut self, packet: &[u8], now: u64) -> [Vec<u8>; 3] {
        let client = SocketAddr::from((Ipv4Addr::LOCALHOST, 53));
        let over_tcp = self.worker.answer(packet, client, Over::Tcp, now).to_vec();
        let over_udp = self.worker.answer(packet, client, Over::Udp, now).to_vec();
        if !over_udp.is_empty() {
            self.worker.cut_reply();
        }
        [over_udp, over_tcp, self.worker.reply().to_vec()]
    }
}
