//! Sends each datagram back as a DNS reply without looking into it: what the system's UDP path costs,
//! the limit for any DNS server that takes one datagram with each call. `echo_udp ADDRESS:PORT`.

use std::net::UdpSocket;

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_default();
    let socket = UdpSocket::bind(address)?;
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
