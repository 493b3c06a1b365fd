//! `feed.toml`: what a publisher says beside the listings.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::error::Error;
use crate::folder::read_limited;
use crate::manifest::Texts;
use crate::pointer::Publisher;

/// What a publisher says beside the listings.
///
/// ```toml
/// publisher = "ops"
/// poll = 300                        # seconds between looks
///
/// [zone."ops.example"]
/// title = "Open proxies"
/// url = "https://ops.example/why"
/// contact = "mailto:removal@ops.example"
/// ```
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeedConfig {
    /// The name of the publisher; else that of the manifest before, else the id of the first key.
    pub publisher: Option<Publisher>,
    /// How often mirrors should look, seconds.
    pub poll: Option<u64>,
    /// Texts by zone.
    pub zone: BTreeMap<String, Texts>,
}

const CONFIG_LIMIT: u64 = 1 << 20;
/// What a title, a URL or another text may take, bytes: a manifest has 4 KB in all.
const TEXT_LIMIT: usize = 300;

impl FeedConfig {
    /// Reads a file.
    ///
    /// # Errors
    /// A file that cannot be read, is no TOML, or has fields that are not known or texts that are
    /// too long.
    pub fn read(path: &Path) -> Result<FeedConfig, Error> {
        let bad = |what: String| Error::Config {
            path: path.to_owned(),
            what,
        };
        let text = String::from_utf8(read_limited(path, CONFIG_LIMIT)?);
        let text = text.map_err(|error| bad(error.to_string()))?;
        let config: FeedConfig = toml::from_str(&text).map_err(|error| bad(error.to_string()))?;
        if config.poll == Some(0) {
            return Err(bad("poll must be at least one second".to_owned()));
        }
        for (zone, texts) in &config.zone {
            let all = [&texts.title, &texts.url, &texts.contact, &texts.notice];
            if all
                .into_iter()
                .flatten()
                .any(|text| text.len() > TEXT_LIMIT)
            {
                return Err(bad(format!(
                    "zone {zone}: a text of more than {TEXT_LIMIT} bytes"
                )));
            }
        }
        Ok(config)
    }
}
