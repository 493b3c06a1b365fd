//! How a mirror's folder is: what monitoring asks.

use std::collections::BTreeMap;

use rblmap::StatusPage;
use rblmap_content::{ContentId, ZoneName};

use crate::error::Error;
use crate::folder::{Folder, map_image};
use crate::mirror::{Record, records};
use crate::state::{self, State};
use crate::status_page;

/// How bad it is, in the numbers of Nagios.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// All is well.
    Ok = 0,
    /// Somebody should look; answers are good.
    Warning = 1,
    /// Answers are old, or there are none.
    Critical = 2,
    /// There is nothing to tell.
    Unknown = 3,
}

/// A folder.
#[derive(Debug, Clone)]
pub struct Health {
    /// Its zones, by name.
    pub zones: Vec<ZoneHealth>,
    /// Its sources, by name.
    pub sources: BTreeMap<String, Record>,
}

/// A zone of a folder.
#[derive(Debug, Clone)]
pub struct ZoneHealth {
    /// The zone.
    pub zone: ZoneName,
    /// How bad it is.
    pub level: Level,
    /// Why, one reason each.
    pub reasons: Vec<String>,
    /// The image that runs.
    pub image: Option<ImageHealth>,
    /// What the page says.
    pub page: StatusPage,
    /// What the mirror remembers.
    pub state: State,
}

/// An image that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageHealth {
    /// Its serial.
    pub serial: u64,
    /// When its content was made, seconds since 1970.
    pub created: u64,
    /// Its content.
    pub content: String,
    /// Its length, bytes.
    pub bytes: u64,
}

/// A zone that was not looked at for so many poll intervals has no mirror that runs.
const MISSED: u64 = 3;
/// But this long a mirror may be late, whatever the interval: timers and restarts, seconds.
const LATE: u64 = 900;

impl Health {
    /// Looks at a folder; takes no lock and writes nothing.
    ///
    /// # Errors
    /// A folder that cannot be read; a state that is damaged.
    pub fn of(folder: &Folder, now: u64) -> Result<Health, Error> {
        let zones = folder
            .zones()?
            .into_iter()
            .map(|zone| ZoneHealth::of(folder, zone, now));
        Ok(Health {
            zones: zones.collect::<Result<_, _>>()?,
            sources: records(folder)?,
        })
    }

    /// The worst of all zones; unknown where there is none.
    pub fn level(&self) -> Level {
        let worst = self.zones.iter().map(|zone| zone.level).max();
        worst.unwrap_or(Level::Unknown)
    }
}

impl ZoneHealth {
    fn of(folder: &Folder, zone: ZoneName, now: u64) -> Result<ZoneHealth, Error> {
        let state: State = state::read(&folder.state(&zone))?.unwrap_or_default();
        let page = status_page::read(&folder.status(&zone))?.unwrap_or_default();
        let image = map_image(&folder.image(&zone));
        let mut health = ZoneHealth {
            zone,
            level: Level::Ok,
            reasons: Vec::new(),
            image: image.as_ref().ok().map(|image| ImageHealth {
                serial: image.serial(),
                created: image.created(),
                content: ContentId::from_bytes(image.content_id()).to_string(),
                bytes: image.as_bytes().len() as u64,
            }),
            page,
            state,
        };
        if let Err(error) = image {
            health.add(Level::Critical, format!("no image: {error}"));
        }
        health.judge(now);
        Ok(health)
    }

    fn judge(&mut self, now: u64) {
        let page = self.page;
        if page.expired_from != 0 && now >= page.expired_from {
            let ago = now - page.stale_from;
            self.add(
                Level::Critical,
                format!("expired: no word of the publisher for {ago} s"),
            );
        } else if page.stale_from != 0 && now >= page.stale_from {
            let ago = now - page.stale_from;
            self.add(
                Level::Critical,
                format!("stale: its last pointer ran out {ago} s ago"),
            );
        }
        let poll = self.state.seen.as_ref().map_or(0, |seen| seen.poll);
        let late = now.saturating_sub(page.checked);
        if late > poll.saturating_mul(MISSED).saturating_add(LATE) {
            self.add(Level::Warning, format!("not checked for {late} s"));
        }
        if let Some(refused) = &self.state.refused {
            let (id, why) = (refused.content.0.short(), refused.why.clone());
            self.add(Level::Warning, format!("update {id} refused: {why}"));
        }
        if self.state.held.is_some() {
            self.add(Level::Warning, "held by a rollback".to_owned());
        }
        let retired = self
            .state
            .seen
            .as_ref()
            .and_then(|seen| seen.retired.clone());
        if let Some(retired) = retired {
            self.add(
                Level::Warning,
                format!("given up by its publisher, see {}", retired.url),
            );
        }
    }

    fn add(&mut self, level: Level, reason: String) {
        self.level = self.level.max(level);
        self.reasons.push(reason);
    }
}
