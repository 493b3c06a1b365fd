//! A mirror's folder that a test fills, wipes and damages.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "each test uses its part, and may panic"
)]

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use rblmap::{Error, Live, LiveBuilder};

pub const GOLDEN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../testdata/golden/three.rbl"
);
/// Listed in every image.
pub const ADDRESS: u32 = 0xc000_0201;

/// A mirror's folder, gone at the end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(test: &str) -> Folder {
        let folder = Folder::empty(test);
        folder.place(1);
        folder
    }

    pub fn empty(test: &str) -> Folder {
        let name = format!("rblmap-live-{test}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    /// Puts an image of this serial in place, as a mirror does.
    pub fn place(&self, serial: u64) {
        let mut bytes = fs::read(GOLDEN).unwrap();
        bytes[24..32].copy_from_slice(&serial.to_le_bytes());
        seal(&mut bytes);
        self.place_bytes(&bytes);
    }

    pub fn place_bytes(&self, bytes: &[u8]) {
        let temporary = self.0.join(".new");
        fs::write(&temporary, bytes).unwrap();
        fs::rename(temporary, self.image()).unwrap();
    }

    /// Removes all files.
    pub fn wipe(&self) {
        for entry in fs::read_dir(&self.0).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
    }

    pub fn image(&self) -> PathBuf {
        self.0.join("ops.example.rbl")
    }

    pub fn page(&self) -> PathBuf {
        self.0.join("ops.example.status")
    }

    /// Makes a status page: generation, stale and expired from.
    pub fn make_page(&self, generation: u64, stale: u64, expired: u64) {
        let mut page = b"\x89rblstat\x01\0\0\0\0\0\0\0".to_vec();
        for field in [generation, stale, expired] {
            page.extend(field.to_le_bytes());
        }
        page.resize(4096, 0);
        fs::write(self.page(), page).unwrap();
    }

    pub fn set_word(&self, at: u64, word: u64) {
        let page = fs::OpenOptions::new().write(true).open(self.page());
        page.unwrap().write_all_at(&word.to_le_bytes(), at).unwrap();
    }

    pub fn live(&self) -> Live {
        map(Live::builder(&self.0, "ops.example")).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Makes the root right again after a change in the header.
fn seal(bytes: &mut [u8]) {
    use rblmap_format::sections::{HEADER_LEN, ROOT_AT, ROOT_END, SECTION_COUNT_AT, SECTION_LEN};
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let table_end = HEADER_LEN + word(SECTION_COUNT_AT) * SECTION_LEN;
    // The digests are the last section: its offset is 8 bytes into its row, the length 16.
    let (offset, len) = (
        word(table_end - SECTION_LEN + 8),
        word(table_end - SECTION_LEN + 16),
    );
    let root = rblmap::root_digest(bytes, table_end, &bytes[offset..offset + len]).unwrap();
    bytes[ROOT_AT..ROOT_END].copy_from_slice(&root);
}

/// Opens a list in a folder that only this test writes to.
pub fn map(builder: LiveBuilder) -> Result<Live, Error> {
    #[allow(unsafe_code, reason = "mapping is a promise about the files")]
    // SAFETY: images are replaced by rename, and the page keeps its length.
    unsafe {
        builder.map()
    }
}
