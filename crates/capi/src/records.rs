//! What the last lookup of a reader has found.

use std::ffi::{c_char, c_int};
use std::net::{IpAddr, Ipv4Addr};

use rblmap::{Answer, TextBuf, Zone};

use crate::border::{guard, text};
use crate::handle::own;
use crate::out::{Sizes, put, put_sized, put_text};
use crate::reader::{Asked, Asking, Reader};
use crate::status::Status;

/// Longest reply line without its CRLF (RFC 5321 section 4.5.3.1.5).
const REPLY: usize = 510;

/// `rblmap_record`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct RawRecord {
    size: u32,
    has_a: u32,
    a: u32,
    text_len: u32,
    text: [u8; 256],
    family: u32,
    prefix: u32,
    network: [u8; 16],
}

impl Sizes for RawRecord {
    const FIRST: usize = 272;
}

/// Says whether one zone lists the key of the last lookup.
///
/// # Safety
/// `reader` is null or a reader that no other thread uses; `listed` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_listed(
    reader: *mut Reader,
    zone: usize,
    listed: *mut c_int,
) -> c_int {
    guard(|| {
        // SAFETY: null or a reader of this thread.
        let asking = unsafe { own(reader) }?;
        let answer = asking.answer(zone)?;
        // SAFETY: null or may be written to.
        unsafe { put(listed, answer.is_listed().into()) }
    })
}

/// Gives a record of the last lookup.
///
/// # Safety
/// `reader` is null or a reader that no other thread uses; `out` is null or of the size it names.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_answer(
    reader: *mut Reader,
    zone: usize,
    index: usize,
    out: *mut RawRecord,
) -> c_int {
    guard(|| {
        // SAFETY: null or a reader of this thread.
        let asking = unsafe { own(reader) }?;
        let answer = asking.answer(zone)?;
        let record = answer.records().nth(index).ok_or(Status::End)?;
        let mut buffer = TextBuf::new();
        let txt = record.txt(&mut buffer).unwrap_or_default();
        let mut raw = RawRecord {
            size: u32::try_from(size_of::<RawRecord>()).unwrap_or(0),
            has_a: record.a().is_some().into(),
            a: record.a().map_or(0, Ipv4Addr::to_bits),
            text_len: u32::try_from(txt.len()).unwrap_or(0),
            text: [0; 256],
            family: 0,
            prefix: 0,
            network: [0; 16],
        };
        let places = raw.text.iter_mut().zip(txt);
        places.for_each(|(place, byte)| *place = *byte);
        // SAFETY: `out` is null or begins with its size.
        let wants_network = unsafe { size_at(out) } > RawRecord::FIRST;
        if let Some(network) = answer.network().filter(|_| wants_network) {
            raw.set_network(network);
        }
        // SAFETY: of the size it names.
        unsafe { put_sized(out, raw) }
    })
}

/// # Safety
/// `out` is null or begins with 4 bytes that are its size.
unsafe fn size_at(out: *const RawRecord) -> usize {
    if out.is_null() {
        return 0;
    }
    // SAFETY: as the caller says.
    let size = unsafe { out.cast::<u32>().read_unaligned() };
    size as usize
}

impl RawRecord {
    fn set_network(&mut self, network: rblmap::Network) {
        self.prefix = network.prefix().into();
        match network.first() {
            IpAddr::V4(first) => {
                self.family = 4;
                let places = self.network.iter_mut().zip(first.octets());
                places.for_each(|(place, octet)| *place = octet);
            }
            IpAddr::V6(first) => {
                self.family = 6;
                self.network = first.octets();
            }
        }
    }
}

/// Renders a reply line of the first zone that has a text.
///
/// # Safety
/// `reader` is null or a reader that no other thread uses; `prefix` is null or a string; `buffer`
/// is null or has room for `len` bytes; `need` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_render(
    reader: *mut Reader,
    prefix: *const c_char,
    buffer: *mut c_char,
    len: usize,
    need: *mut usize,
) -> c_int {
    // SAFETY: as the caller says.
    guard(|| unsafe { render(reader, |_| Ok(true), prefix, (buffer, len, need)) })
}

/// Renders a reply line of one zone.
///
/// # Safety
/// As for [`rblmap_render`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_render_zone(
    reader: *mut Reader,
    zone: usize,
    prefix: *const c_char,
    buffer: *mut c_char,
    len: usize,
    need: *mut usize,
) -> c_int {
    guard(|| {
        // SAFETY: null or a reader of this thread.
        unsafe { own(reader) }?.answer(zone)?;
        // SAFETY: as the caller says.
        unsafe {
            render(
                reader,
                |index| Ok(index == zone),
                prefix,
                (buffer, len, need),
            )
        }
    })
}

/// Renders a reply line of the first zone with a text among those that a mask names.
///
/// # Safety
/// As for [`rblmap_render`]; `mask` is null or points to `words` numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rblmap_render_mask(
    reader: *mut Reader,
    mask: *const u64,
    words: usize,
    prefix: *const c_char,
    buffer: *mut c_char,
    len: usize,
    need: *mut usize,
) -> c_int {
    let is_in = |index: usize| {
        if mask.is_null() {
            return Err(Status::Null);
        }
        if index / 64 >= words {
            return Ok(false);
        }
        // SAFETY: less than `words`.
        let place = unsafe { mask.add(index / 64) };
        // SAFETY: one of the numbers.
        let word = unsafe { place.read_unaligned() };
        Ok(word >> (index % 64) & 1 != 0)
    };
    // SAFETY: as the caller says.
    guard(|| unsafe { render(reader, is_in, prefix, (buffer, len, need)) })
}

/// # Safety
/// As for [`rblmap_render`].
unsafe fn render(
    reader: *mut Reader,
    is_in: impl Fn(usize) -> Result<bool, Status>,
    prefix: *const c_char,
    (buffer, len, need): (*mut c_char, usize, *mut usize),
) -> Result<(), Status> {
    // SAFETY: null or a reader of this thread.
    let asking = unsafe { own(reader) }?;
    let prefix = if prefix.is_null() {
        b""
    } else {
        // SAFETY: a string.
        unsafe { text(prefix) }?
    };
    let mut buf = TextBuf::new();
    let found = asking.first_text(is_in, &mut buf)?.ok_or(Status::End)?;
    let mut line = [0; REPLY];
    let mut used = 0;
    for (place, byte) in line.iter_mut().zip(prefix.iter().chain(found)) {
        let printable = matches!(byte, b' '..=b'~');
        *place = if printable { *byte } else { b'?' };
        used += 1;
    }
    let line = line.get(..used).unwrap_or_default();
    // SAFETY: as the caller says.
    unsafe { put_text(line, buffer, len, need) }
}

impl Asking {
    /// The answer of a zone to the last lookup.
    fn answer(&self, zone: usize) -> Result<Answer<'_>, Status> {
        if zone >= self.set.len() {
            return Err(Status::NoZone);
        }
        // A list that waits for its first image has no records.
        let missing = || match self.set.is_waiting(zone) {
            true => Status::End,
            false => Status::NoZone,
        };
        let zone = self.set.zone(zone).ok_or_else(missing)?;
        answer(zone, &self.asked).ok_or(Status::End)
    }

    /// The first text beside an A record, of the zones that are in.
    fn first_text<'b>(
        &self,
        is_in: impl Fn(usize) -> Result<bool, Status>,
        buffer: &'b mut TextBuf,
    ) -> Result<Option<&'b [u8]>, Status> {
        for index in 0..self.set.len() {
            if !is_in(index)? {
                continue;
            }
            let answer = self.answer(index).ok();
            let mut records = answer.iter().flat_map(Answer::records);
            let has_text =
                |r: &rblmap::Record<'_>| r.a().is_some() && r.txt(&mut TextBuf::new()).is_some();
            if let Some(record) = records.find(has_text) {
                return Ok(record.txt(buffer));
            }
        }
        Ok(None)
    }
}

fn answer<'a>(zone: &Zone<'a>, asked: &'a Asked) -> Option<Answer<'a>> {
    match asked {
        Asked::Nothing => None,
        Asked::Query(query) => Some(query.lookup(zone)),
        Asked::Name(name) => Some(zone.lookup_name(name)),
    }
}
