//! What befell mail software that embeds the reader, through the C interface: each test is named for
//! the failure.

#![cfg(unix)]
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    clippy::print_stdout,
    reason = "a test calls as C does, and may panic"
)]

use std::ffi::{CStr, CString, c_char};
use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;
use std::ptr::{null, null_mut};

use rblmap::{NameKey, Run};
use rblmap_capi::*;
use rblmap_content::{Draft, Record, TemplateBuf, TextPart, ValueBuf};
use rblmap_image::{Stamp, encode};

const LISTED: u32 = 0xc000_0201;
const OK: i32 = 0;
const KEY: i32 = 4;
const NO_ZONE: i32 = 5;
const IO: i32 = 6;
const NEWER: i32 = 8;
const DAMAGED: i32 = 9;
const SHORT: i32 = 11;
const END: i32 = 12;
const FRESH: i32 = 0;
const STALE: i32 = 1;
const EXPIRED: i32 = 2;

/// A mirror's folder, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let name = format!("rblmap-capi-{test}-{}", std::process::id());
        let folder = Folder(std::env::temp_dir().join(name));
        fs::create_dir_all(&folder.0).unwrap();
        folder
    }

    /// An image that lists one address in each of these zones, which expire at these times.
    fn place(&self, serial: u64, listed: u32, zones: &[(&str, u64)]) {
        let mut draft = Draft::new("ops.example".parse().unwrap());
        let text = TemplateBuf::new([TextPart::Literal(b"Listed: ".to_vec()), TextPart::Key]);
        let a = Some([127, 0, 0, 2].into());
        let value = draft.values.intern(&ValueBuf::new([Record { a, text }]));
        let value = value.unwrap();
        for (name, expires) in zones {
            let zone = draft.zone_mut(&NameKey::parse(name.as_bytes()).unwrap());
            zone.expires = Some(*expires).filter(|&at| at != 0);
            zone.v4 = vec![Run {
                start: listed,
                end: listed,
                value,
            }];
        }
        let stamp = Stamp { serial, created: 1 };
        let bytes = encode(&draft.finish().unwrap(), stamp).unwrap();
        fs::write(self.0.join("new"), bytes).unwrap();
        fs::rename(self.0.join("new"), self.0.join("ops.example.rbl")).unwrap();
    }

    fn page(&self) -> PathBuf {
        self.0.join("ops.example.status")
    }

    fn make_page(&self, generation: u64, stale: u64, expired: u64) {
        let mut page = b"\x89rblstat\x01\0\0\0\0\0\0\0".to_vec();
        for field in [generation, stale, expired] {
            page.extend(field.to_le_bytes());
        }
        page.resize(4096, 0);
        fs::write(self.page(), page).unwrap();
    }

    fn set_word(&self, at: u64, word: u64) {
        let page = fs::OpenOptions::new().write(true).open(self.page());
        page.unwrap().write_all_at(&word.to_le_bytes(), at).unwrap();
    }

    fn open(&self, flags: u32) -> *mut List {
        let (status, list) = self.try_open(flags);
        assert_eq!(status, OK, "{}", last_error());
        list
    }

    fn try_open(&self, flags: u32) -> (i32, *mut List) {
        let path = CString::new(self.0.to_str().unwrap()).unwrap();
        let mut list = null_mut();
        let zone = c"ops.example".as_ptr();
        let status = unsafe { rblmap_open(path.as_ptr(), zone, flags, &mut list) };
        (status, list)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn last_error() -> String {
    let mut text = [0; 1025];
    unsafe { rblmap_last_error(text.as_mut_ptr(), text.len(), null_mut()) };
    string(&text)
}

fn string(text: &[c_char]) -> String {
    unsafe { CStr::from_ptr(text.as_ptr()) }
        .to_str()
        .unwrap()
        .to_owned()
}

fn reader(list: *mut List, zone: &CStr) -> *mut Reader {
    let mut reader = null_mut();
    assert_eq!(
        unsafe { rblmap_reader_new(list, zone.as_ptr(), &mut reader) },
        OK
    );
    reader
}

fn freshness(reader: *mut Reader, index: usize, now: u64) -> (i32, i32) {
    let mut out = -1;
    let status = unsafe { rblmap_freshness(reader, index, now, &mut out) };
    (status, out)
}

fn listed(reader: *mut Reader, address: u32) -> (i32, u64) {
    let mut out = 99;
    let status = unsafe { rblmap_lookup_v4(reader, address, &mut out) };
    (status, out)
}

/// Freshness, problem, serial and cause.
fn status(list: *mut List, now: u64) -> (u32, i32, u64, i32) {
    let mut info = [0u32; 20];
    info[0] = 80;
    assert_eq!(
        unsafe { rblmap_status(list, now, info.as_mut_ptr().cast()) },
        OK
    );
    let serial = u64::from(info[4]) | u64::from(info[5]) << 32;
    (info[1], info[2] as i32, serial, info[16] as i32)
}

fn render(reader: *mut Reader) -> (i32, String) {
    let mut line = [0; 511];
    let prefix = c"554 ".as_ptr();
    let status = unsafe { rblmap_render(reader, prefix, line.as_mut_ptr(), 511, null_mut()) };
    (status, string(&line))
}

fn close(mut list: *mut List, mut reader: *mut Reader) {
    assert_eq!(unsafe { rblmap_reader_free(&mut reader) }, OK);
    assert_eq!(unsafe { rblmap_close(&mut list) }, OK);
}

#[test]
fn a_wiped_folder_that_is_mirrored_anew_is_followed() {
    let folder = Folder::new("wiped");
    folder.place(1, LISTED, &[("", 0)]);
    folder.make_page(1, 1000, 2000);
    let list = folder.open(0);
    let reader = reader(list, c"@");
    for entry in fs::read_dir(&folder.0).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    assert_eq!(freshness(reader, 0, 500), (OK, STALE));
    assert_eq!(status(list, 500), (1, IO, 1, libc::ENOENT));
    assert!(
        last_error().contains("ops.example.rbl: cannot be read"),
        "{}",
        last_error()
    );
    folder.place(2, LISTED + 8, &[("", 0)]);
    folder.make_page(1, 9000, 9900);
    assert_eq!(freshness(reader, 0, 3000), (OK, FRESH));
    assert_eq!(listed(reader, LISTED + 8), (OK, 1));
    close(list, reader);
}

#[test]
fn who_asks_freshness_first_comes_back_from_expired() {
    let folder = Folder::new("idle");
    folder.place(1, LISTED, &[("", 1000)]);
    folder.make_page(1, 0, 0);
    let list = folder.open(0);
    let reader = reader(list, c"@");
    assert_eq!(freshness(reader, 0, 2000), (OK, EXPIRED));
    folder.place(2, LISTED, &[("", 9000)]);
    folder.set_word(16, 2);
    assert_eq!(freshness(reader, 0, 2000), (OK, FRESH));
    close(list, reader);
}

#[test]
fn a_subzone_expires_by_itself_and_its_loss_leaves_the_others() {
    let folder = Folder::new("subzones");
    folder.place(1, LISTED, &[("", 0), ("proxies", 1000)]);
    folder.make_page(1, 0, 0);
    let list = folder.open(0);
    let (reader, other) = (reader(list, c"proxies"), reader(list, c"proxies"));
    assert_eq!(
        unsafe { rblmap_reader_add(reader, list, c"@".as_ptr()) },
        OK
    );
    assert_eq!(freshness(reader, 0, 2000), (OK, EXPIRED));
    assert_eq!(freshness(reader, 1, 2000), (OK, FRESH));
    assert_eq!(listed(reader, LISTED), (OK, 0b11));
    // Of the expired zone no text, of the other one.
    let (mut line, prefix) = ([0; 511], c"554 ".as_ptr());
    let mask = [0b10u64];
    let done = unsafe {
        rblmap_render_mask(
            reader,
            mask.as_ptr(),
            1,
            prefix,
            line.as_mut_ptr(),
            511,
            null_mut(),
        )
    };
    assert_eq!(
        (done, string(&line)),
        (OK, "554 Listed: 192.0.2.1".to_owned())
    );
    let done = unsafe {
        rblmap_render_mask(
            reader,
            [0].as_ptr(),
            1,
            prefix,
            line.as_mut_ptr(),
            511,
            null_mut(),
        )
    };
    assert_eq!(done, END);

    folder.place(2, LISTED, &[("", 0)]);
    folder.set_word(16, 2);
    assert_eq!(listed(reader, LISTED), (OK, 0b10), "the base goes on");
    assert_eq!(freshness(reader, 0, 2000).0, NO_ZONE);
    assert_eq!(freshness(reader, 1, 2000), (OK, FRESH));
    let mut one = -1;
    assert_eq!(unsafe { rblmap_listed(reader, 0, &mut one) }, NO_ZONE);
    assert_eq!(
        (unsafe { rblmap_listed(reader, 1, &mut one) }, one),
        (OK, 1)
    );
    assert_eq!(
        listed(other, LISTED).0,
        NO_ZONE,
        "no zone is left in this one"
    );
    folder.place(3, LISTED, &[("", 0), ("proxies", 0)]);
    folder.set_word(16, 3);
    assert_eq!(listed(reader, LISTED), (OK, 0b11), "it comes back");
    assert_eq!(listed(other, LISTED), (OK, 1));
    let mut other = other;
    assert_eq!(unsafe { rblmap_reader_free(&mut other) }, OK);
    close(list, reader);
}

#[test]
fn a_page_that_cannot_be_read_is_never_fresh() {
    for (name, problem) in [("newer", NEWER), ("cut", DAMAGED), ("forbidden", IO)] {
        let folder = Folder::new(&format!("page-{name}"));
        folder.place(1, LISTED, &[("", 0)]);
        folder.make_page(1, 1000, 2000);
        match name {
            "newer" => folder.set_word(8, 2),
            "cut" => fs::write(folder.page(), &fs::read(folder.page()).unwrap()[..60]).unwrap(),
            _ => fs::set_permissions(folder.page(), fs::Permissions::from_mode(0o000)).unwrap(),
        }
        let root = unsafe { libc::geteuid() } == 0;
        if name == "forbidden" && root {
            // As another user; only this thread, as the library of C would change all.
            unsafe { libc::syscall(libc::SYS_setresuid, -1, 65534, -1) };
        }
        let list = folder.open(0);
        let reader = reader(list, c"@");
        assert_eq!(freshness(reader, 0, 500), (OK, STALE), "{name}");
        assert_eq!(status(list, 500).1, problem, "{name}");
        assert!(
            last_error().contains("ops.example.status"),
            "{}",
            last_error()
        );
        if name == "forbidden" && root {
            unsafe { libc::syscall(libc::SYS_setresuid, -1, 0, -1) };
        }
        close(list, reader);
    }
}

#[test]
fn after_a_lookup_that_failed_there_is_no_answer_of_the_client_before() {
    let folder = Folder::new("stale");
    folder.place(1, LISTED, &[("", 0)]);
    let list = folder.open(0);
    let reader = reader(list, c"@");
    let long = CString::new("a".repeat(300)).unwrap();
    let mut out = 99;
    let unix = [1u8, 0, 0, 0];
    let fails: [&dyn Fn(*mut u64) -> i32; 4] = [
        &|out| unsafe { rblmap_lookup_text(reader, c"203.0.113.5 ".as_ptr(), out) },
        &|out| unsafe { rblmap_lookup_sockaddr(reader, unix.as_ptr(), 4, out) },
        &|out| unsafe { rblmap_lookup_name(reader, long.as_ptr(), out) },
        &|out| unsafe { rblmap_lookup(reader, c"no key!".as_ptr(), 7, out, 1) },
    ];
    for fail in fails {
        assert_eq!(listed(reader, LISTED), (OK, 1));
        assert_eq!(render(reader), (OK, "554 Listed: 192.0.2.1".to_owned()));
        assert_eq!(fail(&mut out), KEY);
        assert_eq!((render(reader).0, out), (END, 99));
    }
    close(list, reader);
}

#[test]
fn texts_are_asked_with_their_length_and_by_the_strict_rules() {
    let folder = Folder::new("texts");
    folder.place(1, LISTED, &[("", 0)]);
    let list = folder.open(0);
    let reader = reader(list, c"@");
    let ask = |text: &[u8]| {
        let mut out = 99;
        let place = text.as_ptr().cast();
        let status = unsafe { rblmap_lookup(reader, place, text.len(), &mut out, 1) };
        (status, out)
    };
    for text in [&b"192.0.2.1"[..], b"[192.0.2.1]", b"::ffff:192.0.2.1"] {
        assert_eq!(ask(text), (OK, 1));
    }
    assert_eq!(ask(b"mx.example."), (OK, 0));
    for text in [
        &b"192.0.2.1\0.good.example"[..],
        b"192.0.2.1 ",
        b"0177.0.0.1",
        b"\xff.b",
        b"",
    ] {
        assert_eq!(ask(text).0, KEY, "{text:?}");
    }
    let mut out = 99;
    let name = b"a.example\0.b";
    let place = name.as_ptr().cast();
    let status = unsafe { rblmap_lookup_name_n(reader, place, name.len(), &mut out, 1) };
    assert_eq!((status, out), (OK, 0), "a byte of a label, not the end");
    close(list, reader);
}

#[test]
fn a_reader_of_200_zones_has_a_mask_of_four_words() {
    let folder = Folder::new("many");
    folder.place(1, LISTED, &[("", 0)]);
    let list = folder.open(0);
    let reader = reader(list, c"@");
    for _ in 1..200 {
        assert_eq!(unsafe { rblmap_reader_add(reader, list, null()) }, OK);
    }
    assert_eq!(listed(reader, LISTED).0, SHORT, "one word is not enough");
    let mut mask = [9u64; 5];
    let text = c"192.0.2.1";
    let status = unsafe { rblmap_lookup(reader, text.as_ptr(), 9, mask.as_mut_ptr(), 4) };
    assert_eq!(
        (status, mask),
        (OK, [u64::MAX, u64::MAX, u64::MAX, 0xff, 9])
    );
    close(list, reader);
}

#[test]
fn a_record_names_the_network_and_a_walk_gives_all() {
    let folder = Folder::new("network");
    folder.place(1, LISTED, &[("", 0), ("proxies", 77)]);
    let list = folder.open(1);
    let reader = reader(list, c"@");
    assert_eq!(listed(reader, LISTED), (OK, 1));
    let mut record = [0u32; 74];
    record[0] = 296;
    assert_eq!(
        unsafe { rblmap_answer(reader, 0, 0, record.as_mut_ptr().cast()) },
        OK
    );
    assert_eq!(record[68..71], [4, 32, u32::from_le_bytes([192, 0, 2, 1])]);
    let (mut walk, mut entry) = (null_mut(), [0u32; 268]);
    entry[0] = 1072;
    unsafe {
        assert_eq!(rblmap_walk_v4(reader, 0, 0, u32::MAX, &mut walk), OK);
        assert_eq!(rblmap_walk_next(walk, entry.as_mut_ptr().cast()), OK);
        assert_eq!(entry[1..5], [4, 1, 0, u32::from_le_bytes([192, 0, 2, 1])]);
        assert_eq!(rblmap_walk_next(walk, entry.as_mut_ptr().cast()), END);
        assert_eq!(rblmap_walk_free(&mut walk), OK);
        assert_eq!(rblmap_walk_names(reader, 0, null(), &mut walk), OK);
        assert_eq!(rblmap_walk_next(walk, entry.as_mut_ptr().cast()), END);
        assert_eq!(rblmap_walk_free(&mut walk), OK);
    }
    let zones: Vec<String> = (0..9)
        .map_while(|index| {
            let mut name = [0; 300];
            let place = name.as_mut_ptr();
            let info = null_mut();
            let status = unsafe { rblmap_zone_at(list, index, place, 300, null_mut(), info) };
            (status == OK).then(|| string(&name))
        })
        .collect();
    assert_eq!(zones, ["@", "proxies"]);
    close(list, reader);
}

#[test]
fn a_handle_that_was_closed_is_told() {
    let folder = Folder::new("twice");
    folder.place(1, LISTED, &[("", 0)]);
    let list = folder.open(0);
    let reader = reader(list, c"@");
    let (mut list, mut list_again) = (list, list);
    let (mut first, mut again) = (reader, reader);
    unsafe {
        assert_eq!(rblmap_reader_free(&mut first), OK);
        assert_eq!(rblmap_reader_free(&mut again), 2);
        assert_eq!(listed(reader, LISTED).0, 2);
        assert_eq!(rblmap_close(&mut list), OK);
        assert_eq!(rblmap_close(&mut list_again), 2);
        assert_eq!(rblmap_refresh(list_again, null_mut()), 2);
    }
}

#[test]
fn the_cause_of_an_error_is_in_errno_and_a_lookup_leaves_errno_alone() {
    let folder = Folder::new("errno");
    let (status, _) = folder.try_open(0);
    let errno = std::io::Error::last_os_error().raw_os_error();
    assert_eq!((status, errno), (IO, Some(libc::ENOENT)));
    let told = last_error();
    assert!(
        told.contains("ops.example.rbl: cannot be read: No such file"),
        "{told}"
    );
    folder.place(1, LISTED, &[("", 0)]);
    folder.make_page(1, 0, 0);
    let list = folder.open(0);
    let reader = reader(list, c"@");
    fs::remove_file(folder.0.join("ops.example.rbl")).unwrap();
    folder.set_word(16, 2);
    unsafe { libc::__errno_location().write(77) };
    assert_eq!(listed(reader, LISTED), (OK, 1), "a swap that fails");
    assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(77));
    close(list, reader);
}

#[test]
fn an_image_is_waited_for_on_request() {
    let folder = Folder::new("wait");
    assert_eq!(folder.try_open(0).0, IO);
    let list = folder.open(2);
    let reader = reader(list, c"@");
    assert_eq!(freshness(reader, 0, 1), (OK, 4));
    assert_eq!(listed(reader, LISTED), (OK, 0));
    assert_eq!(render(reader).0, END);
    folder.place(1, LISTED, &[("", 0)]);
    assert_eq!(freshness(reader, 0, 2), (OK, FRESH));
    assert_eq!(listed(reader, LISTED), (OK, 1));
    close(list, reader);
}
