//! `feed.toml`: what a publisher says beside the listings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rblmap_history::Retention;
use serde::{Deserialize, Deserializer};

use crate::check::HOLDS_AT_MOST;
use crate::error::Error;
use crate::manifest::{TEXT_LIMIT, Texts};
use crate::pointer::Publisher;
use crate::time::DAY;
use crate::toml_file;

/// What a publisher says beside the listings.
///
/// ```toml
/// publisher = "ops"
/// poll = 300                        # seconds between looks
/// expires = "24h"                   # how long a pointer holds
/// history = "90d,1G"                # how long since when is kept; 0 for no history
/// critical = "brands.txt"           # names that must not be listed, nor names close to them
///
/// [zone."ops.example"]
/// title = "Open proxies"
/// url = "https://ops.example/why"
/// contact = "mailto:removal@ops.example"
/// notice = "Moves to feed.example on 1 March"
/// ```
///
/// ```
/// use rblmap_feed::FeedConfig;
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("feed.toml");
/// std::fs::write(&path, "poll = \"5m\"\n[zone.\"ops.example\"]\ntitle = \"Open proxies\"\n")?;
/// let config = FeedConfig::read(&path)?;
/// assert_eq!(config.poll, Some(300));
/// assert_eq!(config.zone["ops.example"].title.as_deref(), Some("Open proxies"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeedConfig {
    /// The name of the publisher; else that of the feed before, else the id of the first key.
    pub publisher: Option<Publisher>,
    /// How often mirrors should look, seconds.
    #[serde(deserialize_with = "poll")]
    pub poll: Option<u64>,
    /// How long a pointer holds, seconds; else as long as the one before, else a day.
    #[serde(deserialize_with = "expires")]
    pub expires: Option<u64>,
    /// How long the history of each zone is kept; none: as long as a mirror keeps it.
    #[serde(deserialize_with = "history")]
    pub history: Option<Retention>,
    /// A file of names, one a line, that must not be listed. New names that look like one of them are
    /// told. A relative path begins at the folder of the configuration.
    pub critical: Option<PathBuf>,
    /// Texts by zone.
    #[serde(deserialize_with = "zones")]
    pub zone: BTreeMap<String, Texts>,
}

impl FeedConfig {
    /// Reads a file.
    ///
    /// # Errors
    /// A file that cannot be read, is no TOML, or has fields that are not known or texts that are
    /// too long: each with its line.
    pub fn read(path: &Path) -> Result<FeedConfig, Error> {
        let mut config: FeedConfig = toml_file::read(path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        config.critical = config.critical.map(|file| folder.join(file));
        Ok(config)
    }
}

/// Seconds as `86400`, `90m`, `24h` or `7d`; none of those is no time.
///
/// ```
/// use rblmap_feed::seconds;
/// assert_eq!(["90", "15m", "7d"].map(seconds), [Some(90), Some(900), Some(604_800)]);
/// assert_eq!(seconds("soon"), None);
/// ```
pub fn seconds(text: &str) -> Option<u64> {
    let units = [("s", 1), ("m", 60), ("h", 3600), ("d", DAY)];
    let found = units
        .iter()
        .find_map(|(end, unit)| Some((text.strip_suffix(end)?, *unit)));
    let (number, unit) = found.unwrap_or((text, 1));
    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    let number = number.parse::<u64>().ok().filter(|_| digits)?;
    number.checked_mul(unit).filter(|&seconds| seconds > 0)
}

/// A time as a number of seconds or with a unit.
#[derive(Deserialize)]
#[serde(untagged)]
enum Time {
    Seconds(u64),
    Text(String),
}

fn time<'a, D: Deserializer<'a>>(from: D) -> Result<u64, D::Error> {
    let bad = || serde::de::Error::custom("not a time as 90, \"15m\", \"24h\" or \"7d\"");
    match Time::deserialize(from).map_err(|_| bad())? {
        Time::Seconds(0) => Err(bad()),
        Time::Seconds(number) => Ok(number),
        Time::Text(text) => seconds(&text).ok_or_else(bad),
    }
}

fn poll<'a, D: Deserializer<'a>>(from: D) -> Result<Option<u64>, D::Error> {
    let poll = time(from)?;
    match poll <= DAY {
        true => Ok(Some(poll)),
        false => Err(serde::de::Error::custom("poll: more than a day")),
    }
}

fn expires<'a, D: Deserializer<'a>>(from: D) -> Result<Option<u64>, D::Error> {
    let expires = time(from)?;
    match expires <= HOLDS_AT_MOST {
        true => Ok(Some(expires)),
        false => Err(serde::de::Error::custom(
            "expires: more than 30 days, which no mirror takes",
        )),
    }
}

fn history<'a, D: Deserializer<'a>>(from: D) -> Result<Option<Retention>, D::Error> {
    let bad =
        || serde::de::Error::custom("history: not an age and a size such as \"90d,1G\", nor 0");
    let text = match Time::deserialize(from).map_err(|_| bad())? {
        Time::Seconds(number) => number.to_string(),
        Time::Text(text) => text,
    };
    Retention::parse(&text).map(Some).ok_or_else(bad)
}

fn zones<'a, D: Deserializer<'a>>(from: D) -> Result<BTreeMap<String, Texts>, D::Error> {
    let zones = BTreeMap::<String, Texts>::deserialize(from)?;
    for (zone, texts) in &zones {
        if let Err(what) = texts.check() {
            let what = format!("zone {zone}: {what} (at most {TEXT_LIMIT} bytes)");
            return Err(serde::de::Error::custom(what));
        }
    }
    Ok(zones)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_file_is_read_and_slips_are_found_by_their_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("feed.toml");
        let whole = "publisher = \"ops\"\npoll = 300\nexpires = \"7d\"\nhistory = \"30d\"\n\
            critical = \"brands.txt\"\n\
            [zone.\"ops.example\"]\ntitle = \"T\"\nurl = \"https://x\"\n\
            contact = \"c\"\nnotice = \"n\"\n";
        std::fs::write(&path, whole).unwrap();
        let config = FeedConfig::read(&path).unwrap();
        assert_eq!((config.poll, config.expires), (Some(300), Some(7 * DAY)));
        assert_eq!(config.history.unwrap().seconds, 30 * DAY);
        assert_eq!(config.critical, Some(dir.path().join("brands.txt")));
        std::fs::write(&path, "history = 0").unwrap();
        assert!(!FeedConfig::read(&path).unwrap().history.unwrap().is_on());
        for (slip, line) in [
            ("history = 90", 1),
            ("poll = 300\npol = 1", 2),
            ("poll = 0", 1),
            ("\nexpires = \"31d\"", 2),
            ("expires = \"soon\"", 1),
            ("publisher = \"a b\"", 1),
            ("[zone.x]\ntitel = \"T\"", 2),
            ("=", 1),
        ] {
            std::fs::write(&path, slip).unwrap();
            let error = FeedConfig::read(&path).unwrap_err().to_string();
            assert!(
                error.contains(&format!("feed.toml:{line}: ")),
                "{slip}: {error}"
            );
        }
        let long = format!("[zone.x]\ntitle = \"{}\"", "x".repeat(600));
        std::fs::write(&path, long).unwrap();
        assert!(FeedConfig::read(&path).is_err());
    }
}
