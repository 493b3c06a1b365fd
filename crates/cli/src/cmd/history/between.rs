//! What changed between two serials of a history.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

use rblmap::{NameKey, Value};
use rblmap_format::Part;
use rblmap_history::{Place, Says};
use serde::Serialize;

use crate::cmd::history::{Found, key_of};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::escaped;

/// A line of the list.
#[derive(Serialize)]
struct Line {
    change: &'static str,
    zone: String,
    key: String,
    is: String,
    was: String,
}

/// What was said before the first change and after the last one.
struct Net<'h> {
    first: u64,
    last: u64,
    was: Says<'h>,
    is: Says<'h>,
}

/// Prints the changes. A key that came and went between the serials is left out; networks that
/// changed in different pieces are shown as they changed.
pub(super) fn run(found: &Found, from: u64, to: u64, json: bool) -> Result<Exit, Failure> {
    let known: Vec<u64> = found.history.versions().iter().map(|v| v.serial).collect();
    for serial in [from, to] {
        if !known.contains(&serial) {
            let span = match (known.first(), known.last()) {
                (Some(first), Some(last)) => format!("; it reaches from {first} to {last}"),
                _ => String::new(),
            };
            let what = format!("the history does not know serial {serial}{span}");
            return Err(Failure::new(Exit::BadInput, what));
        }
    }
    let mut changed: BTreeMap<(NameKey, String), Net<'_>> = BTreeMap::new();
    let base = found.subzone;
    found
        .history
        .between(from.min(to), from.max(to), |zone, event| {
            if base != NameKey::ROOT && *zone != base {
                return;
            }
            let key = (*zone, sort_key(&event.place));
            let net = changed.entry(key).or_insert(Net {
                first: event.serial,
                last: event.serial,
                was: event.was,
                is: event.is,
            });
            if event.serial <= net.first {
                (net.first, net.was) = (event.serial, event.was);
            }
            if event.serial >= net.last {
                (net.last, net.is) = (event.serial, event.is);
            }
        });
    let printed = print(found, &changed, from > to, json);
    printed.map_err(|error| Failure::printing(&error))?;
    Ok(Exit::Done)
}

fn print(
    found: &Found,
    changed: &BTreeMap<(NameKey, String), Net<'_>>,
    backwards: bool,
    json: bool,
) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for ((zone, key), net) in changed {
        let (was, is) = if backwards {
            (net.is, net.was)
        } else {
            (net.was, net.is)
        };
        if was == is {
            continue;
        }
        let change = match (was, is) {
            (Says::Value(_), Says::Value(_)) => "changed",
            (Says::Value(_), _) => "removed",
            (_, Says::Value(_)) => "added",
            _ => "changed",
        };
        let line = Line {
            change,
            zone: match zone.label_count() {
                0 => found.base.clone(),
                _ => format!("{zone}.{}", found.base),
            },
            key: key
                .split_once(' ')
                .map_or(key.as_str(), |(_, key)| key)
                .to_owned(),
            is: text_of(is),
            was: text_of(was),
        };
        if json {
            serde_json::to_writer(&mut out, &line)?;
        } else {
            write!(out, "{}\t{}", line.change, line.key)?;
            for text in [&line.is, &line.was]
                .into_iter()
                .filter(|text| !text.is_empty())
            {
                write!(out, "\t{text}")?;
            }
        }
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// A text that sorts as the places do, with the place as it is printed after a space.
fn sort_key(place: &Place) -> String {
    let order = match place {
        Place::Network(ipnet::IpNet::V4(net)) => {
            format!("4{:08x}{:02x}", net.network().to_bits(), net.prefix_len())
        }
        Place::Network(ipnet::IpNet::V6(net)) => {
            format!("6{:032x}{:02x}", net.network().to_bits(), net.prefix_len())
        }
        Place::Name(name, _) => {
            let mut order = "n".to_owned();
            name.as_bytes()
                .iter()
                .for_each(|byte| order.push_str(&format!("{byte:02x}")));
            order
        }
    };
    format!("{order} {}", key_of(place))
}

/// Addresses and texts, `$` where the key goes.
fn text_of(says: Says<'_>) -> String {
    let Says::Value(value) = says else {
        return String::new();
    };
    let addresses: Vec<String> = value
        .records()
        .filter_map(|r| Some(r.a?.to_string()))
        .collect();
    let texts = texts_of(value);
    [addresses.join(","), texts.join(" ")]
        .join(" ")
        .trim()
        .to_owned()
}

fn texts_of(value: Value<'_>) -> Vec<String> {
    let templates = value.records().filter_map(|record| record.template);
    templates
        .map(|template| {
            let mut text = String::new();
            for part in template.parts() {
                match part {
                    Part::Literal(bytes) => text.push_str(&escaped(bytes).replace('$', "$$")),
                    Part::Key => text.push('$'),
                    Part::KeyLess(less) => text.push_str(&format!("$-{less}")),
                }
            }
            text
        })
        .collect()
}
