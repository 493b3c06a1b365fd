//! Names as `dnset`, and as `generic` where only a record of its own can say it.
//!
//! A union of datasets can say what no single one can: at a name, the records of a wildcard above
//! it, with the wildcard's name for the key, beside records of its own. Such a wildcard record gets
//! a dataset of its own here, a *track*, which stays silent at the names that do not have it.
//! What a subzone says of its own name, or of all names in it, can come from datasets of the zone
//! above only: that is an *outer* track, in a file apart.

use std::collections::{HashMap, HashSet};

use rblmap::{NameKey, NameRule, Value};
use rblmap_content::{TemplateBuf, ValueBuf};
use rblmap_format::{Part, RawRecord};

use super::addresses::open_based;
use super::record::{self, Tail};
use super::{Scene, put};
use crate::error::Error;

/// A record, as the bytes of a value that has it alone.
type Record = Vec<u8>;

/// A name in the escapes of zone files: nothing but letters, digits, `-` and `_` as it stands.
pub(super) fn printed(name: &NameKey) -> String {
    let mut labels = name.labels();
    labels.reverse();
    if labels.is_empty() {
        return "@".to_owned();
    }
    let printed: Vec<String> = labels
        .iter()
        .map(|label| label.iter().map(|&byte| escaped(byte)).collect())
        .collect();
    printed.join(".")
}

fn escaped(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
        other => format!("\\{other:03}"),
    }
}

/// Writes the names of a zone.
pub(super) fn write(
    scene: &Scene<'_>,
    out: &mut Vec<u8>,
    outer: &mut Vec<u8>,
) -> Result<(), Error> {
    if scene.zone.names().is_empty() {
        return Ok(());
    }
    let mut writer = Writer {
        scene,
        apart: wildcards_seen_from_below(scene),
        live: Vec::new(),
        speaking: Vec::new(),
        main: Vec::new(),
        generic: Vec::new(),
        tracks: Vec::new(),
        usual: usual(scene),
    };
    for point in scene.zone.names().iter() {
        // Content holds names only.
        if let Ok(name) = NameKey::from_key(point.key) {
            writer.point(&name, point.exact, point.below)?;
        }
    }
    writer.finish(out, outer);
    Ok(())
}

/// A record that the names below `name` may have from it.
struct Live {
    name: NameKey,
    record: Record,
    track: usize,
    /// The name below which the track says something else.
    hidden: Option<NameKey>,
}

/// A dataset for records that cannot share one.
struct Track {
    lines: Vec<u8>,
    /// The record of all entries, where it needs a base template.
    based: Option<Tail>,
    outer: bool,
}

struct Writer<'c> {
    scene: &'c Scene<'c>,
    apart: HashSet<(Vec<u8>, Record)>,
    live: Vec<Live>,
    /// The names above with something to say about those below in the main dataset: what it is
    /// that they say, or nothing.
    speaking: Vec<(NameKey, bool)>,
    main: Vec<u8>,
    generic: Vec<u8>,
    tracks: Vec<Track>,
    usual: Option<Tail>,
}

/// What a point says in the main dataset in one of its two tables: lines, or an exclusion.
#[derive(PartialEq, Eq)]
enum Said {
    Nothing,
    Excluded,
    Tails(Vec<Tail>),
}

impl Writer<'_> {
    fn point(&mut self, name: &NameKey, exact: NameRule, below: NameRule) -> Result<(), Error> {
        self.live.retain(|live| name.is_within(&live.name));
        for live in &mut self.live {
            live.hidden = live.hidden.filter(|hidden| name.is_within(hidden));
        }
        self.speaking.retain(|(above, _)| name.is_within(above));
        let inherits = self.speaking.last().is_some_and(|(_, says)| *says);
        let exact = self.name_rule(name, exact, false, inherits)?;
        let below = self.name_rule(name, below, true, inherits)?;
        match &below {
            Said::Nothing => {}
            Said::Excluded => self.speaking.push((*name, false)),
            Said::Tails(_) => self.speaking.push((*name, true)),
        }
        let shown = printed(name);
        if exact == below {
            self.say(&format!(".{shown}"), &exact);
        } else {
            self.say(&shown, &exact);
            self.say(&format!("*.{shown}"), &below);
        }
        Ok(())
    }

    /// What the main dataset has to say; the other datasets are seen to.
    fn name_rule(
        &mut self,
        name: &NameKey,
        name_rule: NameRule,
        below: bool,
        inherits: bool,
    ) -> Result<Said, Error> {
        let id = match name_rule {
            NameRule::Inherit => return Ok(Said::Nothing),
            NameRule::Nothing => None,
            NameRule::Value(id) => Some(id),
        };
        let value = id.map_or(Value::new(&[]), |id| self.scene.content.values().get(id));
        let mut left: Vec<Record> = value.records().map(alone).collect();
        let covered = self.covered(name, &left, below);
        left.retain(|record| !covered.contains(record));
        let mut tails = Vec::new();
        for record in left {
            if let Some(tail) = self.place(name, record, below)? {
                tails.push(tail);
            }
        }
        Ok(match (tails.is_empty(), inherits) {
            (false, _) => Said::Tails(tails),
            (true, true) => Said::Excluded,
            (true, false) => Said::Nothing,
        })
    }

    /// The records that tracks say here anyway; a track that would say another one is silenced.
    fn covered(&mut self, name: &NameKey, wanted: &[Record], below: bool) -> HashSet<Record> {
        let mut covered = HashSet::new();
        let star = if below { "*." } else { "" };
        let subzone = self.scene.subzone;
        for live in &mut self.live {
            if live.hidden.is_some() || live.name == *name {
                continue;
            }
            // A name has at most 127 labels.
            let labels = name.label_count() - live.name.label_count();
            let labels = u8::try_from(labels).unwrap_or(u8::MAX);
            let seen = ValueBuf::seen_from_below(Value::new(&live.record), labels);
            let seen = seen.as_value().as_bytes();
            if wanted.iter().any(|record| record == seen) {
                covered.insert(seen.to_vec());
                continue;
            }
            if below {
                live.hidden = Some(*name);
            }
            if let Some(track) = self.tracks.get_mut(live.track) {
                let key = track.key(name, subzone);
                put(&mut track.lines, format_args!("!{star}{key}\n"));
            }
        }
        covered
    }

    /// Finds a dataset for a record: the tail for the main one, or none if another has taken it.
    fn place(
        &mut self,
        name: &NameKey,
        record: Record,
        below: bool,
    ) -> Result<Option<Tail>, Error> {
        let Some(raw) = Value::new(&record).records().next() else {
            return Ok(None);
        };
        if !below && let Some(line) = generic(name, &raw) {
            self.generic.extend_from_slice(&line);
            return Ok(None);
        }
        let cannot = |what| self.scene.cannot(printed(name), what);
        let outer = name.label_count() == 0;
        if outer && self.scene.subzone == "@" {
            return Err(cannot("a text beside an A record at the empty name"));
        }
        let tail = record::tail(&raw).map_err(cannot)?;
        let apart = below
            && self
                .apart
                .contains(&(name.as_bytes().to_vec(), record.clone()));
        if !apart && !outer && tail.base().is_none() {
            return Ok(Some(tail));
        }
        let at = self.free_track(&tail, outer);
        let subzone = self.scene.subzone;
        if let Some(track) = self.tracks.get_mut(at) {
            let star = if below { "*." } else { "" };
            let key = track.key(name, subzone);
            put(&mut track.lines, format_args!("{star}{key}"));
            if track.based.is_none() {
                track.lines.push(b' ');
                track.lines.extend_from_slice(tail.value());
            }
            track.lines.push(b'\n');
            // The zones below say all there is to say of theirs.
            for zone in self.scene.deeper.iter().filter(|_| outer && below) {
                put(&mut track.lines, format_args!("!.{zone}\n"));
            }
        }
        // Also for a name alone: the track is taken at this point.
        self.live.push(Live {
            name: *name,
            record,
            track: at,
            hidden: (!below).then_some(*name),
        });
        Ok(None)
    }

    /// A track that says nothing here and above.
    fn free_track(&mut self, tail: &Tail, outer: bool) -> usize {
        let based = tail.base().is_some().then(|| tail.clone());
        let free = |(at, track): (usize, &Track)| {
            (track.based == based && track.outer == outer)
                && self.live.iter().all(|live| live.track != at)
        };
        if let Some(at) = self.tracks.iter().enumerate().position(free) {
            return at;
        }
        let lines = Vec::new();
        self.tracks.push(Track {
            lines,
            based,
            outer,
        });
        self.tracks.len() - 1
    }

    fn say(&mut self, key: &str, said: &Said) {
        match said {
            Said::Nothing => {}
            Said::Excluded => put(&mut self.main, format_args!("!{key}\n")),
            Said::Tails(tails) => {
                for tail in tails {
                    self.main.extend_from_slice(key.as_bytes());
                    if self.usual.as_ref() != Some(tail) {
                        self.main.push(b' ');
                        self.main.extend_from_slice(tail.value());
                    }
                    self.main.push(b'\n');
                }
            }
        }
    }

    fn finish(self, out: &mut Vec<u8>, outer: &mut Vec<u8>) {
        if !self.main.is_empty() {
            self.scene.open("dnset", out);
            if let Some(usual) = &self.usual {
                out.extend_from_slice(usual.value());
                out.push(b'\n');
            }
            out.extend_from_slice(&self.main);
        }
        for track in &self.tracks {
            let out = if track.outer {
                outer.extend_from_slice(b"$DATASET dnset @\n");
                &mut *outer
            } else {
                self.scene.open("dnset", out);
                &mut *out
            };
            if let Some(tail) = &track.based {
                open_based(tail, out);
            }
            out.extend_from_slice(&track.lines);
        }
        if !self.generic.is_empty() {
            self.scene.open("generic", out);
            out.extend_from_slice(&self.generic);
        }
    }
}

impl Track {
    /// A name in terms of the zone that the track is of.
    fn key(&self, name: &NameKey, subzone: &str) -> String {
        match (self.outer, name.label_count()) {
            (false, _) => printed(name),
            (true, 0) => subzone.to_owned(),
            (true, _) => format!("{}.{subzone}", printed(name)),
        }
    }
}

/// The line of `generic` for a record that no other type can say; `None` for all others.
fn generic(name: &NameKey, record: &RawRecord<'_>) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    if let Some(text) = record::literal(record) {
        put(&mut line, format_args!("{} TXT \"", printed(name)));
        line.extend_from_slice(&text);
        line.extend_from_slice(b"\"\n");
        return Some(line);
    }
    let a = record.a.filter(|_| record.template.is_none())?;
    if name.label_count() > 0 && !a.is_unspecified() {
        return None;
    }
    put(&mut line, format_args!("{} A {a}\n", printed(name)));
    Some(line)
}

/// The records of wildcards that names below have too, among others: by wildcard.
fn wildcards_seen_from_below(scene: &Scene<'_>) -> HashSet<(Vec<u8>, Record)> {
    let mut found = HashSet::new();
    let mut known: HashMap<u32, Vec<(usize, Record)>> = HashMap::new();
    for point in scene.zone.names().iter() {
        for id in [point.exact, point.below]
            .into_iter()
            .filter_map(NameRule::value)
        {
            let from_above = known.entry(id.get()).or_insert_with(|| {
                let records = scene.content.values().get(id).records();
                records.filter_map(|record| as_above(&record)).collect()
            });
            for (less, record) in from_above.iter() {
                let mut name = NameKey::from_key(point.key).ok();
                for _ in 0..*less {
                    name = name.and_then(|name| name.parent());
                }
                if let Some(name) = name {
                    found.insert((name.as_bytes().to_vec(), record.clone()));
                }
            }
        }
    }
    found
}

/// A record that names a name above: how many labels it is above, and the record as it is there.
fn as_above(record: &RawRecord<'_>) -> Option<(usize, Record)> {
    let less = record.template?.parts().find_map(|part| match part {
        Part::KeyLess(less) => Some(less),
        Part::Literal(_) | Part::Key => None,
    })?;
    let text = TemplateBuf::with_less(record.template?, |more| more.saturating_sub(less));
    let above = ValueBuf::new([rblmap_content::Record { a: record.a, text }]);
    Some((less.into(), above.as_value().as_bytes().to_vec()))
}

fn alone(record: RawRecord<'_>) -> Record {
    let value = ValueBuf::new([record.into()]);
    value.as_value().as_bytes().to_vec()
}

/// The tail of the most usual value, for the default line.
fn usual(scene: &Scene<'_>) -> Option<Tail> {
    let mut counts: HashMap<u32, usize> = HashMap::new();
    for point in scene.zone.names().iter() {
        for id in [point.exact, point.below]
            .into_iter()
            .filter_map(NameRule::value)
        {
            *counts.entry(id.get()).or_default() += 1;
        }
    }
    let (id, _) = counts.into_iter().max_by_key(|(id, count)| (*count, *id))?;
    let value = scene.content.values().get(rblmap::ValueId::new(id)?);
    let tail = record::tail(&value.records().next()?).ok()?;
    tail.base().is_none().then_some(tail)
}
