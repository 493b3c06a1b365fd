//! The configuration file of a mirror: what is refused, and what is run after an update.

use std::path::Path;

use serde::Deserialize;

use crate::error::Error;
use crate::folder::read_limited;
use crate::guard::Guards;

/// What `mirror --config` reads.
///
/// ```toml
/// hook = ["/usr/local/bin/tell", "--quietly"]   # program and arguments, no shell
/// hook_limit = 60                               # seconds
///
/// [guards]
/// grow = 0.5                                    # a day, in parts of what there is
/// shrink = 0.5
/// never = ["192.0.2.0/24", "2001:db8::/48"]     # our own mail servers
/// ```
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MirrorConfig {
    /// What is refused.
    pub guards: Guards,
    /// Program and arguments that are run after an update, a refusal, or the end of a zone.
    pub hook: Vec<String>,
    /// How long it may take, seconds; 0 for a minute.
    pub hook_limit: u64,
}

const LIMIT: u64 = 1 << 20;

impl MirrorConfig {
    /// Reads a file.
    ///
    /// # Errors
    /// A file that cannot be read, is no TOML, or has fields that are not known.
    pub fn read(path: &Path) -> Result<MirrorConfig, Error> {
        let bad = |what: String| Error::Config {
            path: path.to_owned(),
            what: what.trim_end().to_owned(),
        };
        let text = String::from_utf8(read_limited(path, LIMIT)?);
        let text = text.map_err(|error| bad(error.to_string()))?;
        toml::from_str(&text).map_err(|error| bad(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_and_slips_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mirror.toml");
        std::fs::write(&path, "[guards]\ngrow = 1.0\nnever = [\"192.0.2.0/24\"]\n").unwrap();
        let config = MirrorConfig::read(&path).unwrap();
        assert_eq!((config.guards.grow, config.guards.shrink), (1.0, 0.5));
        for slip in [
            "[guards]\nnever = [\"192.0.2.1/24\"]",
            "[guard]",
            "hook = \"x\"",
            "=",
        ] {
            std::fs::write(&path, slip).unwrap();
            assert!(MirrorConfig::read(&path).is_err(), "{slip}");
        }
    }
}
