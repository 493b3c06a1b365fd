//! Questions from a file.

use std::net::IpAddr;
use std::path::Path;

use rblmap::{NameKey, Query, Zone};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

use super::mix::{Asked, Key, Mix, Questions, Source};

/// The keys of a file, by kind, in its order.
#[derive(Debug, Default)]
pub(super) struct Queries {
    v4: Vec<u32>,
    v6: Vec<u128>,
    names: Vec<NameKey>,
}

/// Reads addresses and names, one a line; what is neither is counted and told.
pub(super) fn read(path: &Path, output: &Output) -> Result<Queries, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::reading(path, &error))?;
    let text = String::from_utf8_lossy(&bytes);
    let mut queries = Queries::default();
    let mut others = 0u64;
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match Query::parse(line) {
            Ok(Query::Address(IpAddr::V4(address))) => queries.v4.push(address.to_bits()),
            Ok(Query::Address(IpAddr::V6(address))) => queries.v6.push(address.to_bits()),
            Ok(Query::Name(name)) => queries.names.push(*name),
            Err(_) => others += 1,
        }
    }
    if others > 0 {
        output.note(format!(
            "{}: {others} lines are neither an address nor a name",
            path.display()
        ));
    }
    if queries.v4.is_empty() && queries.v6.is_empty() && queries.names.is_empty() {
        let what = format!("{}: no addresses or names", path.display());
        return Err(Failure::new(Exit::BadInput, what));
    }
    Ok(queries)
}

impl Queries {
    /// A mix of each kind: of one image, or of all of them together.
    pub(super) fn mixes<'i>(&self, sources: &[Source<'i>]) -> Vec<Mix<'i>> {
        let zones: Vec<Zone<'i>> = sources.iter().map(|source| source.image.base()).collect();
        if zones.is_empty() {
            return Vec::new();
        }
        let image = match sources {
            [source] => source.label(),
            several => format!("{} images", several.len()),
        };
        let all = [
            (self.v4.len(), Questions::Address(asked(&zones, &self.v4))),
            (self.v6.len(), Questions::Ipv6(asked(&zones, &self.v6))),
            (
                self.names.len(),
                Questions::Name(asked(&zones, &self.names)),
            ),
        ];
        let there = all.into_iter().filter(|(count, _)| *count > 0);
        let mix = |(_, questions)| Mix {
            asked: "queries",
            image: image.clone(),
            zone: "@".to_owned(),
            images: sources.iter().map(|source| source.image).collect(),
            questions,
        };
        there.map(mix).collect()
    }
}

fn asked<'i, K: Key>(zones: &[Zone<'i>], keys: &[K]) -> Asked<'i, K> {
    match zones {
        [zone] => Asked::One(Box::new(*zone), keys.to_vec()),
        several => Asked::All(several.to_vec(), keys.to_vec()),
    }
}
