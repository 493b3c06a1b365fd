//! How long does one IPv4 lookup take, beside one random 64-byte line of the same mapping?
//!
//! One at a time: a fence after each; what it takes alone is in every figure. The lists are
//! clustered, of one and ten million entries.

#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench may panic"
)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fastrand::Rng;
use rblmap_benches::{clustered, content};
use rblmap_image::{Stamp, encode, place};
use rblmap_measure::{Lines, fence};

/// Enough to touch the whole mapping, so that it does not stay in the near caches.
const QUERIES: usize = 1 << 20;
/// How many are asked at a time.
const BATCH: usize = 1 << 14;

fn lookup(criterion: &mut Criterion) {
    sized(criterion, "v4_1M_clustered", 1_000_000);
    sized(criterion, "v4_10M_clustered", 10_000_000);
}

fn sized(criterion: &mut Criterion, name: &str, entries: usize) {
    let list = clustered(entries, 10);
    let bytes = encode(&content(&list).expect("a rising list"), Stamp::default()).expect("small");
    let path = std::env::temp_dir().join(format!("rblmap-bench-{}.rbl", std::process::id()));
    place(&path, &bytes).expect("a folder to write to");
    let image = rblmap_benches::map(&path).expect("just written");
    let zone = image.base();
    let lines = Lines::new(image.as_bytes());

    let rng = &mut Rng::with_seed(11);
    let any: Vec<u32> = std::iter::repeat_with(|| rng.u32(..))
        .take(QUERIES)
        .collect();
    let listed = |_: &u32| list[rng.usize(..list.len())].address;
    let listed: Vec<u32> = any.iter().map(listed).collect();
    let is_unlisted = |a: &u32| list.binary_search_by_key(a, |entry| entry.address).is_err();
    let unlisted: Vec<u32> = any.iter().copied().filter(is_unlisted).collect();

    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(BATCH as u64));
    let mut ask = |name: &str, queries: &[u32], access: &dyn Fn(u32)| {
        let mut batches = queries.chunks_exact(BATCH).cycle();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                batches
                    .next()
                    .into_iter()
                    .flatten()
                    .for_each(|&q| access(q))
            });
        });
    };
    ask("fence", &any, &|_| fence());
    ask("line", &any, &|random| {
        black_box(lines.read(random));
        fence();
    });
    ask("hit", &listed, &|address| {
        black_box(zone.lookup_v4(address).is_listed());
        fence();
    });
    ask("miss", &unlisted, &|address| {
        black_box(zone.lookup_v4(address).is_listed());
        fence();
    });
    group.finish();
    drop(image);
    let _ = std::fs::remove_file(&path);
}

criterion_group!(benches, lookup);
criterion_main!(benches);
