//! Answers datagrams: one thread a socket, a system call to take a query and one to send a reply.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recvfrom, sendto};
use socket2::{Domain, Protocol, Socket, Type};

use super::limit::{Limit, Verdict};
use super::query::Over;
use super::worker::Worker;
use crate::shared::now;

/// The longest query that is read. A question takes at most 12 + 255 + 4 bytes; what comes after it
/// is an OPT record, of which only the head is read.
const QUERY_LEN: usize = 4096;
/// Queries that may wait while a thread takes up a new image. The kernel gives less where
/// `net.core.rmem_max` says so.
const QUEUE_BYTES: usize = 4 << 20;
/// How long a thread sleeps at most: then it lets go of an image that was replaced.
const NAP: Duration = Duration::from_secs(5);

/// Opens a socket that shares its address with the others of the same address: the kernel hands each
/// client to one of them.
///
/// # Errors
/// An address that cannot be bound.
pub(crate) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_port(true)?;
    // A small queue is a matter of speed only.
    let _ = socket.set_recv_buffer_size(QUEUE_BYTES);
    socket.bind(&address.into())?;
    socket.set_read_timeout(Some(NAP))?;
    Ok(socket.into())
}

/// Answers datagrams until `stop` is set.
pub(crate) fn run(
    socket: &UdpSocket,
    mut worker: Worker,
    mut limit: Option<Limit>,
    stop: &AtomicBool,
) {
    let mut packet = [0; QUERY_LEN];
    while !stop.load(Ordering::Acquire) {
        let received = recvfrom(socket, &mut packet, RecvFlags::empty());
        let (len, peer) = match received {
            Ok((len, _, Some(peer))) => (len, peer),
            // Of nobody: the socket was shut down.
            Ok((.., None)) => continue,
            Err(error) => {
                worker.renew(now());
                match error {
                    Errno::AGAIN | Errno::INTR => {}
                    // Of a client that is gone, for example: nothing to be done.
                    _ => worker.count_failed_call(),
                }
                continue;
            }
        };
        let Ok(client) = SocketAddr::try_from(peer.clone()) else {
            continue;
        };
        let now = now();
        let query = packet.get(..len).unwrap_or_default();
        let mut reply = worker.answer(query, client, Over::Udp, now);
        if reply.is_empty() {
            continue;
        }
        match limit.as_mut().map(|limit| limit.verdict(client.ip(), now)) {
            None | Some(Verdict::Send) => {}
            Some(Verdict::Cut) => {
                worker.cut_reply();
                reply = worker.reply();
            }
            Some(Verdict::Hold) => {
                worker.count_limited();
                continue;
            }
        }
        if sendto(socket, reply, SendFlags::empty(), &peer).is_err() {
            worker.count_failed_call();
        }
    }
}
