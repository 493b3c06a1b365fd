//! The test points of RFC 5782, section 5: what lists a client can tell a live zone by.

use std::path::Path;
use std::sync::Arc;

use rblmap::{NameKey, Run};
use rblmap_content::{DraftZone, resolve_name};

use crate::resolve::unions::Unions;
use crate::warning::{Class, Warning};

const LISTED4: u32 = 0x7f00_0002;
const UNLISTED4: u32 = 0x7f00_0001;
const MAPPED: u128 = 0xffff_0000_0000;
const LISTED_NAME: &[u8] = b"test";
const UNLISTED_NAME: &[u8] = b"invalid";

/// Looks for the test points of a zone, whose first source is `file`.
pub(crate) fn check_zone(
    zone: &mut DraftZone,
    file: &Arc<Path>,
    unions: &Unions<'_>,
) -> Vec<Warning> {
    let mut classes = Vec::new();
    let mut expect = |listed: bool, unlisted: bool| {
        classes.extend((!listed).then_some(Class::TestPointMissing));
        classes.extend(unlisted.then_some(Class::TestPointListed));
    };
    if !zone.v4.is_empty() {
        expect(
            is_listed(&zone.v4, LISTED4, unions),
            is_listed(&zone.v4, UNLISTED4, unions),
        );
    } else if !zone.v6.is_empty() {
        expect(
            is_listed(&zone.v6, MAPPED | u128::from(LISTED4), unions),
            is_listed(&zone.v6, MAPPED | u128::from(UNLISTED4), unions),
        );
    }
    if !zone.names.is_empty() {
        zone.names.sort();
        let has = |text| {
            let key = NameKey::parse(text).unwrap_or(NameKey::ROOT);
            let found = resolve_name(&zone.names, &key);
            found.is_some_and(|(id, _)| unions.get(id.get()).is_listed())
        };
        expect(has(LISTED_NAME), has(UNLISTED_NAME));
    }
    let warning = |class: Class| Warning::new(file.clone(), 0, class);
    classes.into_iter().map(warning).collect()
}

fn is_listed<A: Copy + Ord>(runs: &[Run<A>], point: A, unions: &Unions<'_>) -> bool {
    let at = runs.partition_point(|run| run.end < point);
    let run = runs.get(at).filter(|run| run.start <= point);
    run.is_some_and(|run| unions.get(run.value.get()).is_listed())
}
