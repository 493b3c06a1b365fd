//! The page that a bounce points to, as a site of plain files.
//!
//! [`build`] reads what a feed or a mirror's folder holds, fills the templates in each language, and
//! returns the files; [`Site::write`] puts them into a folder. The site looks keys up inside the
//! browser, by the reader compiled to WebAssembly (`crates/wasm`), over whole images that are copied
//! into the site. A key never reaches the server.
//!
//! | file | subject |
//! |---|---|
//! | `config.rs` | `page.toml` |
//! | `source.rs` | the images of a feed or of a mirror's folder |
//! | `since.rs` | since when what is listed is listed, from a history |
//! | `words.rs` | the messages in each language |
//! | `render.rs` | templates, scripts and style to files |
//! | `headers.rs` | what a web server should send with them |

mod config;
mod error;
mod headers;
mod render;
mod since;
mod source;
mod words;

use std::path::Path;

pub use config::{Config, ImageForm, SiteConfig, Text, ZoneConfig};
pub use error::Error;
pub use headers::{CONTENT_SECURITY_POLICY, WebServer};
pub use words::LANGUAGES;

/// The files of a site, in memory.
///
/// See the example of [`build`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    files: Vec<SiteFile>,
}

/// One file of a site.
///
/// See the example of [`build`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteFile {
    /// The path below the site's folder, with `/` between names.
    pub path: String,
    /// What the file holds.
    pub bytes: Vec<u8>,
}

/// How to build a site.
///
/// See the example of [`build`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Put module and images into a script, so that the pages also look up when they are opened as
    /// local files (`file://`), where a browser loads nothing.
    pub inline: bool,
}

/// Builds the site of the feed or mirror's folder `source`.
///
/// ```
/// use rblmap_report::page::{Config, Options, build};
/// # let dir = tempfile::tempdir()?;
/// # let (dir, path) = (dir.path(), dir.path().join("page.toml"));
/// # let site = "[site]\nname = \"Ops\"\nurl = \"https://ops.example/\"\ncontact = \"me@ops.example\"\n";
/// # std::fs::write(&path, format!("{site}[[zone]]\nname = \"ops.example\"\n"))?;
/// # std::fs::copy("testdata/three.rbl", dir.join("ops.example.rbl"))?;
/// let config = Config::read(&path)?;
/// let site = build(dir, &config, Options { inline: true })?;
/// assert!(site.files().iter().any(|file| file.path == "index.html" && !file.bytes.is_empty()));
/// site.write(&dir.join("public"))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// A zone of the configuration that `source` does not hold, or an image that cannot be read.
pub fn build(source: &Path, config: &Config, options: Options) -> Result<Site, Error> {
    let zones = config
        .zones
        .iter()
        .map(|zone| source::zone(source, zone))
        .collect::<Result<Vec<_>, Error>>()?;
    let kind = source::kind(source);
    Ok(Site {
        files: render::files(config, &zones, kind, options)?,
    })
}

impl Site {
    /// The files, in the order in which they are written: what others refer to comes first.
    pub fn files(&self) -> &[SiteFile] {
        &self.files
    }

    /// Writes the files below `folder`, each by rename, so that a visitor never meets half a file.
    /// Files that are there and not of this site stay.
    ///
    /// # Errors
    ///
    /// A folder or file that cannot be written; [`Error::Writing`] names it.
    pub fn write(&self, folder: &Path) -> Result<(), Error> {
        for file in &self.files {
            let path = folder.join(&file.path);
            let writing = |cause| Error::Writing {
                path: path.clone(),
                cause,
            };
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(writing)?;
            }
            rblmap_image::place(&path, &file.bytes).map_err(writing)?;
        }
        Ok(())
    }
}
