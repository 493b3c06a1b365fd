//! Ranges of addresses as the networks they are made of.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The fewest IPv4 networks that are the addresses from `first` to `last`, in order; a single
/// address is printed without its length.
pub(crate) fn v4(first: u32, last: u32, mut see: impl FnMut(String)) {
    split(first.into(), last.into(), 32, |start, bits| {
        // The range had 32 bits.
        let address = Ipv4Addr::from_bits(u32::try_from(start).unwrap_or(u32::MAX));
        see(network(&address, 32, bits));
    });
}

/// The same for IPv6.
pub(crate) fn v6(first: u128, last: u128, mut see: impl FnMut(String)) {
    split(first, last, 128, |start, bits| {
        see(network(&Ipv6Addr::from_bits(start), 128, bits));
    });
}

fn network(address: &impl std::fmt::Display, width: u32, bits: u32) -> String {
    if bits == 0 {
        return address.to_string();
    }
    format!("{address}/{}", width - bits)
}

/// The start of each network and how many bits its hosts have.
fn split(first: u128, last: u128, width: u32, mut see: impl FnMut(u128, u32)) {
    let mut start = first;
    while start <= last {
        let mut bits = start.trailing_zeros().min(width);
        // All ones below `bits`: the network's last address less its first.
        let size = |bits: u32| u128::MAX.checked_shr(128 - bits).unwrap_or(0);
        while last - start < size(bits) {
            bits -= 1;
        }
        see(start, bits);
        let Some(next) = (start | size(bits)).checked_add(1) else {
            return;
        };
        start = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_made_of_networks() {
        let four = |first: [u8; 4], last: [u8; 4]| {
            let mut out = Vec::new();
            let bits = |octets| Ipv4Addr::from(octets).to_bits();
            v4(bits(first), bits(last), |network| out.push(network));
            out.join(" ")
        };
        assert_eq!(four([192, 0, 2, 1], [192, 0, 2, 1]), "192.0.2.1");
        assert_eq!(four([0, 0, 0, 0], [255, 255, 255, 255]), "0.0.0.0/0");
        assert_eq!(
            four([10, 0, 0, 1], [10, 0, 0, 6]),
            "10.0.0.1 10.0.0.2/31 10.0.0.4/31 10.0.0.6"
        );
        assert_eq!(
            four([255, 255, 255, 254], [255, 255, 255, 255]),
            "255.255.255.254/31"
        );
        let mut out = Vec::new();
        v6(0, u128::MAX, |network| out.push(network));
        v6(u128::MAX - 2, u128::MAX, |network| out.push(network));
        assert_eq!(out[0], "::/0");
        assert_eq!(out.len(), 3);
    }
}
