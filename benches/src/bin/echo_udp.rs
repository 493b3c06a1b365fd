//! Sends each datagram back as a DNS reply without looking into it: what the system's UDP path costs,
//! the limit for any DNS server that takes one datagram with each call.
//! `echo_udp ADDRESS:PORT [THREADS]`; each thread has a socket of its own.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let usage = || io::Error::other("usage: echo_udp ADDRESS:PORT [THREADS]");
    let address = args.next().and_then(|text| text.parse().ok());
    let address: SocketAddr = address.ok_or_else(usage)?;
    let threads = args.next().map_or(Ok(1), |text| text.parse());
    let threads: usize = threads.map_err(|_| usage())?;
    let sockets: Vec<UdpSocket> = (0..threads)
        .map(|_| bind(address))
        .collect::<Result<_, _>>()?;
    std::thread::scope(|scope| {
        let threads: Vec<_> = sockets
            .iter()
            .map(|socket| scope.spawn(|| echo(socket)))
            .collect();
        let mut ends = threads.into_iter().map(|thread| thread.join());
        ends.try_for_each(|end| end.unwrap_or_else(|_| Err(io::Error::other("a thread panicked"))))
    })
}

/// A socket that shares its address with others.
fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn echo(socket: &UdpSocket) -> io::Result<()> {
    let mut packet = [0; 512];
    loop {
        let (len, client) = socket.recv_from(&mut packet)?;
        // The bit that makes a query a reply (RFC 1035 section 4.1.1).
        if let Some(flags) = packet.get_mut(2) {
            *flags |= 0x80;
        }
        socket.send_to(packet.get(..len).unwrap_or_default(), client)?;
    }
}
