//! The text that a refused client is told: one line of SMTP, whatever is put into it.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use crate::mode::Look;

/// The longest reply, without CRLF: 512 octets with it (RFC 5321 section 4.5.3.1.5).
pub(crate) const MAX_REPLY: usize = 510;

/// A reply with places for what is known of a listing:
///
/// | | |
/// |---|---|
/// | `%a` | the client's address |
/// | `%k` | what is listed: the address or a name |
/// | `%z` | the zone |
/// | `%c` | the A record |
/// | `%t` | the zone's text |
/// | `%u` | the zone's URL |
/// | `%h` | this host |
/// | `%s` | since when it is listed: a date, or nothing where that is not known |
/// | `%%` | a percent sign |
///
/// What stands in a URL is escaped for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReplyTemplate {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A place, and whether it stands in a URL.
    Place(char, bool),
}

/// What is put into a reply.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listing<'a> {
    pub(crate) client: Option<IpAddr>,
    pub(crate) key: &'a str,
    pub(crate) zone: &'a str,
    pub(crate) code: Ipv4Addr,
    pub(crate) text: &'a str,
    pub(crate) url: Option<&'a ReplyTemplate>,
    pub(crate) host: &'a str,
    pub(crate) since: &'a str,
}

/// The first digit of a reply: what the decision is, whatever the template says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    Permanent,
    Transient,
}

impl ReplyTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// The place that is not known, in words.
    pub(crate) fn parse(text: &str) -> Result<ReplyTemplate, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut word = String::new();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            if letter != '%' {
                if letter.is_whitespace() {
                    word.clear()
                } else {
                    word.push(letter)
                }
                literal.push(letter);
                continue;
            }
            match letters.next() {
                Some('%') => literal.push('%'),
                Some(place) if PLACES.contains(place) => {
                    parts.push(Part::Text(std::mem::take(&mut literal)));
                    parts.push(Part::Place(place, word.contains("://")));
                }
                Some(other) => {
                    return Err(format!("%{other} is not known: %a %k %z %c %t %u %h %s %%"));
                }
                None => return Err("% at the end: write %% for a percent sign".to_owned()),
            }
        }
        parts.push(Part::Text(literal));
        Ok(ReplyTemplate { parts })
    }

    /// The reply that is built in, for what was looked up.
    pub(crate) fn built_in(look: Look) -> ReplyTemplate {
        let what = match look {
            Look::Client => "client [%a]",
            Look::Helo => "HELO name [%k]",
            Look::Sender => "sender domain [%k]",
            Look::Rdns => "client name [%k]",
        };
        let text = format!("550 5.7.1 Service unavailable; {what} is listed in %z: %t");
        // Every place of the text above is known.
        ReplyTemplate::parse(&text).unwrap_or(ReplyTemplate { parts: Vec::new() })
    }

    /// One line of a reply with its code, at most [`MAX_REPLY`] bytes of printable ASCII.
    pub(crate) fn render(&self, listing: &Listing<'_>, severity: Severity) -> String {
        with_code(&self.expand(listing), severity)
    }

    /// Whether it says since when.
    pub(crate) fn tells_since(&self) -> bool {
        self.parts
            .iter()
            .any(|part| matches!(part, Part::Place('s', _)))
    }

    fn expand(&self, listing: &Listing<'_>) -> String {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Place(place, in_url) => {
                    let value = listing.value(*place);
                    if *in_url {
                        escape(&value, &mut out)
                    } else {
                        out.push_str(&value)
                    }
                }
            }
        }
        clean(&out)
    }
}

const PLACES: &str = "akzctuhs";

impl Listing<'_> {
    fn value(&self, place: char) -> String {
        match place {
            'a' => self
                .client
                .map(|client| client.to_string())
                .unwrap_or_default(),
            'k' => self.key.to_owned(),
            'z' => self.zone.to_owned(),
            'c' => self.code.to_string(),
            't' => self.text.to_owned(),
            'h' => self.host.to_owned(),
            'u' => {
                let bare = Listing { url: None, ..*self };
                self.url.map(|url| url.expand(&bare)).unwrap_or_default()
            }
            // The only place that is left is `s`.
            _ => self.since.to_owned(),
        }
    }
}

/// The line that clients hear while a zone has no opinion and the policy is closed.
pub(crate) fn trouble_reply() -> String {
    "451 4.3.0 Service temporarily unavailable; please try again later".to_owned()
}

/// A text as it may stand in a reply or a header: printable ASCII on one line. White space and
/// control bytes become blanks, other bytes `?`.
pub(crate) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            ' '..='~' => out.push(letter),
            _ if letter.is_whitespace() || letter.is_control() => out.push(' '),
            _ => out.push('?'),
        }
    }
    // An empty text at the end leaves the colon before it.
    out.trim().trim_end_matches([' ', ':', ';', ',']).to_owned()
}

/// Escapes for a URL (RFC 3986 section 2.3).
fn escape(value: &str, out: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// A clean text with the reply code and enhanced status code of the decision: those of the text
/// with their first digit changed, or the built-in ones.
fn with_code(text: &str, severity: Severity) -> String {
    let digit = match severity {
        Severity::Permanent => '5',
        Severity::Transient => '4',
    };
    let (code, rest) = match text.split_once(' ') {
        Some((code, rest)) if is_code(code) => (code, rest),
        None if is_code(text) => (text, ""),
        Some(_) | None => ("550", text),
    };
    let (status, rest) = match rest.split_once(' ') {
        Some((status, rest)) if is_status(status) => (status, rest),
        None if is_status(rest) => (rest, ""),
        Some(_) | None => ("5.7.1", rest),
    };
    let tail = |code: &str| code.get(1..).unwrap_or_default().to_owned();
    let rest = if rest.is_empty() {
        "Service unavailable"
    } else {
        rest
    };
    let mut line = format!("{digit}{} {digit}{} {rest}", tail(code), tail(status));
    line.truncate(MAX_REPLY);
    line.truncate(line.trim_end().len());
    line
}

/// `550`: a reply code that refuses.
fn is_code(text: &str) -> bool {
    let bytes = text.as_bytes();
    matches!(bytes, [b'4' | b'5', b'0'..=b'5', b'0'..=b'9'])
}

/// `5.7.1`: an enhanced status code that refuses (RFC 3463).
fn is_status(text: &str) -> bool {
    let mut parts = text.split('.');
    let number = |part: Option<&str>| {
        part.is_some_and(|p| (1..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()))
    };
    matches!(parts.next(), Some("4" | "5"))
        && number(parts.next())
        && number(parts.next())
        && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(text: &str) -> Listing<'_> {
        Listing {
            client: Some("2001:db8::1".parse().unwrap()),
            key: "2001:db8::1",
            zone: "ops.example",
            code: Ipv4Addr::new(127, 0, 0, 2),
            text,
            url: None,
            host: "mx.example.net",
            since: "",
        }
    }

    fn rendered(template: &str, text: &str) -> String {
        let template = ReplyTemplate::parse(template).unwrap();
        template.render(&listing(text), Severity::Permanent)
    }

    #[test]
    fn places_are_filled_and_urls_escaped() {
        let reply = rendered(
            "554 5.7.1 %a %z %c %t %h %s100%%; see https://x.example/?a=%a&t=%t",
            "a b",
        );
        assert_eq!(
            reply,
            "554 5.7.1 2001:db8::1 ops.example 127.0.0.2 a b mx.example.net 100%; \
            see https://x.example/?a=2001%3Adb8%3A%3A1&t=a%20b"
        );
    }

    #[test]
    fn since_when_is_a_date_or_nothing() {
        let template = "550 5.7.1 listed since %s; see https://x.example/?s=%s";
        assert_eq!(
            rendered(template, ""),
            "550 5.7.1 listed since ; see https://x.example/?s="
        );
        let template = ReplyTemplate::parse(template).unwrap();
        assert!(template.tells_since() && !ReplyTemplate::built_in(Look::Client).tells_since());
        let known = Listing {
            since: "before 2026-11-28",
            ..listing("")
        };
        assert_eq!(
            template.render(&known, Severity::Permanent),
            "550 5.7.1 listed since before 2026-11-28; see https://x.example/?s=before%202026-11-28"
        );
    }

    #[test]
    fn the_first_digit_follows_the_decision() {
        let template = ReplyTemplate::parse("550 5.7.1 no").unwrap();
        assert_eq!(
            template.render(&listing(""), Severity::Transient),
            "450 4.7.1 no"
        );
        for (template, reply) in [
            ("450 4.7.1 later", "550 5.7.1 later"),
            ("554 no", "554 5.7.1 no"),
            ("no", "550 5.7.1 no"),
            ("", "550 5.7.1 Service unavailable"),
            ("250 ok", "550 5.7.1 250 ok"),
            ("%t", "550 5.7.1 Service unavailable"),
            ("550", "550 5.7.1 Service unavailable"),
            ("550 5.7.1", "550 5.7.1 Service unavailable"),
            ("5.7.1 x", "550 5.7.1 x"),
        ] {
            assert_eq!(rendered(template, ""), reply, "{template}");
        }
    }

    #[test]
    fn a_text_cannot_break_out_of_the_line() {
        let reply = rendered("550 5.7.1 %t", "a\r\n250 ok\0\u{1b}[2J\u{e4}\u{2028}");
        assert_eq!(reply, "550 5.7.1 a  250 ok  [2J?");
        let long = rendered("550 5.7.1 %t", &"x".repeat(5000));
        assert_eq!(long.len(), MAX_REPLY);
    }

    #[test]
    fn an_empty_text_leaves_no_colon() {
        let template = ReplyTemplate::built_in(Look::Client);
        let reply = template.render(&listing(""), Severity::Permanent);
        assert_eq!(
            reply,
            "550 5.7.1 Service unavailable; client [2001:db8::1] is listed in ops.example"
        );
    }

    #[test]
    fn unknown_places_are_refused() {
        assert!(ReplyTemplate::parse("%x").is_err());
        assert!(ReplyTemplate::parse("100%").is_err());
    }
}
