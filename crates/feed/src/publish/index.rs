//! The index of a feed: signed afresh where something in it changed.

use crate::error::Error;
use crate::ids::Zone;
use crate::manifest::{FORMAT, INDEX_LIMIT, Index, IndexZone};
use crate::path::FeedPath;
use crate::pointer::Pointer;
use crate::time::DAY;

use super::{Issuer, next_issue};

/// A week: the index holds at least as long.
const HOLDS: u64 = 7 * DAY;

/// Signs the index afresh if the zones, their texts or the keys changed, or if half of its time is
/// over; and if it was made later than now, by a clock that was wrong.
pub(super) fn publish(issuer: &Issuer<'_>) -> Result<(), Error> {
    let (tree, facts, now) = (issuer.tree, issuer.facts, issuer.now);
    // One that is damaged is made again.
    let before = tree.index().ok().flatten();
    let Listed { zones, issue } = zones(issuer, before.as_ref())?;
    if zones.is_empty() {
        return Ok(());
    }
    let holds = issuer.options.holds(None).max(HOLDS);
    if let Some(before) = &before {
        let same = (&before.zones, &before.publisher) == (&zones, &facts.publisher)
            && (&before.next_key, &before.statement) == (&facts.next_key, &facts.statement);
        let time = before.generated <= now && before.expires.saturating_sub(now) > holds / 2;
        if same && time && signed_by_us(issuer)? {
            return Ok(());
        }
    }
    let index = Index {
        format: FORMAT,
        publisher: facts.publisher.clone(),
        // Of an index that is lost the issue is not known, but seldom above those of the zones.
        issue: next_issue(before.map(|index| index.issue).or(issue), now),
        generated: now,
        expires: now.saturating_add(holds),
        zones,
        next_key: facts.next_key.clone(),
        statement: facts.statement.clone(),
    };
    let bytes = index.to_bytes();
    let comment = index.comment(&bytes);
    tree.put(&comment.target(), &bytes)?;
    let pointer = Pointer::sign(&comment, &bytes, issuer.key)?;
    let path = FeedPath::index_pointer();
    tree.put(&path, pointer.as_bytes())?;
    tree.open_up(&[path, comment.target()].into())
}

/// The zones of a feed, and the highest issue of their pointers.
struct Listed {
    zones: Vec<IndexZone>,
    issue: Option<u64>,
}

/// The zones there are. One whose manifest is damaged stays listed as it was.
fn zones(issuer: &Issuer<'_>, before: Option<&Index>) -> Result<Listed, Error> {
    let (mut zones, mut issue) = (Vec::new(), None);
    for zone in issuer.tree.zones()? {
        let known = || {
            let mut known = before.iter().flat_map(|index| &index.zones);
            known.find(|known| known.zone.0 == zone).cloned()
        };
        match issuer.tree.manifest(&zone) {
            Ok(Some(manifest)) => {
                issue = issue.max(Some(manifest.issue));
                zones.push(IndexZone {
                    zone: Zone(zone),
                    texts: manifest.texts,
                });
            }
            Ok(None) => {}
            Err(_) => zones.extend(known()),
        }
    }
    Ok(Listed { zones, issue })
}

fn signed_by_us(issuer: &Issuer<'_>) -> Result<bool, Error> {
    let tree = issuer.tree;
    let Some(pointer) = tree.pointer(&FeedPath::index_pointer())? else {
        return Ok(false);
    };
    let path = pointer.comment().target();
    let bytes = tree.checked(&path, INDEX_LIMIT, pointer.comment().hash)?;
    Ok(pointer.verify(&bytes, [issuer.key.public()]).is_ok())
}
