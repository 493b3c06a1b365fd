//! The second pass over the sources, for the TTLs of entries.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rblmap::NameKey;
use rblmap_content::{Draft, DraftZone};

use super::{Open, Work};
use crate::dataset::Taken;
use crate::error::Error;
use crate::resolve::attached::Attached;
use crate::resolve::unions::Unions;
use crate::spec::{Options, Spec};
use crate::ttls;

/// Sources of more entries are not read twice.
const MAX_ENTRIES: u64 = 4_000_000;

impl Work<'_> {
    /// Whether answers may have TTLs that are not their zone's, or MX records.
    pub(super) fn has_ttls(&self) -> bool {
        let mut ttls = self.attached.values().flatten().map(Attached::ttl);
        let first = ttls.next();
        self.has_own_ttls || ttls.any(|ttl| Some(ttl) != first)
    }

    /// Resolves the TTLs of entries, in a second pass over the sources.
    pub(super) fn put_ttls(
        &mut self,
        specs: &[Spec],
        open: Open<'_>,
        zones: &mut BTreeMap<NameKey, DraftZone>,
    ) -> Result<(), Error> {
        let all = "TTLs of entries are not kept: the shortest one of each zone holds for all";
        let is_file = |path: &PathBuf| path.metadata().is_ok_and(|file| file.is_file());
        let twice = specs.iter().flat_map(|spec| &spec.files).all(is_file);
        if self.options.mask.is_some() || !twice || self.counts.entries > MAX_ENTRIES {
            self.notes.push(all.into());
            return Ok(());
        }
        let options = Options {
            check: None,
            test_points: false,
            ..self.options.clone()
        };
        let mut draft = Draft::new(self.base.clone());
        let mut unions = Unions::new(&mut draft.values, options.limits.records);
        let mut work = Work::new(self.base.clone(), &options, Taken::Ttls);
        work.read_all(specs, open, &mut unions)?;
        for (name, zone) in work.unite(&mut unions)? {
            *draft.zone_mut(&name) = zone;
        }
        let second = draft.finish()?;
        for (name, zone) in zones {
            let rows = second.zone(name);
            let too_many = rows.and_then(|rows| ttls::put(zone, rows, second.values()));
            if let Some(rows) = too_many {
                self.notes
                    .push(format!("{all} (in one, {rows} runs and names have others)"));
            }
        }
        Ok(())
    }
}
