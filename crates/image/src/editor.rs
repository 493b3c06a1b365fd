//! A handful of changes to an image, without the sources that it was built from.

use std::collections::BTreeMap;
use std::io;

use rblmap::{Image, NameKey, NameRule, Run, ValueId};
use rblmap_content::{
    Content, Draft, Edit, ListedKey, NameScope, NameTable, ValueBuf, ZoneName, edit_runs,
    resolve_name,
};
use rblmap_format::Address;

use crate::decode::edited;
use crate::edited::{V4Image, block_of};
use crate::encode::{Layout, encode_to, encode_with};
use crate::error::Error;
use crate::stamp::Stamp;

/// Entries to be added to an image: disjoint and rising.
///
/// See the example of [`Editor`].
#[derive(Debug, Clone)]
pub struct Additions<'c> {
    content: &'c Content,
    v4: Vec<Run<u32>>,
    v6: Vec<Run<u128>>,
    names: Vec<NameEntry>,
}

/// What is to be said of a name, or of those below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NameEntry {
    name: NameKey,
    scope: NameScope,
    value: ValueId,
}

impl<'c> Additions<'c> {
    /// All that the base zone of a content lists.
    pub fn of(content: &'c Content) -> Additions<'c> {
        let zone = content.base();
        let mut names = Vec::new();
        for point in zone.names().iter() {
            // Content holds names only.
            let Ok(name) = NameKey::from_key(point.key) else {
                continue;
            };
            let slots = [
                (NameScope::Exact, point.exact),
                (NameScope::Below, point.below),
            ];
            names.extend(slots.into_iter().filter_map(|(scope, slot)| {
                let value = slot.value()?;
                Some(NameEntry { name, scope, value })
            }));
        }
        Additions {
            content,
            v4: zone.v4().to_vec(),
            v6: zone.v6().to_vec(),
            names,
        }
    }

    /// The keys of the entries: a key for each run of addresses, and one or two for each name.
    pub fn keys(&self) -> impl Iterator<Item = ListedKey> + '_ {
        let v4 = self.v4.iter().map(|run| ListedKey::V4(run.start, run.end));
        let v6 = self.v6.iter().map(|run| ListedKey::V6(run.start, run.end));
        let names = self
            .names
            .iter()
            .map(|entry| ListedKey::Name(entry.name, entry.scope));
        v4.chain(v6).chain(names)
    }

    /// Whether this leaves something of another one out.
    pub fn is_less_than(&self, other: &Additions<'_>) -> bool {
        self.v4 != other.v4 || self.v6 != other.v6 || self.names != other.names
    }
}

/// An image and changes over it. Only the parts of large IPv4 lists that changes touch are read and
/// written again, so ten changes to ten million addresses take a fraction of a build.
///
/// The result is the image that a build from sources with the same changes gives, byte for byte.
///
/// ```
/// use rblmap_content::{Draft, ListedKey};
/// use rblmap_image::{Editor, Stamp, encode};
/// # use rblmap::{NameKey, Run};
/// # use rblmap_content::{Record, ValueBuf};
/// # let list = |start: u32| -> Result<_, Box<dyn std::error::Error>> {
/// #     let mut draft = Draft::new("ops.example".parse()?);
/// #     let value = ValueBuf::new([Record { a: Some([127, 0, 0, 2].into()), text: None }]);
/// #     let value = draft.values.intern(&value).expect("not empty");
/// #     draft.zone_mut(&NameKey::ROOT).v4.push(Run { start, end: start + 1, value });
/// #     Ok(draft.finish()?)
/// # };
/// // Lists of 192.0.2.0/31 and of 198.51.100.0/31.
/// let (old, more) = (list(0xc000_0200)?, list(0xc633_6400)?);
/// let image = rblmap::Image::from_vec(encode(&old, Stamp::default())?)?;
/// let mut editor = Editor::new(&image)?;
/// assert!(editor.remove(&NameKey::ROOT, &ListedKey::V4(0xc000_0200, 0xc000_0201))?);
/// editor.add(&NameKey::ROOT, &rblmap_image::Additions::of(&more))?;
/// let bytes = editor.finish(Stamp::default())?;
/// assert_eq!(bytes, encode(&more, Stamp::default())?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Editor<'i> {
    image: &'i Image,
    draft: Draft<V4Image<'i>>,
}

impl<'i> Editor<'i> {
    /// Verifies an image and reads what changes need. Lines of it are copied to the new one, so damage
    /// must be seen before.
    ///
    /// # Errors
    /// A damaged image, or one that [`crate::encode`] did not write.
    pub fn new(image: &'i Image) -> Result<Editor<'i>, Error> {
        let (whole, content) = rayon::join(|| image.verify(), || edited(image));
        whole?;
        Ok(Editor {
            image,
            draft: content?.into_draft(),
        })
    }

    /// The zone's name.
    pub fn name(&self) -> &ZoneName {
        &self.draft.name
    }

    /// The image with all changes, in the layout of the old one.
    ///
    /// # Errors
    /// More of something than the format can hold.
    pub fn finish(self, stamp: Stamp) -> Result<Vec<u8>, Error> {
        let content = self.draft.finish()?;
        encode_with(&content, stamp, Layout::of(self.image))
    }

    /// As [`Editor::finish`], to wherever `put` brings the bytes, as [`encode_to`] gives them: see its
    /// example.
    ///
    /// # Errors
    /// As for [`Editor::finish`], and what `put` says.
    pub fn finish_to(
        self,
        stamp: Stamp,
        put: impl Fn(u64, &[u8]) -> io::Result<()> + Sync,
    ) -> Result<(), Error> {
        let content = self.draft.finish()?;
        let layout = Layout::of(self.image);
        encode_to(&content, content.id(), stamp, layout, put).map(|_root| ())
    }

    /// Takes a key out of a zone: whatever listed it, it is not listed any more. Says whether anything
    /// of it was.
    ///
    /// # Errors
    /// A range that ends before it begins.
    pub fn remove(&mut self, zone: &NameKey, key: &ListedKey) -> Result<bool, Error> {
        let zone = self.draft.zone_mut(zone);
        Ok(match *key {
            ListedKey::V4(start, end) => {
                let there = !runs_in(&zone.v4, start, end).is_empty();
                let value = None;
                edit_v4(&mut zone.v4, &[Edit { start, end, value }])?;
                there
            }
            ListedKey::V6(start, end) => {
                let there = zone
                    .v6
                    .iter()
                    .any(|run| run.start <= end && start <= run.end);
                let value = None;
                zone.v6 = edit_runs(&zone.v6, &[Edit { start, end, value }]);
                there
            }
            ListedKey::Name(name, scope) => remove_name(&mut zone.names, &name, scope),
        })
    }

    /// Adds entries to a zone, over whatever their keys said before.
    ///
    /// # Errors
    /// More values than can be numbered.
    pub fn add(&mut self, zone: &NameKey, added: &Additions<'_>) -> Result<(), Error> {
        let mut ids: BTreeMap<u32, ValueId> = BTreeMap::new();
        let values = &mut self.draft.values;
        let mut id = |old: ValueId| -> Result<ValueId, Error> {
            if let Some(id) = ids.get(&old.get()) {
                return Ok(*id);
            }
            let value = ValueBuf::union([added.content.values().get(old)]);
            let new = values.intern(&value);
            let new = new.ok_or(Error::TooManyValues)?;
            ids.insert(old.get(), new);
            Ok(new)
        };
        let v4 = edits(&added.v4, &mut id)?;
        let v6 = edits(&added.v6, &mut id)?;
        let mut names = Vec::with_capacity(added.names.len());
        for entry in &added.names {
            let value = id(entry.value)?;
            names.push(NameEntry { value, ..*entry });
        }
        let zone = self.draft.zone_mut(zone);
        edit_v4(&mut zone.v4, &v4)?;
        if !v6.is_empty() {
            zone.v6 = edit_runs(&zone.v6, &v6);
        }
        if !names.is_empty() {
            zone.names = with_names(&zone.names, &names);
        }
        Ok(())
    }

    /// The part of some entries of which the keys are not listed.
    pub fn unlisted<'c>(&mut self, zone: &NameKey, added: &Additions<'c>) -> Additions<'c> {
        let zone = self.draft.zone_mut(zone);
        let v4 = added.v4.iter().flat_map(|run| {
            let there = runs_in(&zone.v4, run.start, run.end);
            gaps(*run, &there)
        });
        let v4 = v4.collect();
        let v6 = added
            .v6
            .iter()
            .flat_map(|run| gaps(*run, &zone.v6))
            .collect();
        zone.names.sort();
        let names = added.names.iter().filter(|entry| match entry.scope {
            NameScope::Below => zone
                .names
                .find(entry.name.as_bytes())
                .is_none_or(|point| point.below.value().is_none()),
            _ => resolve_name(&zone.names, &entry.name).is_none(),
        });
        Additions {
            content: added.content,
            v4,
            v6,
            names: names.copied().collect(),
        }
    }
}

fn edits<A: Copy>(
    runs: &[Run<A>],
    id: &mut impl FnMut(ValueId) -> Result<ValueId, Error>,
) -> Result<Vec<Edit<A>>, Error> {
    let edits = runs.iter().map(|run| {
        Ok(Edit {
            start: run.start,
            end: run.end,
            value: Some(id(run.value)?),
        })
    });
    edits.collect()
}

/// Lays rising, disjoint edits over IPv4 runs.
fn edit_v4(v4: &mut V4Image<'_>, edits: &[Edit<u32>]) -> Result<(), Error> {
    if edits.is_empty() {
        return Ok(());
    }
    match v4 {
        V4Image::List(runs) => {
            *runs = edit_runs(runs, edits);
            Ok(())
        }
        V4Image::Blocks(blocks) => blocks
            .edit(edits)
            .map_err(|change| Error::Unordered { change }),
    }
}

/// The runs that meet a range.
fn runs_in(v4: &V4Image<'_>, start: u32, end: u32) -> Vec<Run<u32>> {
    let meets = |run: &&Run<u32>| run.start <= end && start <= run.end;
    match v4 {
        V4Image::List(runs) => runs.iter().filter(meets).copied().collect(),
        V4Image::Blocks(blocks) => {
            let mut reader = blocks.reader();
            let mut found = Vec::new();
            for block in block_of(start)..=block_of(end) {
                found.extend(reader.runs(block).iter().filter(meets).copied());
            }
            found
        }
    }
}

/// The parts of a run that lie in none of some rising runs.
fn gaps<A: Address>(run: Run<A>, there: &[Run<A>]) -> Vec<Run<A>> {
    let mut out = Vec::new();
    let mut from = Some(run.start);
    let meeting = there
        .iter()
        .filter(|other| other.start <= run.end && run.start <= other.end);
    for other in meeting {
        let Some(start) = from else { break };
        if let Some(end) = other.start.previous().filter(|end| start <= *end) {
            out.push(Run { start, end, ..run });
        }
        from = other.end.next().map(|next| next.max(start));
    }
    if let Some(start) = from.filter(|start| *start <= run.end) {
        out.push(Run { start, ..run });
    }
    out
}

/// Hides a name, or takes all out that is said of the names below it; whether anything was said.
fn remove_name(names: &mut NameTable, name: &NameKey, scope: NameScope) -> bool {
    names.sort();
    let (own, below) = match scope {
        NameScope::Exact => (true, false),
        NameScope::Below => (false, true),
        NameScope::Both => (true, true),
    };
    let mut there = own && resolve_name(names, name).is_some();
    let mut kept = NameTable::new();
    let mut point = (NameRule::Inherit, NameRule::Inherit);
    for old in names.iter() {
        if old.key == name.as_bytes() {
            point = (old.exact, old.below);
        } else if below && old.key.starts_with(name.as_bytes()) {
            there |= old.exact.value().is_some() || old.below.value().is_some();
        } else {
            kept.push(old.key, old.exact, old.below);
        }
    }
    there |= below && point.1.value().is_some();
    let exact = if own { NameRule::Nothing } else { point.0 };
    let under = if below { NameRule::Nothing } else { point.1 };
    kept.push(name.as_bytes(), exact, under);
    *names = kept;
    there
}

/// Names with some of them set.
fn with_names(names: &NameTable, entries: &[NameEntry]) -> NameTable {
    let mut changed: BTreeMap<&[u8], (NameRule, NameRule)> = BTreeMap::new();
    let set = |slots: &mut (NameRule, NameRule), entry: &NameEntry| match entry.scope {
        NameScope::Exact => slots.0 = NameRule::Value(entry.value),
        NameScope::Below => slots.1 = NameRule::Value(entry.value),
        NameScope::Both => *slots = (NameRule::Value(entry.value), NameRule::Value(entry.value)),
    };
    for entry in entries {
        changed
            .entry(entry.name.as_bytes())
            .or_insert((NameRule::Inherit, NameRule::Inherit));
    }
    let mut kept = NameTable::new();
    for point in names.iter() {
        match changed.get_mut(point.key) {
            Some(slots) => *slots = (point.exact, point.below),
            None => kept.push(point.key, point.exact, point.below),
        }
    }
    for entry in entries {
        if let Some(slots) = changed.get_mut(entry.name.as_bytes()) {
            set(slots, entry);
        }
    }
    for (key, (exact, below)) in changed {
        kept.push(key, exact, below);
    }
    kept
}
