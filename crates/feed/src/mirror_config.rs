//! The configuration file of a mirror: what is refused, and what is run after an update.

use std::path::Path;

use serde::Deserialize;

use crate::error::Error;
use crate::guard::Guards;
use crate::toml_file;

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
///
/// ```
/// use rblmap_feed::{MirrorConfig, Network};
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("mirror.toml");
/// std::fs::write(&path, "hook = [\"/bin/true\"]\n[guards]\nnever = [\"192.0.2.0/24\"]\n")?;
/// let config = MirrorConfig::read(&path)?;
/// assert_eq!(config.guards.never, [Network::parse("192.0.2.0/24").unwrap()]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
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

impl MirrorConfig {
    /// Reads a file.
    ///
    /// # Errors
    /// A file that cannot be read, is no TOML, or has fields that are not known.
    pub fn read(path: &Path) -> Result<MirrorConfig, Error> {
        toml_file::read(path)
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
        std::fs::write(&path, "hook = []\n\nhooks = []\n").unwrap();
        let error = MirrorConfig::read(&path).unwrap_err().to_string();
        assert!(error.contains("mirror.toml:3: "), "{error}");
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
