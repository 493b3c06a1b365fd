//! Templates, scripts and style to files.

use std::collections::BTreeMap;

use base64::Engine as _;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, context};
use serde::Serialize;

use super::config::{Config, ImageForm, Text};
use super::error::Error;
use super::headers::CONTENT_SECURITY_POLICY;
use super::source::{Counts, Kind, Zone};
use super::words::{Language, Words};
use super::{Options, SiteFile};

const MODULE: &[u8] = include_bytes!("../../assets/reader.wasm");
const STYLE: &str = include_str!("templates/page.css");
const SCRIPT: &str = include_str!("templates/page.js");
const TEMPLATES: &[(&str, &str)] = &[
    ("ask.html", include_str!("templates/ask.html")),
    ("base.html", include_str!("templates/base.html")),
    ("index.html", include_str!("templates/index.html")),
    ("lookup.html", include_str!("templates/lookup.html")),
    ("parts.html", include_str!("templates/parts.html")),
    ("providers.html", include_str!("templates/providers.html")),
    ("zone.html", include_str!("templates/zone.html")),
];

/// What the script knows of a zone. `site.js` holds one of these for each.
#[derive(Serialize)]
struct ScriptZone<'a> {
    name: &'a str,
    title: &'a str,
    image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inlined: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since_inlined: Option<String>,
    removal_url: Option<&'a str>,
    evidence_url: Option<&'a str>,
}

#[derive(Serialize)]
struct ScriptSite<'a> {
    contact: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    module: Option<String>,
    zones: Vec<ScriptZone<'a>>,
}

/// One language of the site, and where its pages lie.
struct Edition {
    language: Language,
    words: Words,
    /// The folder of its pages below the site, with a `/`; empty for the first language.
    folder: String,
}

/// All files: module and images first, then scripts, then pages.
pub(super) fn files(
    config: &Config,
    zones: &[Zone<'_>],
    kind: Kind,
    options: Options,
) -> Result<Vec<SiteFile>, Error> {
    let mut files = Vec::new();
    let mut push = |path: String, bytes: Vec<u8>| files.push(SiteFile { path, bytes });
    if !options.inline {
        push("reader.wasm".into(), MODULE.to_vec());
        for zone in zones {
            if let Some(image) = &zone.image {
                push(loaded(zone, "rbl"), image.clone());
            }
            if let Some(since) = &zone.since {
                push(loaded(zone, "since"), since.clone());
            }
        }
    }
    let editions = editions(config);
    push("page.css".into(), STYLE.into());
    push("page.js".into(), SCRIPT.into());
    push(
        "site.js".into(),
        site_script(config, zones, &editions, options).into_bytes(),
    );
    for edition in &editions {
        let text = script_constant("TEXT", &edition.words.answer);
        push(format!("{}.js", edition.language.code), text.into_bytes());
    }
    let pages = Pages {
        config,
        zones,
        kind,
        editions: &editions,
        templates: templates()?,
    };
    for edition in &editions {
        for (path, text) in pages.of(edition)? {
            push(path, text.into_bytes());
        }
    }
    Ok(files)
}

/// The name of a file that the browser loads.
fn loaded(zone: &Zone<'_>, what: &str) -> String {
    let packed = match zone.config.image {
        ImageForm::Snapshot => ".gz",
        ImageForm::Whole | ImageForm::None => "",
    };
    format!("{}.{what}{packed}", zone.config.name.get_ref())
}

fn editions(config: &Config) -> Vec<Edition> {
    let languages = config.site.languages.iter();
    languages
        .filter_map(|code| Language::of(code.get_ref()))
        .enumerate()
        .map(|(index, language)| Edition {
            language,
            words: language.words(),
            folder: if index == 0 {
                String::new()
            } else {
                format!("{}/", language.code)
            },
        })
        .collect()
}

fn templates() -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    for (name, text) in TEMPLATES {
        environment.add_template(name, text)?;
    }
    Ok(environment)
}

fn site_script(
    config: &Config,
    zones: &[Zone<'_>],
    editions: &[Edition],
    options: Options,
) -> String {
    let first = editions
        .first()
        .map_or("en", |edition| edition.language.code);
    let inlined = |bytes: &[u8]| options.inline.then(|| base64(bytes));
    let zones = zones.iter().map(|zone| ScriptZone {
        name: zone.config.name.get_ref(),
        title: title(zone, first),
        image: zone.image.as_ref().map(|_| loaded(zone, "rbl")),
        inlined: zone.image.as_deref().and_then(inlined),
        since: zone.since.as_ref().map(|_| loaded(zone, "since")),
        since_inlined: zone.since.as_deref().and_then(inlined),
        removal_url: zone
            .config
            .removal_url
            .as_ref()
            .map(|url| url.get_ref().as_str()),
        evidence_url: zone
            .config
            .evidence_url
            .as_ref()
            .map(|url| url.get_ref().as_str()),
    });
    let site = ScriptSite {
        contact: config.site.contact.get_ref(),
        module: inlined(MODULE),
        zones: zones.collect(),
    };
    script_constant("SITE", &site)
}

fn script_constant(name: &str, value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).expect("strings and lists are always JSON");
    format!("\"use strict\";const {name}={json};\n")
}

fn title<'z>(zone: &Zone<'z>, language: &str) -> &'z str {
    let name = zone.config.name.get_ref();
    zone.config
        .title
        .as_ref()
        .map_or(name, |title| title.in_language(language))
}

/// What all pages are made from.
struct Pages<'a> {
    config: &'a Config,
    zones: &'a [Zone<'a>],
    kind: Kind,
    editions: &'a [Edition],
    templates: Environment<'static>,
}

impl Pages<'_> {
    fn of(&self, edition: &Edition) -> Result<Vec<(String, String)>, Error> {
        let mut pages = Vec::new();
        for name in ["lookup", "providers", "index"] {
            pages.push(self.page(edition, name, name, context! {})?);
        }
        for zone in self.zones {
            let name = zone.config.name.get_ref();
            let more = context! { zone => zone_values(zone, edition.language.code) };
            pages.insert(0, self.page(edition, "zone", name, more)?);
        }
        Ok(pages)
    }

    fn page(
        &self,
        edition: &Edition,
        template: &str,
        name: &str,
        more: Value,
    ) -> Result<(String, String), Error> {
        let site = &self.config.site;
        let words = &edition.words.page;
        let (lead, choice) = match self.kind {
            Kind::Operator => ("lead_operator", "choice"),
            Kind::Provider => ("lead_provider", "choice_provider"),
        };
        let filled = |key| {
            words
                .get(key)
                .map(|text| text.replace("{site}", &site.name))
        };
        let code = edition.language.code;
        let contact = site.contact.get_ref();
        let is_url = ["https:", "http:", "mailto:"]
            .iter()
            .any(|scheme| contact.starts_with(scheme));
        let zones = self.zones.iter().map(
            |zone| context! { name => zone.config.name.get_ref(), title => title(zone, code) },
        );
        let values = context! {
            lang => code,
            m => words.clone(),
            page => name,
            here => "",
            root => if edition.folder.is_empty() { "" } else { "../" },
            csp => CONTENT_SECURITY_POLICY,
            site => context! { name => site.name.clone(), url => site.url.get_ref(), contact },
            contact_href => if is_url { contact.clone() } else { format!("mailto:{contact}") },
            lead => filled(lead),
            choice => filled(choice),
            zones => zones.collect::<Vec<Value>>(),
            others => self.others(edition, name),
            ..more
        };
        let text = self
            .templates
            .get_template(&format!("{template}.html"))?
            .render(values)?;
        Ok((format!("{}{name}.html", edition.folder), text))
    }

    /// The links to the same page in the other languages.
    fn others(&self, edition: &Edition, page: &str) -> Vec<Value> {
        let up = if edition.folder.is_empty() { "" } else { "../" };
        self.editions
            .iter()
            .filter(|other| other.language != edition.language)
            .map(|other| {
                let words = &other.words.page;
                context! {
                    code => other.language.code,
                    name => words.get("language").cloned(),
                    direction => words.get("direction").cloned(),
                    href => format!("{up}{}{page}.html", other.folder),
                }
            })
            .collect()
    }
}

fn zone_values(zone: &Zone<'_>, code: &str) -> BTreeMap<&'static str, Value> {
    let config = zone.config;
    let text = |text: &Option<Text>| Value::from(text.as_ref().map_or("", |t| t.in_language(code)));
    let url = |url: &Option<toml::Spanned<String>>| url.as_ref().map(|url| url.get_ref().clone());
    let without_key = |url: String| url.replace("%a", "").replace("%z", config.name.get_ref());
    BTreeMap::from([
        ("name", Value::from(config.name.get_ref().clone())),
        ("title", Value::from(title(zone, code))),
        ("lists", text(&config.lists)),
        ("why", text(&config.why)),
        ("since", text(&config.since)),
        ("removal_by", text(&config.removal_by)),
        (
            "removal_page",
            Value::from(url(&config.removal_url).map(without_key)),
        ),
        ("source_url", Value::from(url(&config.source_url))),
        ("retired", Value::from(zone.retired)),
        // An image that was built by hand has neither.
        (
            "serial",
            Value::from((zone.serial > 0).then_some(zone.serial)),
        ),
        ("made", Value::from(made(zone.created))),
        ("size", Value::from(size(zone.counts))),
    ])
}

/// How much is listed, without words that would need a language.
fn size(counts: Counts) -> String {
    let parts = [
        (counts.v4, "IPv4"),
        (counts.v6 as u64, "IPv6"),
        (counts.names as u64, "DNS"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if parts.is_empty() {
        "0".to_owned()
    } else {
        parts.join(" · ")
    }
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A time as people write it, in UTC, if it is known.
fn made(seconds: u64) -> Option<String> {
    let time = i64::try_from(seconds).ok().filter(|seconds| *seconds > 0);
    let time = time.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map(|time| time.strftime("%Y-%m-%d %H:%M UTC").to_string())
}
