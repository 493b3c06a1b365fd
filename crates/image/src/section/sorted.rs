//! Writes sorted entries: small IPv4 zones, and IPv6.

use rblmap::Run;
use rblmap_format::sections::top_bits;

use super::push_id;
use rblmap_format::Address;

/// One entry: a value for its key alone, or for all addresses from its key on.
#[derive(Clone, Copy)]
struct Entry<A> {
    key: A,
    only: bool,
    id: u32,
}

/// How many entries the runs make.
pub(crate) fn entry_count<A: Address>(runs: &[Run<A>]) -> usize {
    let mut count = 0;
    each_entry(runs, |_| count += 1);
    count
}

/// The section's bytes and its parameter.
pub(crate) fn encode<A: Address>(runs: &[Run<A>], width: usize) -> (Vec<u8>, u64) {
    let count = entry_count(runs);
    // A table over the first bits does not narrow the search among IPv6 addresses: these share them.
    let bits = if A::BITS == 32 { top_bits(count) } else { 0 };
    let mut top = vec![0u32; (1 << bits) + 1];
    let mut keys = Vec::with_capacity(count * A::LEN);
    let mut only = vec![0u8; count.div_ceil(8)];
    let mut ids = Vec::with_capacity(count * width);
    let mut index = 0usize;
    each_entry(runs, |entry| {
        entry.key.write(&mut keys);
        push_id(&mut ids, width, entry.id);
        if let Some(byte) = only.get_mut(index / 8).filter(|_| entry.only) {
            *byte |= 1 << (index % 8);
        }
        if let Some(place) = top.get_mut(entry.key.top(bits) + 1) {
            *place += 1;
        }
        index += 1;
    });
    let mut out = Vec::with_capacity(top.len() * 4 + keys.len() + only.len() + ids.len());
    let mut before = 0u32;
    for count in top {
        before += count;
        out.extend(before.to_le_bytes());
    }
    out.append(&mut keys);
    out.append(&mut only);
    out.append(&mut ids);
    (out, count as u64 | u64::from(bits) << 32)
}

fn each_entry<A: Address>(runs: &[Run<A>], mut see: impl FnMut(Entry<A>)) {
    let mut rest = runs.iter().peekable();
    while let Some(run) = rest.next() {
        let only = run.start == run.end;
        see(Entry {
            key: run.start,
            only,
            id: run.value.get(),
        });
        let after = run.end.next();
        let joined = rest.peek().map(|next| next.start) == after;
        if let Some(key) = after.filter(|_| !only && !joined) {
            see(Entry {
                key,
                only: false,
                id: 0,
            });
        }
    }
}
