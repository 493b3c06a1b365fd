//! One line of `key=value` words for each decision.

use std::fmt::Write as _;

use crate::decide::Decision;
use crate::policy::Policy;
use crate::request::Request;

/// The line of a decision, without its end: `decision adapter=policy action=reject
/// client=192.0.2.1 ...`. Values with blanks or quotes are quoted; empty ones are left out. What
/// clients said is cut at 256 bytes.
///
/// ```
/// # use std::path::Path;
/// # use std::sync::Arc;
/// use rblmap_policy::{Decider, Policy, Request, log_line};
/// # let text = "[[zone]]\nname = \"ops.example\"\nfrom = \"testdata/three.rbl\"\n";
/// # let policy = Arc::new(Policy::parse(text, Path::new("mail.toml"), "mx")?);
/// # policy.look();
/// let mut request = Request::of_client("192.0.2.1");
/// request.helo = "not a name";
/// let decision = Decider::new(&policy).decide(&request, 1_700_000_000);
/// let line = log_line("query", &policy, &request, &decision);
/// assert!(line.starts_with("event=decision adapter=query action=log client=192.0.2.1 "), "{line}");
/// assert!(line.contains(" helo=\"not a name\" "));
/// # Ok::<(), rblmap_policy::Error>(())
/// ```
pub fn log_line(
    adapter: &str,
    policy: &Policy,
    request: &Request<'_>,
    decision: &Decision,
) -> String {
    // Formatting takes more instructions than the decision: words are appended as they are.
    let mut line = String::with_capacity(LINE_LEN);
    line.push_str("event=decision adapter=");
    line.push_str(adapter);
    line.push_str(" action=");
    line.push_str(decision.action.word());
    if let Some(client) = request.client {
        // Writing to a string cannot fail.
        let _ = write!(line, " client={client}");
    }
    for (key, value) in [
        ("helo", request.helo),
        ("sender", crate::recipients::bare(request.sender)),
        ("recipient", crate::recipients::bare(request.recipient)),
        ("rdns", request.rdns),
    ] {
        pair(&mut line, key, value);
    }
    if !decision.hits.is_empty() {
        let zones: Vec<&str> = decision
            .hits
            .iter()
            .map(|hit| policy.zone_name(hit.zone))
            .collect();
        pair(&mut line, "zones", &zones.join(","));
        let codes: Vec<String> = decision
            .hits
            .iter()
            .map(|hit| hit.code.to_string())
            .collect();
        pair(&mut line, "codes", &codes.join(","));
        pair(&mut line, "score", &decision.score.to_string());
    }
    if !decision.hits.is_empty() || !decision.troubles.is_empty() {
        pair(&mut line, "terms", &decision.terms(policy));
    }
    pair(&mut line, "reply", &decision.reply);
    line
}

/// Room for most lines.
const LINE_LEN: usize = 768;
/// The longest value of a line, in bytes.
const MAX_VALUE: usize = 1024;
const MAX_SAID: usize = 256;

/// Whether a byte needs no quotes: a printable one, but `"`, `=` and `\`.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b'<' | b'>'..=b'[' | b']'..=b'~')
}

fn pair(line: &mut String, key: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    let limit = if matches!(key, "terms" | "reply" | "zones" | "codes") {
        MAX_VALUE
    } else {
        MAX_SAID
    };
    line.push(' ');
    line.push_str(key);
    line.push('=');
    if value.len() <= limit && value.bytes().all(is_plain) {
        line.push_str(value);
        return;
    }
    line.push('"');
    let start = line.len();
    for letter in value.chars() {
        if line.len() - start > limit {
            line.push_str("...");
            break;
        }
        match letter {
            '"' | '\\' => line.extend(['\\', letter]),
            ' '..='~' => line.push(letter),
            _ if letter.is_control() || letter.is_whitespace() => {
                let _ = write!(line, "\\x{:02x}", u32::from(letter));
            }
            _ => line.push(letter),
        }
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_forge_words_or_lines() {
        let mut line = String::new();
        pair(&mut line, "helo", "a b\n\"c\\ action=pass");
        pair(&mut line, "sender", "x@y.example");
        assert_eq!(
            line,
            r#" helo="a b\x0a\"c\\ action=pass" sender=x@y.example"#
        );
        let mut line = String::new();
        pair(&mut line, "helo", &"é".repeat(10_000));
        assert!(line.len() < 300);
    }
}
