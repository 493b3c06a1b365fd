//! Lookups and their texts take no heap memory, whatever lists the address.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use rblmap::{Answer, Image, NameKey, NameRule, Run, TextBuf, ValueId};
use rblmap_content::{Draft, Record, TemplateBuf, TextPart, ValueBuf};
use rblmap_image::{Stamp, encode};

/// The system's allocator; counts what each thread takes.
struct Counting;

thread_local! {
    static TAKEN: Cell<usize> = const { Cell::new(0) };
}

#[allow(unsafe_code, reason = "an allocator is unsafe to write")]
// SAFETY: all is left to the system's allocator, with the arguments as they came. The counter is
// constant at first and has no destructor, so counting allocates nothing itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.set(TAKEN.get() + 1);
        // SAFETY: the caller promises what this asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: `place` came from `alloc` above, so from the system.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `work` took memory.
fn taken(work: impl FnOnce()) -> usize {
    let before = TAKEN.get();
    work();
    TAKEN.get() - before
}

/// A listed value whose text names the key, whole and less a label.
fn value(draft: &mut Draft) -> ValueId {
    let text = TemplateBuf::new([
        TextPart::Literal(b"see ".to_vec()),
        TextPart::Key,
        TextPart::Literal(b" in ".to_vec()),
        TextPart::KeyLess(1),
    ]);
    let a = Some(Ipv4Addr::new(127, 0, 0, 2));
    draft
        .values
        .intern(&ValueBuf::new([Record { a, text }]))
        .unwrap()
}

/// An address and a name that are listed under so many names that they lie in lines, or, with few,
/// in sorted order; all addresses are spelled by a name.
fn image(others: u32) -> Image {
    let mut draft = Draft::new("ops.example".parse().unwrap());
    let id = value(&mut draft);
    let mut names: Vec<NameKey> = (0..others)
        .map(|n| NameKey::parse(format!("host-{n}.example").as_bytes()).unwrap())
        .collect();
    for name in ["*mail\\.x.example", "1.2.0.192", "7.f.example"] {
        names.push(NameKey::parse(name.as_bytes()).unwrap());
    }
    let v6: IpAddr = "2001:db8::1".parse().unwrap();
    names.push(NameKey::spelled(v6).parent().unwrap());
    names.sort_unstable();
    let zone = draft.zone_mut(&NameKey::ROOT);
    let run = |start, end| Run {
        start,
        end,
        value: id,
    };
    zone.v4 = vec![run(0xc000_0201, 0xc000_02ff)];
    for name in names {
        zone.names
            .push(name.as_bytes(), NameRule::Value(id), NameRule::Value(id));
    }
    Image::from_vec(encode(&draft.finish().unwrap(), Stamp::default()).unwrap()).unwrap()
}

fn read(answer: &Answer<'_>) -> usize {
    let mut buffer = TextBuf::new();
    let records = answer.records();
    records
        .map(|record| record.txt(&mut buffer).map_or(0, <[u8]>::len))
        .sum()
}

#[test]
fn the_allocator_counts() {
    assert_eq!(taken(|| drop(black_box(Box::new(1)))), 1);
}

#[test]
fn neither_lookups_nor_texts_take_memory() {
    for others in [3, 20_000] {
        let image = image(others);
        let zone = image.base();
        let name = NameKey::parse(b"a.*mail\\.x.example").unwrap();
        let addresses: [IpAddr; 4] = [
            "192.0.2.1".parse().unwrap(),
            "192.0.2.9".parse().unwrap(),
            "2001:db8::1".parse().unwrap(),
            "::ffff:192.0.2.1".parse().unwrap(),
        ];
        for address in addresses {
            let mut text = 0;
            let count = taken(|| text = read(&zone.lookup(address)));
            assert_eq!(count, 0, "{address} beside {others} names");
            assert!(text > 0, "{address} beside {others} names");
        }
        let mut text = 0;
        let count = taken(|| text = read(&zone.lookup_name(&name)));
        assert_eq!(count, 0, "a name beside {others}");
        assert!(text > 0);
    }
}
