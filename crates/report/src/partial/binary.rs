//! The packed form.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::Error;
use crate::partial::Item;
use crate::tally::{Session, Sums, Tally, Totals};

/// The first bytes, before the version.
pub(super) const MAGIC: [u8; 7] = *b"RBLPART";
const VERSION: u8 = 1;
const LEVEL: i32 = 3;

/// Bits of a session's flags.
const HAS_V4: u8 = 1;
const HAS_V6: u8 = 2;
const AUTHENTICATED: u8 = 4;
const ENDED: u8 = 8;

pub(super) fn write(tally: Tally, out: &mut impl Write) -> Result<(), Error> {
    out.write_all(&MAGIC)?;
    out.write_all(&[VERSION])?;
    // Rows are counted before they are written, so both lists are made in memory: a few bytes a
    // client.
    let mut families = [Family::default(), Family::default()];
    let [v4, v6] = &mut families;
    let (totals, sessions) = tally.into_parts(|row| match row.client {
        IpAddr::V4(client) => v4.push(client.to_bits().into(), &row.sums),
        IpAddr::V6(client) => v6.push(client.to_bits(), &row.sums),
    });
    let mut frame = zstd::stream::write::Encoder::new(out, LEVEL)?;
    frame.include_checksum(true)?;
    let mut head = Vec::new();
    for number in numbers(&totals) {
        push(&mut head, number.into());
    }
    frame.write_all(&head)?;
    for family in families {
        let mut count = Vec::new();
        push(&mut count, family.count);
        frame.write_all(&count)?;
        frame.write_all(&family.rows)?;
    }
    let mut tail = Vec::new();
    push(&mut tail, sessions.len() as u128);
    for (id, session) in &sessions {
        push_session(&mut tail, *id, session);
    }
    frame.write_all(&tail)?;
    frame.finish()?.flush()?;
    Ok(())
}

pub(super) fn read(bytes: &[u8], mut see: impl FnMut(Item)) -> Result<(), Error> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let Some(after) = rest.strip_prefix(&MAGIC) else {
            return Err(Error::Damaged {
                what: format!("{} bytes after the last count are none", rest.len()),
            });
        };
        let (&found, packed) = after
            .split_first()
            .ok_or_else(|| damaged("it ends early"))?;
        if found != VERSION {
            let known = VERSION;
            return Err(if found > known {
                Error::Newer { found, known }
            } else {
                damaged("its version is 0")
            });
        }
        let frame = zstd::stream::read::Decoder::with_buffer(packed)
            .map_err(|error| damaged(&error.to_string()))?
            .single_frame();
        let mut frame = BufReader::new(frame);
        read_frame(&mut frame, &mut see).map_err(|error| damaged(&error.to_string()))?;
        // The checksum is compared when the end is read.
        let mut over = [0];
        match frame.read(&mut over) {
            Ok(0) => {}
            Ok(_) => return Err(damaged("more than its rows")),
            Err(error) => return Err(damaged(&error.to_string())),
        }
        rest = frame.into_inner().finish();
    }
    Ok(())
}

/// The rows of one family of addresses, as they are written.
#[derive(Default)]
struct Family {
    count: u128,
    last: u128,
    rows: Vec<u8>,
}

impl Family {
    fn push(&mut self, client: u128, sums: &Sums) {
        push(&mut self.rows, client - self.last);
        self.last = client;
        self.count += 1;
        let sums = fields(sums);
        let mut present = 0;
        for (bit, sum) in sums.iter().enumerate() {
            present |= u8::from(*sum != 0) << bit;
        }
        self.rows.push(present);
        for sum in sums.into_iter().filter(|sum| *sum != 0) {
            push(&mut self.rows, zigzag(sum).into());
        }
    }
}

fn push_session(out: &mut Vec<u8>, id: u64, session: &Session) {
    out.extend(id.to_le_bytes());
    let family = match session.client {
        None => 0,
        Some(IpAddr::V4(_)) => HAS_V4,
        Some(IpAddr::V6(_)) => HAS_V6,
    };
    let authenticated = if session.authenticated {
        AUTHENTICATED
    } else {
        0
    };
    out.push(family | authenticated | if session.ended { ENDED } else { 0 });
    match session.client {
        None => {}
        Some(IpAddr::V4(client)) => out.extend(client.octets()),
        Some(IpAddr::V6(client)) => out.extend(client.octets()),
    }
    push(out, session.accepted.into());
    push(out, session.refused.into());
}

fn read_frame(frame: &mut impl BufRead, see: &mut impl FnMut(Item)) -> io::Result<()> {
    let mut totals = Totals::default();
    for number in numbers_mut(&mut totals) {
        *number = narrow(pull(frame)?)?;
    }
    see(Item::Totals(totals));
    for is_v6 in [false, true] {
        let mut client = 0u128;
        for row in 0..pull(frame)? {
            let step = pull(frame)?;
            if row > 0 && step == 0 {
                return Err(invalid("clients do not rise"));
            }
            client = client
                .checked_add(step)
                .filter(|client| is_v6 || *client <= u32::MAX.into())
                .ok_or_else(|| invalid("a client beyond the last address"))?;
            let address = match u32::try_from(client) {
                Ok(client) if !is_v6 => Ipv4Addr::from_bits(client).into(),
                _ => Ipv6Addr::from_bits(client).into(),
            };
            see(Item::Client(address, read_sums(frame)?));
        }
    }
    for _ in 0..pull(frame)? {
        let (id, session) = read_session(frame)?;
        see(Item::Session(id, session));
    }
    Ok(())
}

fn read_sums(frame: &mut impl BufRead) -> io::Result<Sums> {
    let [present] = take(frame)?;
    let mut sums = Sums::default();
    let fields = fields_mut(&mut sums);
    if present == 0 || present >> fields.len() != 0 {
        return Err(invalid("a client without counts"));
    }
    for (bit, field) in fields.into_iter().enumerate() {
        if present >> bit & 1 == 1 {
            *field = unzigzag(narrow(pull(frame)?)?);
        }
    }
    Ok(sums)
}

fn read_session(frame: &mut impl BufRead) -> io::Result<(u64, Session)> {
    let id = u64::from_le_bytes(take(frame)?);
    let [flags] = take(frame)?;
    let client = match flags & (HAS_V4 | HAS_V6) {
        0 => None,
        HAS_V4 => Some(IpAddr::from(take::<4>(frame)?)),
        HAS_V6 => Some(IpAddr::from(take::<16>(frame)?)),
        _ => return Err(invalid("a session with two clients")),
    };
    let mut count = || u32::try_from(pull(frame)?).map_err(|_| invalid("a count over 32 bits"));
    let session = Session {
        client,
        accepted: count()?,
        refused: count()?,
        authenticated: flags & AUTHENTICATED != 0,
        ended: flags & ENDED != 0,
    };
    Ok((id, session))
}

/// The order of the totals.
fn numbers(totals: &Totals) -> [u64; 6] {
    let mut totals = *totals;
    numbers_mut(&mut totals).map(|number| *number)
}

fn numbers_mut(totals: &mut Totals) -> [&mut u64; 6] {
    [
        &mut totals.lines,
        &mut totals.unread,
        &mut totals.authenticated,
        &mut totals.reinjected,
        &mut totals.no_address,
        &mut totals.unreadable,
    ]
}

/// The order of a client's sums.
fn fields(sums: &Sums) -> [i64; 7] {
    let mut sums = *sums;
    fields_mut(&mut sums).map(|field| *field)
}

pub(super) fn fields_mut(sums: &mut Sums) -> [&mut i64; 7] {
    [
        &mut sums.plain.connects,
        &mut sums.plain.accepted,
        &mut sums.plain.refused,
        &mut sums.doubled.opened,
        &mut sums.doubled.implied,
        &mut sums.doubled.screened,
        &mut sums.doubled.screen_ended,
    ]
}

/// Small numbers of either sign in few bits: 0, -1, 1, -2, … are 0, 1, 2, 3, ….
fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// Seven bits a byte from the lowest, the top bit set in all but the last (LEB128).
fn push(out: &mut Vec<u8>, mut number: u128) {
    loop {
        let low = number.to_le_bytes()[0] & 0x7f;
        number >>= 7;
        if number == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

fn pull(frame: &mut impl BufRead) -> io::Result<u128> {
    let mut number = 0u128;
    for shift in (0..128).step_by(7) {
        let [byte] = take(frame)?;
        let bits = u128::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            break;
        }
        number |= bits << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(invalid("a number over 128 bits"))
}

fn narrow(number: u128) -> io::Result<u64> {
    u64::try_from(number).map_err(|_| invalid("a number over 64 bits"))
}

fn take<const N: usize>(frame: &mut impl BufRead) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    frame.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn damaged(what: &str) -> Error {
    Error::Damaged {
        what: what.to_owned(),
    }
}
