//! What changed between two serials of a history.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

use ipnet::IpNet;
use rblmap::NameKey;
use rblmap_history::{Event, Parts, Place, Says, Scope, Span};
use rblmap_report::Labels;
use serde::Serialize;

use crate::cmd::history::{Found, key_of};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{escaped, shown};

/// A line of the list.
#[derive(Serialize)]
struct Line {
    change: &'static str,
    zone: String,
    key: String,
    is: String,
    was: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
}

/// What was said before the first change and after the last one.
#[derive(Clone, Copy, PartialEq)]
struct Net<'h> {
    was: Says<'h>,
    is: Says<'h>,
}

/// All that changed in one zone.
struct Changes<'h> {
    v4: Parts<Net<'h>>,
    v6: Parts<Net<'h>>,
    /// By the key's bytes and the scope, which is printed before wider ones.
    names: BTreeMap<(Vec<u8>, u8), NameChange<'h>>,
}

struct NameChange<'h> {
    place: Place,
    net: Net<'h>,
}

impl<'h> Net<'h> {
    /// What a later event makes of it.
    fn then(known: Option<Net<'h>>, event: &Event<'h>) -> Net<'h> {
        Net {
            was: known.map_or(event.was, |known| known.was),
            is: event.is,
        }
    }
}

impl<'h> Changes<'h> {
    fn new() -> Changes<'h> {
        Changes {
            v4: Parts::new(),
            v6: Parts::new(),
            names: BTreeMap::new(),
        }
    }

    /// Events come oldest first.
    fn add(&mut self, event: &Event<'h>) {
        match event.place {
            Place::Network(net) => {
                let parts = match net {
                    IpNet::V4(_) => &mut self.v4,
                    IpNet::V6(_) => &mut self.v6,
                };
                parts.update(Span::of(&net), |known| Net::then(known, event));
            }
            // A name and those below it may have changed alike once and apart another time.
            Place::Name(name, scope) => {
                for one in scopes(scope) {
                    let key = (name.as_bytes().to_vec(), order(*one));
                    let place = Place::Name(name, *one);
                    let known = self.names.get(&key).map(|change| change.net);
                    let net = Net::then(known, event);
                    self.names.insert(key, NameChange { place, net });
                }
            }
        }
    }

    /// Each place with what changed there, in order.
    fn each(self) -> Vec<(Place, Net<'h>)> {
        let mut each = Vec::new();
        for (parts, is_v4) in [(&self.v4, true), (&self.v6, false)] {
            for (span, net) in parts.each() {
                let networks = span.networks(is_v4).into_iter();
                each.extend(networks.map(|found| (Place::Network(found), net)));
            }
        }
        for change in self.names.into_values() {
            let twin = match (each.last_mut(), change.place) {
                (Some((Place::Name(name, scope @ Scope::Exact), net)), Place::Name(other, _))
                    if *name == other && *net == change.net =>
                {
                    Some(scope)
                }
                _ => None,
            };
            match twin {
                Some(scope) => *scope = Scope::Both,
                None => each.push((change.place, change.net)),
            }
        }
        each.retain(|(_, net)| net.was != net.is);
        each
    }
}

fn scopes(scope: Scope) -> &'static [Scope] {
    match scope {
        Scope::Exact => &[Scope::Exact],
        Scope::Below => &[Scope::Below],
        Scope::Both => &[Scope::Exact, Scope::Below],
    }
}

fn order(scope: Scope) -> u8 {
    match scope {
        Scope::Exact => 0,
        Scope::Below => 1,
        Scope::Both => 2,
    }
}

/// What is asked for.
pub(super) struct Between<'a> {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) labels: Option<Labels<'a>>,
    pub(super) json: bool,
}

/// Prints what differs, as a comparison of the images of both serials would. What came and went
/// between them is left out.
pub(super) fn run(found: &Found, asked: &Between<'_>) -> Result<Exit, Failure> {
    let (from, to) = (asked.from, asked.to);
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
    let mut events: Vec<(NameKey, Event<'_>)> = Vec::new();
    let base = found.subzone;
    found
        .history
        .between(from.min(to), from.max(to), |zone, event| {
            if base == NameKey::ROOT || *zone == base {
                events.push((*zone, event.clone()));
            }
        });
    events.sort_by_key(|(_, event)| event.serial);
    let mut changes: BTreeMap<NameKey, Changes<'_>> = BTreeMap::new();
    for (zone, event) in &events {
        changes.entry(*zone).or_insert_with(Changes::new).add(event);
    }
    let printed = print(found, changes, asked);
    printed.map_err(|error| Failure::printing(&error))?;
    Ok(Exit::Done)
}

fn print(
    found: &Found,
    changes: BTreeMap<NameKey, Changes<'_>>,
    asked: &Between<'_>,
) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for (zone, changes) in changes {
        for (place, net) in changes.each() {
            let (was, is) = if asked.from > asked.to {
                (net.is, net.was)
            } else {
                (net.was, net.is)
            };
            let key = key_of(&place);
            let line = Line {
                change: kind_of(was, is),
                zone: match zone.label_count() {
                    0 => found.base.clone(),
                    _ => format!("{zone}.{}", found.base),
                },
                is: text_of(is),
                was: text_of(was),
                label: asked.labels.map(|labels| labels.of_key(&key)),
                key,
            };
            if asked.json {
                serde_json::to_writer(&mut out, &line)?;
                out.write_all(b"\n")?;
            } else {
                print_line(&line, &mut out)?;
            }
        }
    }
    out.flush()
}

fn kind_of(was: Says<'_>, is: Says<'_>) -> &'static str {
    match (was, is) {
        (Says::Value(_), Says::Value(_)) => "changed",
        (Says::Value(_), _) => "removed",
        (_, Says::Value(_)) => "added",
        _ => "changed",
    }
}

fn print_line(line: &Line, out: &mut impl Write) -> io::Result<()> {
    write!(out, "{}\t{}", line.change, line.key)?;
    let said = [&line.is, &line.was].into_iter();
    for text in said.filter(|text| !text.is_empty()) {
        write!(out, "\t{text}")?;
    }
    if let Some(label) = &line.label {
        write!(out, "\t{}", escaped(label.as_bytes()))?;
    }
    out.write_all(b"\n")
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
    let templates = value.records().filter_map(|record| record.template);
    let texts: Vec<String> = templates.map(|template| shown(&template)).collect();
    [addresses.join(","), texts.join(" ")]
        .join(" ")
        .trim()
        .to_owned()
}
