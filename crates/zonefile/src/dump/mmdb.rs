//! Content as a database of the MaxMind DB file format, version 2.0
//! (<https://maxmind.github.io/MaxMind-DB/>): a tree by the bits of addresses, and for each value a
//! map with the A records as `codes` and the texts, where they are the same for all keys, as `texts`.

use std::collections::HashMap;
use std::io::{self, Write};

use rblmap::{Value, ValueId};
use rblmap_format::Part;

use super::list::List;
use super::loss::Loss;
use crate::address6::{MAPPED, unmapped};
use crate::key::networks;

/// Between tree and data.
const SEPARATOR: [u8; 16] = [0; 16];
/// Before the metadata.
const MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";
/// 2002:a.b.c.d::/48 is a.b.c.d.
const SIX_TO_FOUR: (u128, u128) = (0x2002 << 112, (0x2003 << 112) - 1);

pub(super) fn write<W: Write>(list: &mut List<'_, W>) -> io::Result<()> {
    let mut tree = Tree::default();
    let mut data = Data::default();
    for run in list.zone.v4() {
        let Some(at) = data.of(list, run.value) else {
            continue;
        };
        for (first, last) in networks(run.start.into(), run.end.into(), 32) {
            tree.insert(first, (first ^ last).leading_zeros(), at);
        }
    }
    let has_v4 = !list.zone.v4().is_empty();
    let mut in_six_to_four = false;
    for run in list.zone.v6() {
        let Some(at) = data.of(list, run.value) else {
            continue;
        };
        for (first, last) in networks(run.start, run.end, 128) {
            // What lies in ::/96 is IPv4 in this format, and ::ffff:0:0/96 the same again.
            if has_v4 && (first <= u128::from(u32::MAX) || unmapped(first, last).is_some()) {
                list.omitted.add(Loss::Mapped);
                continue;
            }
            in_six_to_four |= first <= SIX_TO_FOUR.1 && SIX_TO_FOUR.0 <= last;
            tree.insert(first, (first ^ last).leading_zeros(), at);
        }
    }
    if has_v4 {
        tree.alias(MAPPED.0, 96);
        if !in_six_to_four {
            tree.alias(SIX_TO_FOUR.0, 16);
        }
    }
    list.leave_names();
    let bytes = file(&tree, &data.bytes, list.content.name().as_str())?;
    list.out.write_all(&bytes)
}

/// What stands behind a bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Child {
    #[default]
    Nothing,
    Node(u32),
    /// At this offset of the data.
    Data(u32),
}

/// The tree: for each node what stands behind 0 and behind 1. The first node is the root.
struct Tree {
    nodes: Vec<[Child; 2]>,
}

impl Default for Tree {
    fn default() -> Tree {
        Tree {
            nodes: vec![Default::default()],
        }
    }
}

impl Tree {
    /// Adds a network that lies in no other one.
    fn insert(&mut self, address: u128, bits: u32, data: u32) {
        self.set(address, bits, Child::Data(data));
    }

    /// Makes a network say what the IPv4 addresses say, ::/96.
    fn alias(&mut self, address: u128, bits: u32) {
        let mut at = 0usize;
        for _ in 0..96 {
            let child = self.nodes.get(at).map(|node| node[0]);
            let Some(Child::Node(next)) = child else {
                return;
            };
            at = next as usize;
        }
        let node = u32::try_from(at).unwrap_or(0);
        self.set(address, bits, Child::Node(node));
    }

    fn set(&mut self, address: u128, bits: u32, what: Child) {
        let mut at = 0usize;
        // The whole address space is its two halves.
        let last = bits.max(1);
        for depth in 1..=last {
            let bit = usize::from(address >> (128 - depth) & 1 == 1);
            let next = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
            let Some(child) = self.nodes.get_mut(at).and_then(|node| node.get_mut(bit)) else {
                return;
            };
            if depth == last {
                *child = what;
                break;
            }
            at = match *child {
                Child::Node(node) => node as usize,
                Child::Nothing | Child::Data(_) => {
                    *child = Child::Node(next);
                    self.nodes.push(Default::default());
                    next as usize
                }
            };
        }
        if bits == 0
            && let Some([zero, one]) = self.nodes.first_mut()
        {
            *one = *zero;
        }
    }
}

/// The data section, each value once.
#[derive(Default)]
struct Data {
    bytes: Vec<u8>,
    known: HashMap<ValueId, Option<u32>>,
}

impl Data {
    /// Where the data of a value stand; none for one that lists nothing.
    fn of<W: Write>(&mut self, list: &mut List<'_, W>, id: ValueId) -> Option<u32> {
        if let Some(known) = self.known.get(&id) {
            return *known;
        }
        let value = list.value(id);
        let at = if value.is_listed() {
            // Values of 4 GiB are over the limits of an image.
            let at = u32::try_from(self.bytes.len()).ok();
            put_value(list, value, &mut self.bytes);
            at
        } else {
            list.omitted.add(Loss::Unlisted);
            None
        };
        self.known.insert(id, at);
        at
    }
}

fn put_value<W: Write>(list: &mut List<'_, W>, value: Value<'_>, out: &mut Vec<u8>) {
    let mut codes: Vec<String> = Vec::new();
    let mut texts: Vec<String> = Vec::new();
    for record in value.records() {
        codes.extend(record.a.map(|a| a.to_string()));
        let Some(template) = record.template else {
            continue;
        };
        let mut text = Vec::new();
        let mut whole = true;
        for part in template.parts() {
            match part {
                Part::Literal(bytes) => text.extend_from_slice(bytes),
                Part::Key | Part::KeyLess(_) => whole = false,
            }
        }
        match String::from_utf8(text) {
            Ok(text) if whole => texts.push(text),
            _ => list.omitted.add(Loss::Texts),
        }
    }
    codes.dedup();
    let fields = [("codes", codes), ("texts", texts)];
    let fields: Vec<_> = fields.iter().filter(|(_, list)| !list.is_empty()).collect();
    put_size(MAP, fields.len(), out);
    for (name, list) in fields {
        put_text(name, out);
        put_size(ARRAY, list.len(), out);
        list.iter().for_each(|text| put_text(text, out));
    }
}

/// Types of the format that are used here.
const TEXT: u8 = 2;
const UINT16: u8 = 5;
const UINT32: u8 = 6;
const MAP: u8 = 7;
const UINT64: u8 = 9;
const ARRAY: u8 = 11;

/// A control byte: the type, and the size of what follows. Types above 7 have a byte of their own.
fn put_size(kind: u8, size: usize, out: &mut Vec<u8>) {
    let high = if kind > 7 { 0 } else { kind << 5 };
    let (low, more, width) = match size {
        0..29 => (size, 0, 0),
        29..285 => (29, size - 29, 1),
        285..65_821 => (30, size - 285, 2),
        _ => (31, size - 65_821, 3),
    };
    out.push(high | u8::try_from(low).unwrap_or(31));
    if kind > 7 {
        out.push(kind - 7);
    }
    put_number(more as u64, width, out);
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    put_size(TEXT, text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

fn put_uint(kind: u8, number: u64, out: &mut Vec<u8>) {
    let width = (64 - number.leading_zeros()).div_ceil(8) as usize;
    put_size(kind, width, out);
    put_number(number, width, out);
}

/// So many bytes of a number, the highest first.
fn put_number(number: u64, width: usize, out: &mut Vec<u8>) {
    for at in (0..width).rev() {
        out.push(u8::try_from(number >> (8 * at) & 0xff).unwrap_or(0));
    }
}

fn file(tree: &Tree, data: &[u8], zone: &str) -> io::Result<Vec<u8>> {
    let count = tree.nodes.len() as u64;
    let largest = count + SEPARATOR.len() as u64 + data.len() as u64;
    let bits = match largest {
        0..0x100_0000 => 24,
        0x100_0000..0x1000_0000 => 28,
        0x1000_0000..0x1_0000_0000 => 32,
        _ => {
            let what = "more networks than a MaxMind DB can hold";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
    };
    let mut out = Vec::new();
    let record = |child: Child| match child {
        Child::Nothing => count,
        Child::Node(node) => node.into(),
        Child::Data(at) => count + SEPARATOR.len() as u64 + u64::from(at),
    };
    for node in &tree.nodes {
        let [left, right] = node.map(record);
        match bits {
            28 => {
                put_number(left & 0xff_ffff, 3, &mut out);
                put_number(left >> 24 << 4 | right >> 24, 1, &mut out);
                put_number(right & 0xff_ffff, 3, &mut out);
            }
            bits => {
                put_number(left, bits / 8, &mut out);
                put_number(right, bits / 8, &mut out);
            }
        }
    }
    out.extend_from_slice(&SEPARATOR);
    out.extend_from_slice(data);
    out.extend_from_slice(MARKER);
    put_metadata(count, bits as u64, zone, &mut out);
    Ok(out)
}

fn put_metadata(count: u64, bits: u64, zone: &str, out: &mut Vec<u8>) {
    put_size(MAP, 9, out);
    for (name, kind, number) in [
        ("binary_format_major_version", UINT16, 2),
        ("binary_format_minor_version", UINT16, 0),
        // Equal content makes equal bytes, so there is no time in it; libmaxminddb refuses 0.
        ("build_epoch", UINT64, 1),
        ("ip_version", UINT16, 6),
        ("node_count", UINT32, count),
        ("record_size", UINT16, bits),
    ] {
        put_text(name, out);
        put_uint(kind, number, out);
    }
    put_text("database_type", out);
    put_text("rblmap", out);
    put_text("languages", out);
    put_size(ARRAY, 0, out);
    put_text("description", out);
    put_size(MAP, 1, out);
    put_text("en", out);
    put_text(zone, out);
}
