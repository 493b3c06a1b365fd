//! `page.toml`: whose page it is, and what to say of each list.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use super::error::Error;
use super::words::LANGUAGES;

/// The whole file.
///
/// ```
/// use rblmap_report::page::{Config, Error, ImageForm};
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("page.toml");
/// let site = "[site]\nname = \"Ops\"\nurl = \"https://ops.example/\"\ncontact = \"me@ops.example\"\n";
/// std::fs::write(&path, format!("{site}[[zone]]\nname = \"ops.example\"\ntitle = \"Spam\"\n"))?;
/// let config = Config::read(&path)?;
/// let zone = &config.zones[0];
/// assert!(matches!(zone.image, ImageForm::Whole));
/// assert_eq!(zone.title.as_ref().map(|title| title.in_language("en")), Some("Spam"));
///
/// std::fs::write(&path, format!("{site}colour = 1\n"))?;
/// assert!(matches!(Config::read(&path), Err(Error::Config { line: 5, .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Whose page it is.
    pub site: SiteConfig,
    /// The lists, in the order in which they are shown.
    #[serde(rename = "zone")]
    pub zones: Vec<ZoneConfig>,
}

/// The table `[site]`.
///
/// See the example of [`Config`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteConfig {
    /// The name of the operator or provider.
    pub name: String,
    /// Where the operator's or provider's own site is.
    pub url: Spanned<String>,
    /// A mail address or a URL to write to.
    pub contact: Spanned<String>,
    /// The languages of the page, as codes such as `en`. The first one is that of `index.html`;
    /// each other one has a folder.
    #[serde(default = "english")]
    pub languages: Vec<Spanned<String>>,
}

/// A table `[[zone]]`. Only `name` is needed.
///
/// See the example of [`Config`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneConfig {
    /// The zone, such as `ops.example`.
    pub name: Spanned<String>,
    /// What people call the list; the zone's name if it is left out.
    pub title: Option<Text>,
    /// What is listed.
    pub lists: Option<Text>,
    /// Why it is listed.
    pub why: Option<Text>,
    /// How long entries stay.
    pub since: Option<Text>,
    /// Where to ask for removal. `%a` becomes the key and `%z` the zone.
    pub removal_url: Option<Spanned<String>>,
    /// Who removes entries.
    pub removal_by: Option<Text>,
    /// What is known about a key. `%a` becomes the key and `%z` the zone.
    pub evidence_url: Option<Spanned<String>>,
    /// The list's own page, where an ISP shows the lists of others.
    pub source_url: Option<Spanned<String>>,
    /// What the browser loads to look up.
    #[serde(default)]
    pub image: ImageForm,
}

/// What the browser loads to look up.
///
/// See the example of [`Config`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageForm {
    /// The image.
    #[default]
    Whole,
    /// A copy of the image that is packed with gzip, which the browser unpacks by itself: for large
    /// lists, and web servers that do not pack what they send.
    Snapshot,
    /// Nothing: the list cannot be looked up on the page.
    None,
}

/// A text of the operator: one for all languages, or one for each.
///
/// See the example of [`Config`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Text {
    /// One text for all languages.
    One(String),
    /// A text for each language, by its code.
    Each(BTreeMap<String, String>),
}

impl Text {
    /// The text in a language, or in whichever there is.
    pub fn in_language(&self, code: &str) -> &str {
        match self {
            Self::One(text) => text,
            Self::Each(texts) => texts
                .get(code)
                .or_else(|| texts.values().next())
                .map_or("", String::as_str),
        }
    }
}

impl Config {
    /// Reads `page.toml`.
    ///
    /// # Errors
    ///
    /// [`Error::Reading`] if there is no such file; [`Error::Config`] with the line for a key that
    /// is not known, a value of the wrong type, an unknown language, or a URL that is none.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|cause| Error::Reading {
            path: path.to_owned(),
            cause,
        })?;
        Self::parse(&text).map_err(|fault| Error::Config {
            path: path.to_owned(),
            line: line_at(&text, fault.at),
            what: fault.what,
        })
    }

    fn parse(text: &str) -> Result<Self, Fault> {
        let config: Self = toml::from_str(text).map_err(|error| Fault {
            at: error.span().map_or(0, |span| span.start),
            what: error.message().to_owned(),
        })?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), Fault> {
        for language in &self.site.languages {
            let known = LANGUAGES
                .iter()
                .any(|known| known.code == language.get_ref());
            let codes: Vec<&str> = LANGUAGES.iter().map(|known| known.code).collect();
            require(language, known, || {
                format!(
                    "there are no words in this language; there are {}",
                    codes.join(", ")
                )
            })?;
        }
        check_url(&self.site.url)?;
        if !self.site.contact.get_ref().contains('@') {
            check_url(&self.site.contact)?;
        }
        for (index, zone) in self.zones.iter().enumerate() {
            let name = zone.name.get_ref();
            require(
                &zone.name,
                name.parse::<rblmap_content::ZoneName>().is_ok(),
                || "a zone is named by letters, digits, - and dots".to_owned(),
            )?;
            let first = self
                .zones
                .iter()
                .position(|other| other.name.get_ref() == name);
            require(&zone.name, first == Some(index), || {
                format!("zone {name} is here twice")
            })?;
            for url in [&zone.removal_url, &zone.evidence_url, &zone.source_url] {
                url.as_ref().map_or(Ok(()), check_url)?;
            }
        }
        Ok(())
    }
}

/// What is wrong with the text, and at which byte.
struct Fault {
    at: usize,
    what: String,
}

fn english() -> Vec<Spanned<String>> {
    vec![Spanned::new(0..0, "en".to_owned())]
}

fn check_url(url: &Spanned<String>) -> Result<(), Fault> {
    let known = ["https://", "http://", "mailto:"];
    require(
        url,
        known.iter().any(|scheme| url.get_ref().starts_with(scheme)),
        || "a URL begins with https://, http:// or mailto:".to_owned(),
    )
}

fn require<T>(at: &Spanned<T>, holds: bool, what: impl FnOnce() -> String) -> Result<(), Fault> {
    if holds {
        return Ok(());
    }
    Err(Fault {
        at: at.span().start,
        what: what(),
    })
}

/// The line of a byte, from 1.
fn line_at(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|b| *b == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[site]\nname = \"Ops\"\nurl = \"https://ops.example/\"\ncontact = \"ops@ops.example\"\n\
                        languages = [\"en\", \"ar\"]\n[[zone]]\nname = \"ops.example\"\n";

    #[test]
    fn a_short_file_is_enough() {
        let config = Config::parse(GOOD).ok().unwrap();
        assert_eq!(config.zones[0].image, ImageForm::Whole);
        assert_eq!(config.site.languages.len(), 2);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (from, to, line, what) in [
            (
                "name = \"ops.example\"",
                "nmae = \"ops.example\"",
                7,
                "unknown field `nmae`",
            ),
            ("\"ar\"", "\"xx\"", 5, "no words in this language"),
            ("https://ops", "javascript:ops", 3, "a URL begins with"),
            ("\"ops.example\"\n", "\"../ops\"\n", 7, "named by letters"),
            ("name = \"Ops\"", "name = 5", 2, "expected a string"),
        ] {
            let text = GOOD.replacen(from, to, 1);
            let fault = Config::parse(&text)
                .err()
                .unwrap_or_else(|| panic!("{to} was taken"));
            assert!(fault.what.contains(what), "{to}: {}", fault.what);
            assert_eq!(line_at(&text, fault.at), line, "{to}");
        }
        let twice = format!("{GOOD}[[zone]]\nname = \"ops.example\"\n");
        assert!(Config::parse(&twice).err().unwrap().what.contains("twice"));
    }
}
