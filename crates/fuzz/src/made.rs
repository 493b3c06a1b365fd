//! Content and images that targets start from, the same in every run.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use fastrand::Rng;
use rblmap::Image;
use rblmap_content::Content;
use rblmap_image::{Layout, Stamp, encode_with};
use rblmap_zonefile::{DatasetType, Options, Spec, build};

/// The zone of all images.
pub(crate) const ZONE: &str = "ops.example";
/// What they say of their making.
pub(crate) const STAMP: Stamp = Stamp {
    serial: 1,
    created: 1,
};

/// A file without a name, which can be opened by a path for as long as it is held.
pub(crate) struct Held {
    file: std::fs::File,
}

impl Held {
    pub(crate) fn new(bytes: &[u8]) -> Held {
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(bytes).expect("room for it");
        Held { file }
    }

    pub(crate) fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.file.as_raw_fd()).into()
    }
}

/// The spec of a file.
pub(crate) fn spec(zone: &str, kind: DatasetType, file: &Held) -> Spec {
    Spec {
        zone: zone.parse().expect("a zone name"),
        kind,
        files: vec![file.path()],
        reading: None,
    }
}

/// Content of texts by zone and type.
fn content(texts: &[(&str, DatasetType, String)]) -> Content {
    let held: Vec<Held> = texts
        .iter()
        .map(|(_, _, text)| Held::new(text.as_bytes()))
        .collect();
    let specs = texts.iter().zip(&held);
    let specs: Vec<Spec> = specs
        .map(|((zone, kind, _), file)| spec(zone, *kind, file))
        .collect();
    let mut options = Options::default();
    options.reading.host_bits = true;
    build(&specs, &options).expect("good sources").content
}

fn image(content: &Content, layout: Layout) -> Image {
    let bytes = encode_with(content, STAMP, layout).expect("content that fits");
    Image::from_vec(bytes).expect("what was encoded")
}

/// A few entries of every kind: subzones, facts, exclusions, ranges, names below and exact, IPv6.
pub(crate) fn small(seed: u64) -> Image {
    let mut rng = Rng::with_seed(seed);
    let mut v4 = String::from(
        "$SOA 3000 ns.example h.example 0 600 300 86400 300\n$NS 3000 a.example b.example\n\
         $TTL 60\n:127.0.0.2:Listed $\n",
    );
    for _ in 0..40 {
        let address = Ipv4Addr::from(0x0a00_0000 + rng.u32(..2000));
        let values = ["", " :3:other $", " :127.0.0.9:x $ y", ""];
        let _ = writeln!(v4, "{address}{}", values[rng.usize(..4)]);
    }
    v4 += "10.9.0.0/16\n!10.9.3.0/24\n192.0.2.0-192.0.2.77 :5:range\n";
    let mut names = String::from(":127.0.0.2:name $\n");
    for _ in 0..30 {
        let before = ["", ".", "*.", "!"][rng.usize(..4)];
        let after = ["", " :4:t $"][rng.usize(..2)];
        let (name, below) = (rng.u8(..50), rng.u8(..4));
        let _ = writeln!(names, "{before}n{name}.x{below}.example{after}");
    }
    names += "1.2.3.4.example\n*.0.0.127 :6:spelled\n";
    let mut v6 = String::from(":127.0.0.2:six $\n");
    for _ in 0..30 {
        let _ = writeln!(v6, "2001:db8:{:x}:{:x}::/64", rng.u8(..4), rng.u8(..50));
    }
    v6 += "2001:db8:5::1/128 :7:one\n!2001:db8:2::/48\n";
    let generic = "txt TXT hello\nmx 3600 A 127.0.0.8\nmx MX 10 mail.example\n".to_owned();
    let content = content(&[
        (ZONE, DatasetType::Ip4trie, v4.clone()),
        (ZONE, DatasetType::Dnset, names),
        ("six.ops.example", DatasetType::Ip6trie, v6),
        ("gen.ops.example", DatasetType::Generic, generic),
        ("l.ops.example", DatasetType::Ip4set, v4),
    ]);
    image(&content, Layout::default())
}

/// Lines of names and of IPv6, with the order of names or without.
pub(crate) fn medium(seed: u64, name_index: bool) -> Image {
    let mut rng = Rng::with_seed(seed);
    let mut text = String::new();
    for _ in 0..5200 {
        let before = ["", "*.", ""][rng.usize(..3)];
        let end = ["com", "net", "example", "co.uk"][rng.usize(..4)];
        let after = ["", " 127.0.0.5", ""][rng.usize(..3)];
        let (host, domain) = (rng.u16(..4000), rng.u16(..700));
        let _ = writeln!(text, "{before}h{host}.d{domain}.{end}{after}");
    }
    for _ in 0..5200 {
        let (a, b, c) = (0xdb8 + rng.u16(..300), rng.u8(..30), rng.u8(..3));
        let len = [64, 64, 56, 48][rng.usize(..4)];
        let _ = writeln!(text, "2001:{a:x}:{b:x}:{c:x}::/{len}");
    }
    for _ in 0..100 {
        let _ = writeln!(text, "2001:db8:{:x}::{:x}", rng.u8(..30), rng.u16(..3000));
    }
    for _ in 0..300 {
        let _ = writeln!(text, "10.0.{}.{}", rng.u8(..20), rng.u8(..));
    }
    let content = content(&[(ZONE, DatasetType::Plain, text)]);
    image(&content, Layout { name_index })
}

/// Lines of IPv4, of all kinds.
pub(crate) fn large(seed: u64) -> Image {
    let mut rng = Rng::with_seed(seed);
    let mut text = String::new();
    for _ in 0..100_000 {
        let address = Ipv4Addr::from(0x0b00_0000 + (rng.u32(..300) << 16 | rng.u32(..65_536)));
        let after = ["", "", "", " 127.0.0.7"][rng.usize(..4)];
        let _ = writeln!(text, "{address}{after}");
    }
    for low in (0..30_000)
        .filter(|_| rng.u8(..3) > 0)
        .collect::<Vec<u32>>()
    {
        let after = ["", " 127.0.0.3", " 127.0.0.4"][rng.usize(..3)];
        let _ = writeln!(text, "{}{after}", Ipv4Addr::from(0x5000_0000 + low));
    }
    text += "96.0.0.0/9\n";
    image(
        &content(&[(ZONE, DatasetType::Plain, text)]),
        Layout::default(),
    )
}
