//! Writes a list as a MaxMind DB, the format that geographic look-ups use, with the last byte of the
//! A record as the data of a network. <https://maxmind.github.io/MaxMind-DB/>, version 2.0.

use crate::lists::Listed;

/// What stands between the tree and the data.
const SEPARATOR: usize = 16;
/// What the data of a network takes: two bytes.
pub const DATA_LEN: usize = 2;

/// The bytes of the database: 32-bit records, IPv4 only.
///
/// # Panics
/// If the tree had 2^31 nodes.
pub fn write(runs: &[Listed<u32>]) -> Vec<u8> {
    let mut tree = Tree(vec![[0; 2]]);
    for run in runs {
        each_network(run, |address, bits| tree.insert(address, bits, run.reason));
    }
    let count = u32::try_from(tree.0.len()).expect("fewer than 2^31 nodes");
    let mut out = Vec::with_capacity(tree.0.len() * 8 + 1024);
    for record in tree.0.iter().flatten() {
        let value = match record {
            0 => count,
            leaf if leaf & LEAF != 0 => count + SEPARATOR as u32 + (leaf & !LEAF) * DATA_LEN as u32,
            node => *node,
        };
        // The format has network order.
        let [a, b, c, d] = value.to_le_bytes();
        out.extend([d, c, b, a]);
    }
    out.extend([0; SEPARATOR]);
    // A uint16 of one byte for each reason, so that its offset tells it.
    (0..=255u8).for_each(|reason| out.extend([5 << 5 | 1, reason]));
    out.extend(b"\xab\xcd\xefMaxMind.com");
    metadata(&mut out, count);
    out
}

/// A record with this bit is a reason, one without the number of a node; 0 is nothing.
const LEAF: u32 = 1 << 31;

struct Tree(Vec<[u32; 2]>);

impl Tree {
    fn insert(&mut self, address: u32, bits: u32, reason: u8) {
        let mut node = 0;
        for depth in 0..bits {
            let side = (address >> (31 - depth) & 1) as usize;
            if depth + 1 == bits {
                self.0[node][side] = LEAF | u32::from(reason);
                return;
            }
            if self.0[node][side] == 0 {
                self.0[node][side] = self.0.len() as u32;
                self.0.push([0; 2]);
            }
            node = self.0[node][side] as usize;
        }
    }
}

/// The networks that a run consists of: address and prefix length.
pub fn each_network(run: &Listed<u32>, mut see: impl FnMut(u32, u32)) {
    let mut at = u64::from(run.start);
    while at <= u64::from(run.end) {
        let left = u64::from(run.end) - at + 1;
        let size = (at | 1 << 32).trailing_zeros().min(left.ilog2());
        see(at as u32, 32 - size);
        at += 1 << size;
    }
}

fn metadata(out: &mut Vec<u8>, nodes: u32) {
    let text = |out: &mut Vec<u8>, text: &str| {
        out.push(2 << 5 | text.len() as u8);
        out.extend(text.as_bytes());
    };
    out.push(7 << 5 | 9);
    for (name, value) in [
        ("binary_format_major_version", 2),
        ("binary_format_minor_version", 0),
        ("ip_version", 4),
        ("record_size", 32),
    ] {
        text(out, name);
        out.extend([5 << 5 | 1, value]);
    }
    text(out, "node_count");
    let [a, b, c, d] = nodes.to_le_bytes();
    out.extend([6 << 5 | 4, d, c, b, a]);
    text(out, "build_epoch");
    out.extend([1, 2, 1]);
    text(out, "database_type");
    text(out, "bench");
    text(out, "description");
    out.push(7 << 5);
    text(out, "languages");
    out.extend([0, 4]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_cut_into_its_networks() {
        let run = |start, end| Listed {
            start,
            end,
            reason: 2,
        };
        let cut = |run| {
            let mut all = Vec::new();
            each_network(&run, |address, bits| all.push((address, bits)));
            all
        };
        assert_eq!(cut(run(5, 8)), [(5, 32), (6, 31), (8, 32)]);
        assert_eq!(cut(run(0, 255)), [(0, 24)]);
        assert_eq!(cut(run(u32::MAX, u32::MAX)), [(u32::MAX, 32)]);
    }
}
