//! The messages of the page in each language.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A language in which there are words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Language {
    /// Its code in BCP 47.
    pub code: &'static str,
    messages: &'static str,
}

/// All languages in which there are words.
pub const LANGUAGES: &[Language] = &[
    Language {
        code: "en",
        messages: include_str!("messages/en.toml"),
    },
    Language {
        code: "de",
        messages: include_str!("messages/de.toml"),
    },
    Language {
        code: "fr",
        messages: include_str!("messages/fr.toml"),
    },
    Language {
        code: "es",
        messages: include_str!("messages/es.toml"),
    },
    Language {
        code: "ar",
        messages: include_str!("messages/ar.toml"),
    },
];

/// The messages of one language, by key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Words {
    /// What the script says after a question.
    pub(super) answer: BTreeMap<String, String>,
    /// What stands on the pages.
    #[serde(flatten)]
    pub(super) page: BTreeMap<String, String>,
}

impl Language {
    /// The language of a code.
    pub(super) fn of(code: &str) -> Option<Self> {
        LANGUAGES
            .iter()
            .copied()
            .find(|language| language.code == code)
    }

    /// The messages.
    pub(super) fn words(self) -> Words {
        toml::from_str(self.messages).expect("a test reads the messages of every language")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn all_languages_have_the_same_keys_and_places() {
        let english = Language::of("en").unwrap().words();
        for language in LANGUAGES {
            let words = language.words();
            for (mine, theirs) in [
                (&english.page, &words.page),
                (&english.answer, &words.answer),
            ] {
                let keys = |map: &BTreeMap<String, String>| map.keys().cloned().collect::<Vec<_>>();
                assert_eq!(keys(mine), keys(theirs), "{}", language.code);
                for (key, text) in theirs {
                    assert!(!text.trim().is_empty(), "{} {key}", language.code);
                    assert_eq!(places(&mine[key]), places(text), "{} {key}", language.code);
                }
            }
        }
    }

    #[test]
    fn one_language_is_written_from_the_right() {
        let directions: BTreeSet<String> = LANGUAGES
            .iter()
            .map(|language| language.words().page["direction"].clone())
            .collect();
        assert_eq!(
            directions,
            BTreeSet::from(["ltr".to_owned(), "rtl".to_owned()])
        );
    }

    /// Without marks around it, 2001:db8::1 was shown as db8::1:2001 among Arabic words.
    #[test]
    fn an_address_among_words_from_the_right_keeps_its_order() {
        let marks = |c: char| ('\u{2066}'..='\u{2069}').contains(&c);
        for language in LANGUAGES {
            let words = language.words();
            if words.page["direction"] != "rtl" {
                continue;
            }
            let said = words.page.iter().chain(&words.answer);
            for (key, text) in said.filter(|(key, _)| !key.starts_with("report_")) {
                for part in [
                    "2001:db8::1",
                    "192.0.2.1",
                    "{key}",
                    "{since}",
                    "{made}",
                    "@isp.example",
                ] {
                    for (at, _) in text.match_indices(part) {
                        let (before, after) = (&text[..at], &text[at + part.len()..]);
                        let before = before.trim_end_matches(|c: char| c.is_ascii_alphabetic());
                        let kept = before.ends_with(marks) && after.starts_with(marks);
                        assert!(kept, "{} {key}: {part}", language.code);
                    }
                }
            }
        }
    }

    /// The names in braces.
    fn places(text: &str) -> BTreeSet<&str> {
        text.split('{')
            .skip(1)
            .filter_map(|rest| Some(rest.split_once('}')?.0))
            .collect()
    }
}
