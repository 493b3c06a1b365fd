//! Wrong calls and hostile images through the C interface.

#![cfg(unix)]
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    clippy::cast_possible_truncation,
    reason = "a test calls as C does, and may panic"
)]

use std::ffi::CString;
use std::fs;
use std::path::PathBuf;
use std::ptr::{null, null_mut};

use rblmap_capi::*;

const GOLDEN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../testdata/golden/three.rbl"
);

fn open(path: &str, flags: u32) -> (i32, *mut List) {
    let path = CString::new(path).unwrap();
    let mut list = null_mut();
    let status = unsafe { rblmap_open(path.as_ptr(), null(), flags, &mut list) };
    (status, list)
}

fn record() -> [u32; 68] {
    let mut record = [0; 68];
    record[0] = 272;
    record
}

#[test]
fn wrong_calls_are_told() {
    let (status, mut list) = open(GOLDEN, 0);
    assert_eq!(status, 0);
    let (mut reader, mut listed) = (null_mut(), 7);
    unsafe {
        assert_eq!(rblmap_open(null(), null(), 0, &mut list), 1);
        assert_eq!(rblmap_open(c"x".as_ptr(), null(), 0, null_mut()), 1);
        assert_eq!(rblmap_reader_new(null_mut(), null(), &mut reader), 1);
        let zone = c"no-such".as_ptr();
        assert_eq!(rblmap_reader_new(list, zone, &mut reader), 5);
        assert_eq!(rblmap_reader_new(list, null(), &mut reader), 0);
        assert_eq!(rblmap_lookup_v4(list.cast(), 1, &mut listed), 2, "foreign");
        assert_eq!(rblmap_lookup_v4(null_mut(), 1, &mut listed), 1);
        assert_eq!(rblmap_lookup_v4(reader, 1, null_mut()), 1);
        assert_eq!(rblmap_lookup_v6(reader, null(), &mut listed), 1);
        assert_eq!(rblmap_lookup_text(reader, null(), &mut listed), 1);
        assert_eq!(
            rblmap_lookup_text(reader, c"1.2.3".as_ptr(), &mut listed),
            4
        );
        let long = CString::new("a".repeat(300)).unwrap();
        assert_eq!(rblmap_lookup_name(reader, long.as_ptr(), &mut listed), 4);
        let unix = [1u8, 0, 0, 0];
        assert_eq!(
            rblmap_lookup_sockaddr(reader, unix.as_ptr(), 4, &mut listed),
            4
        );
        assert_eq!(
            rblmap_lookup_sockaddr(reader, unix.as_ptr(), 1, &mut listed),
            4
        );
        assert_eq!(listed, 7, "written on success only");
        let mut out = record();
        assert_eq!(rblmap_answer(reader, 0, 0, out.as_mut_ptr().cast()), 12);
        assert_eq!(rblmap_lookup_v4(reader, 0xc000_0201, &mut listed), 0);
        assert_eq!(listed, 1);
        assert_eq!(rblmap_answer(reader, 1, 0, out.as_mut_ptr().cast()), 5);
        assert_eq!(rblmap_answer(reader, 0, 0, out.as_mut_ptr().cast()), 0);
        assert_eq!(out[2] >> 24, 127);
        out[0] = 271;
        assert_eq!(rblmap_answer(reader, 0, 0, out.as_mut_ptr().cast()), 3);
        let (mut need, mut line) = (0, [1; 511]);
        let prefix = c"554\r\n".as_ptr();
        let render = |len, line: *mut i8, need: *mut usize| {
            rblmap_render(reader, prefix, line.cast(), len, need)
        };
        assert_eq!(render(3, line.as_mut_ptr(), &mut need), 11);
        assert_eq!(line[0], 1, "untouched");
        assert_eq!(render(need, null_mut(), &mut need), 1);
        assert_eq!(render(need, line.as_mut_ptr(), null_mut()), 0);
        assert_eq!(line[..5], [b'5', b'5', b'4', b'?', b'?'].map(|b| b as i8));
        assert_eq!(line[need - 1], 0);
        assert_eq!(rblmap_close(&mut list), 0);
        assert_eq!(rblmap_close(&mut list), 0, "closed already");
        assert_eq!(rblmap_refresh(list, null_mut()), 1, "closed");
        assert_eq!(rblmap_lookup_v4(reader, 0, &mut listed), 0, "goes on");
        assert_eq!(rblmap_reader_free(&mut reader), 0);
    }
}

#[test]
fn several_zones_are_asked_together() {
    let (_, mut list) = open(GOLDEN, 1);
    let (mut reader, mut listed) = (null_mut(), 0);
    unsafe {
        assert_eq!(rblmap_reader_new(list, null(), &mut reader), 0);
        for _ in 1..64 {
            assert_eq!(rblmap_reader_add(reader, list, c"@".as_ptr()), 0);
        }
        for (address, bits) in [(0xc000_0201, u64::MAX), (0xc000_0202, 0)] {
            assert_eq!(rblmap_lookup_v4(reader, address, &mut listed), 0);
            assert_eq!(listed, bits);
        }
        let socket = [2u8, 0, 0, 25, 192, 0, 2, 1];
        assert_eq!(
            rblmap_lookup_sockaddr(reader, socket.as_ptr(), 8, &mut listed),
            0
        );
        assert_eq!(listed, u64::MAX);
        let (addresses, mut answers) = ([0xc000_0201; 2600], [9; 2601]);
        assert_eq!(
            rblmap_lookup_v4_batch(reader, addresses.as_ptr(), 2600, answers.as_mut_ptr()),
            0
        );
        assert!(answers[..2600].iter().all(|&answer| answer == 1) && answers[2600] == 9);
        rblmap_reader_free(&mut reader);
        rblmap_close(&mut list);
    }
}

#[test]
fn what_is_no_image_is_told() {
    let folder = std::env::temp_dir().join(format!("rblmap-capi-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let place = |name: &str, bytes: &[u8]| {
        let path: PathBuf = folder.join(name);
        fs::write(&path, bytes).unwrap();
        open(path.to_str().unwrap(), 0).0
    };
    let image = fs::read(GOLDEN).unwrap();
    let mut newer = image.clone();
    newer[8] = 200;
    assert_eq!(place("short", &image[..image.len() - 1]), 9);
    assert_eq!(place("newer", &newer), 8);
    assert_eq!(place("foreign", b"no image"), 7);
    assert_eq!(place("empty", b""), 7);
    assert_eq!(open(folder.to_str().unwrap(), 0).0, 6, "a folder");
    assert_eq!(open("/no/such/file", 0).0, 6);
    let fifo = folder.join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    assert_eq!(
        open(fifo.to_str().unwrap(), 0).0,
        6,
        "a pipe does not block"
    );
    assert_eq!(open(GOLDEN, 4).0, 3, "an unknown flag");
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn hostile_images_are_survived() {
    let good = fs::read(GOLDEN).unwrap();
    let path = std::env::temp_dir().join(format!("rblmap-hostile-{}", std::process::id()));
    let count = std::env::var("RBLMAP_HOSTILE").map_or(300, |count| count.parse().unwrap());
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    let mut opened = 0;
    for _ in 0..count {
        let mut bytes = good.clone();
        for _ in 0..=random(8) {
            let at = random(bytes.len());
            bytes[at] = random(256) as u8;
        }
        fs::write(&path, &bytes).unwrap();
        // Mapped: a copy would be compared with its digests.
        let (status, mut list) = open(path.to_str().unwrap(), 0);
        if status == 0 {
            opened += 1;
            ask_all(list);
            assert_eq!(unsafe { rblmap_close(&mut list) }, 0);
        }
    }
    fs::remove_file(&path).unwrap();
    assert!(opened > 0, "some damage shows in answers only");
}

fn ask_all(list: *mut List) {
    let (mut reader, mut listed, mut out) = (null_mut(), 0, record());
    unsafe {
        if rblmap_reader_new(list, null(), &mut reader) != 0 {
            return;
        }
        let mut keys = 0;
        let mut all = |status: i32| {
            assert_ne!(status, 13, "a panic");
            keys += 1;
            (0..100)
                .take_while(|&i| rblmap_answer(reader, 0, i, out.as_mut_ptr().cast()) == 0)
                .count()
        };
        for address in [0xc000_0201, 0xc000_0202, 0x7f00_0002, 0, u32::MAX] {
            all(rblmap_lookup_v4(reader, address, &mut listed));
        }
        for text in [c"2001:db8::1", c"::ffff:192.0.2.1", c"2002:c000:201::"] {
            all(rblmap_lookup_text(reader, text.as_ptr(), &mut listed));
        }
        for name in [c"mx.mail.example", c"mail.example", c"example"] {
            all(rblmap_lookup_name(reader, name.as_ptr(), &mut listed));
        }
        assert_eq!(keys, 11);
        rblmap_reader_free(&mut reader);
    }
}
