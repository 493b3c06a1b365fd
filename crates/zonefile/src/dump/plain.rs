//! Content as a `plain` list.

use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

use rblmap::{Run, Value};

use super::addresses::v4_key;
use super::list::List;
use super::loss::Loss;
use super::record;
use crate::address6::MAPPED;
use crate::key::networks;

pub(super) fn write<W: Write>(list: &mut List<'_, W>) -> io::Result<()> {
    for run in list.zone.v4() {
        line(list, &v4_key(run.start, run.end), list.value(run.value))?;
    }
    for run in list.zone.v6() {
        let value = list.value(run.value);
        if run.start > MAPPED.1 || run.end < MAPPED.0 {
            line(list, &v6_range(run), value)?;
        } else {
            // A plain list has these for IPv4 addresses, which they are not here.
            list.omitted.add(Loss::Mapped);
        }
    }
    for entry in list.names() {
        match (entry.plain(2), entry.value) {
            (_, None) => list.omitted.add(Loss::Hidden),
            (None, Some(_)) => list.omitted.add(Loss::OddNames),
            (Some(name), Some(value)) => line(list, &name, value)?,
        }
    }
    Ok(())
}

/// An address, a network, or a range that is neither.
pub(super) fn v6_range(run: &Run<u128>) -> String {
    let [first, last] = [run.start, run.end].map(Ipv6Addr::from_bits);
    let mut parts = networks(run.start, run.end, 128);
    let bits = (run.start ^ run.end).leading_zeros();
    parts.next();
    match parts.next() {
        None if bits == 128 => first.to_string(),
        None => format!("{first}/{bits}"),
        Some(_) => format!("{first}-{last}"),
    }
}

fn line<W: Write>(list: &mut List<'_, W>, key: &str, value: Value<'_>) -> io::Result<()> {
    for record in value.records() {
        let Some(a) = record.a else {
            list.omitted.add(Loss::Unlisted);
            continue;
        };
        let tail = record::tail(&record)
            .ok()
            .filter(|tail| tail.base().is_none() && survives(tail.value()));
        if record.template.is_some() && tail.is_none() {
            list.omitted.add(Loss::Texts);
        }
        match tail.filter(|_| record.template.is_some()) {
            Some(tail) => {
                write!(list.out, "{key} ")?;
                list.out.write_all(tail.value())?;
                list.out.write_all(b"\n")?;
            }
            None if a == Ipv4Addr::new(127, 0, 0, 2) => writeln!(list.out, "{key}")?,
            None if a.is_loopback() => writeln!(list.out, "{key} {a}")?,
            None if a.is_unspecified() => list.omitted.add(Loss::Texts),
            None => writeln!(list.out, "{key} :{a}:")?,
        }
    }
    Ok(())
}

/// Whether a value is read back as it is: white space, a CR and a NUL at the end of a line of a list
/// are no part of it.
fn survives(value: &[u8]) -> bool {
    !value.contains(&0) && !matches!(value.last(), Some(b' ' | b'\t' | b'\r'))
}
