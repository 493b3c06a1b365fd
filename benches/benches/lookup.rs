//! How long does one IPv4 lookup take, beside one random 64-byte line of the same mapping?
//!
//! One at a time: a barrier after each, its cost in the line too. A million clustered entries.

#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench may panic"
)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fastrand::Rng;
use rblmap::Image;
use rblmap_benches::{Lines, barrier, clustered, content};
use rblmap_image::{Stamp, encode, place};

const ENTRIES: usize = 1_000_000;
const QUERIES: usize = 1 << 14;

fn lookup(criterion: &mut Criterion) {
    let list = clustered(ENTRIES, 10);
    let bytes = encode(&content(&list).expect("a rising list"), Stamp::default()).expect("small");
    let path = std::env::temp_dir().join(format!("rblmap-bench-{}.rbl", std::process::id()));
    place(&path, &bytes).expect("a folder to write to");
    let image = Image::open(&path).expect("just written");
    let zone = image.base();
    let lines = Lines::new(&image);

    let rng = &mut Rng::with_seed(11);
    let any: Vec<u32> = std::iter::repeat_with(|| rng.u32(..))
        .take(QUERIES)
        .collect();
    let listed = |_: &u32| list[rng.usize(..list.len())].address;
    let listed: Vec<u32> = any.iter().map(listed).collect();
    let is_unlisted = |a: &u32| list.binary_search_by_key(a, |entry| entry.address).is_err();
    let unlisted: Vec<u32> = any.iter().copied().filter(is_unlisted).collect();

    let mut group = criterion.benchmark_group("v4_1M_clustered");
    let mut ask = |name: &str, queries: &[u32], access: &dyn Fn(u32)| {
        group.throughput(Throughput::Elements(queries.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| queries.iter().for_each(|&q| access(q)))
        });
    };
    ask("line", &any, &|random| {
        black_box(lines.read(random));
        barrier();
    });
    ask("hit", &listed, &|address| {
        black_box(zone.lookup_v4(address).is_listed());
        barrier();
    });
    ask("miss", &unlisted, &|address| {
        black_box(zone.lookup_v4(address).is_listed());
        barrier();
    });
    group.finish();
    drop(image);
    let _ = std::fs::remove_file(&path);
}

criterion_group!(benches, lookup);
criterion_main!(benches);
