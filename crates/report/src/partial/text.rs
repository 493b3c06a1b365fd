//! The form of lines.

use std::io::Write;
use std::net::IpAddr;

use crate::error::Error;
use crate::partial::Item;
use crate::tally::{Doubled, Plain, Session, Sums, Tally, Totals};

/// The first line; it may come again.
const HEAD: &str = "rblmap-partial\t1";

pub(super) fn write(tally: Tally, out: &mut impl Write) -> Result<(), Error> {
    writeln!(out, "{HEAD}")?;
    let mut written = Ok(());
    let (totals, sessions) = tally.into_parts(|row| {
        let Sums { plain, doubled } = &row.sums;
        if written.is_ok() {
            written = writeln!(
                out,
                "client\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
                row.client,
                plain.connects,
                plain.accepted,
                plain.refused,
                doubled.opened,
                doubled.implied,
                doubled.screened,
                doubled.screen_ended
            );
        }
    });
    written?;
    for (id, session) in sessions {
        let client = session
            .client
            .map_or("-".to_owned(), |client| client.to_string());
        writeln!(
            out,
            "session\t{id:016x}\t{client}\t{}\t{}\t{}\t{}",
            session.accepted,
            session.refused,
            u8::from(session.authenticated),
            u8::from(session.ended)
        )?;
    }
    writeln!(
        out,
        "total\t{}\t{}\t{}\t{}\t{}\t{}",
        totals.lines,
        totals.unread,
        totals.authenticated,
        totals.reinjected,
        totals.no_address,
        totals.unreadable
    )?;
    Ok(out.flush()?)
}

pub(super) fn read(bytes: &[u8], mut see: impl FnMut(Item)) -> Result<(), Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::Foreign {
        what: "it is neither packed nor a text".to_owned(),
    })?;
    let mut has_head = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line == HEAD {
            has_head = true;
            continue;
        }
        let item = item(line).ok_or_else(|| {
            let what = format!("line {number} is none of a partial count");
            if has_head {
                Error::Damaged { what }
            } else {
                Error::Foreign { what }
            }
        })?;
        see(item);
    }
    match has_head {
        true => Ok(()),
        false => Err(Error::Foreign {
            what: format!("the line {HEAD:?} is missing"),
        }),
    }
}

fn item(line: &str) -> Option<Item> {
    let mut columns = line.split('\t');
    let kind = columns.next()?;
    let item = match kind {
        "client" => {
            let client = columns.next()?.parse().ok()?;
            let mut sum = || columns.next()?.parse().ok();
            let plain = Plain {
                connects: sum()?,
                accepted: sum()?,
                refused: sum()?,
            };
            let doubled = Doubled {
                opened: sum()?,
                implied: sum()?,
                screened: sum()?,
                screen_ended: sum()?,
            };
            Item::Client(client, Sums { plain, doubled })
        }
        "session" => {
            let id = u64::from_str_radix(columns.next()?, 16).ok()?;
            let client: Option<IpAddr> = match columns.next()? {
                "-" => None,
                client => Some(client.parse().ok()?),
            };
            let mut number = || columns.next()?.parse::<u32>().ok();
            let session = Session {
                client,
                accepted: number()?,
                refused: number()?,
                authenticated: number()? == 1,
                ended: number()? == 1,
            };
            Item::Session(id, session)
        }
        "total" => {
            let mut number = || columns.next()?.parse::<u64>().ok();
            Item::Totals(Totals {
                lines: number()?,
                unread: number()?,
                authenticated: number()?,
                reinjected: number()?,
                no_address: number()?,
                unreadable: number()?,
            })
        }
        _ => return None,
    };
    columns.next().is_none().then_some(item)
}
