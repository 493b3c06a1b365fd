//! Snapshots and deltas bent as an attacker would: with a check that is right again.

use fastrand::Rng;
use rblmap::Image;
use rblmap_delta::{Header, Session, diff, pack};

use super::random::Model;

const CHECK: std::ops::Range<usize> = 5..13;

/// The check put right, as docs/delta.md says.
pub fn seal(mut file: Vec<u8>) -> Vec<u8> {
    if file.len() >= CHECK.end {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&file[..CHECK.start]);
        hasher.update(&file[CHECK.end..]);
        file[CHECK].copy_from_slice(&hasher.finalize().as_bytes()[24..]);
    }
    file
}

/// Where the zstd frame starts.
pub fn frame_at(file: &[u8]) -> usize {
    let magic = [0x28, 0xb5, 0x2f, 0xfd];
    file.windows(4).position(|bytes| bytes == magic).unwrap()
}

/// The same file, but that it names no image: whoever reads it works the content id out.
pub fn without_root(file: &[u8]) -> Vec<u8> {
    let result = Header::read(file).unwrap().result;
    let id = file
        .windows(32)
        .position(|bytes| bytes == result.as_bytes());
    let format = id.unwrap() + 32;
    assert_ne!(file[format], 0);
    seal([&file[..format], &[0], &file[format + 17..]].concat())
}

/// The payload and the same file around another one.
pub fn payload(file: &[u8]) -> Vec<u8> {
    zstd::bulk::decompress(&file[frame_at(file)..], 1 << 24).unwrap()
}

pub fn with_payload(file: &[u8], payload: &[u8]) -> Vec<u8> {
    let frame = zstd::bulk::compress(payload, 1).unwrap();
    seal([&file[..frame_at(file)], &frame].concat())
}

/// Two images of a random list, and what leads from one to the other.
pub struct Case {
    pub old: Image,
    pub new: Image,
    pub snapshot: Vec<u8>,
    pub delta: Vec<u8>,
}

pub fn case(seed: u64) -> Case {
    let mut rng = Rng::with_seed(seed);
    let mut model = Model::new(&mut rng);
    model.step(&mut rng, 120);
    let old = model.image();
    model.step(&mut rng, 60);
    let new = model.image();
    let snapshot = pack(&new, Session(1)).unwrap();
    let delta = diff(&old, &new, Session(1)).unwrap();
    Case {
        old,
        new,
        snapshot,
        delta,
    }
}

/// Changes a few bytes.
pub fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        bytes.push(rng.u8(..));
        return;
    }
    let at = rng.usize(0..bytes.len());
    match rng.u32(0..8) {
        0..3 => bytes[at] ^= 1 << rng.u32(0..8),
        3 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][rng.usize(0..5)],
        4 => bytes.truncate(at),
        5 => bytes.insert(at, rng.u8(..)),
        6 => drop(bytes.remove(at)),
        _ => {
            let end = (at + rng.usize(1..20)).min(bytes.len());
            let copy = bytes[at..end].to_vec();
            bytes.extend(copy);
        }
    }
}
