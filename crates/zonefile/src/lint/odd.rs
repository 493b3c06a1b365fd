//! Findings about names by their looks: those that no host can have, and lines that went wrong.

use rblmap::NameKey;

use super::Finding;
use crate::dataset_type::DatasetType;
use crate::key::v4_address;
use crate::load::Dataset;
use crate::warning::Class;

/// Looks at the names of a dataset.
pub(super) fn check(dataset: &Dataset<'_>, findings: &mut Vec<Finding>) {
    let hosts_lines = matches!(dataset.kind, DatasetType::Dnset | DatasetType::Dnhash);
    for placed in &dataset.pieces {
        for entry in &placed.piece.names {
            let Ok(name) = NameKey::from_key(entry.key(&placed.piece.arena)) else {
                continue;
            };
            let found = of(&name, hosts_lines);
            findings.extend(found.map(|class| (placed.position + entry.line, class)));
        }
    }
}

fn of(name: &NameKey, hosts_lines: bool) -> Option<Class> {
    let mut labels = name.labels();
    labels.reverse();
    let of_host = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_host = |label: &Vec<u8>| label.iter().all(of_host) || label == b"*";
    if !labels.iter().all(is_host) {
        return Some(Class::OddName);
    }
    let text = labels.join(&b'.');
    // Backwards, 0.0.0.0 and 1.0.0.127 would be 0.0.0.0 and 127.0.0.1: nobody lists these.
    let nowhere = v4_address(&text).is_some_and(|a| a == 0 || a == 0x7f00_0001);
    if hosts_lines && nowhere {
        return Some(Class::HostsLine);
    }
    begins_with_address(&labels).then_some(Class::Glued)
}

/// Whether a name begins with three octets and a label that begins with a fourth, as `1.2.3.4x.example`
/// does. A dynamic host's `1-2-3-4.example` or `4.3.2.1.example` does not.
fn begins_with_address(labels: &[Vec<u8>]) -> bool {
    let octet = |label: &[u8]| {
        let text = std::str::from_utf8(label).unwrap_or_default();
        let plain = label.len() == 1 || label.first() != Some(&b'0');
        plain && text.parse::<u8>().is_ok()
    };
    let [first, second, third, fourth, ..] = labels else {
        return false;
    };
    let digits = fourth
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let glued = fourth.get(digits).is_some_and(u8::is_ascii_alphabetic);
    [first, second, third].into_iter().all(|label| octet(label)) && digits > 0 && glued
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str) -> Option<Class> {
        of(&NameKey::parse(name.as_bytes()).unwrap(), true)
    }

    #[test]
    fn names_that_went_wrong_are_found() {
        for name in [
            "paste.example/h0aj4gel",
            "info@192.0.2.201",
            "\"quoted.example\"",
            "a.example:8080",
        ] {
            assert_eq!(found(name), Some(Class::OddName), "{name}");
        }
        for name in ["0.0.0.0stratum.example.com", "198.51.100.7evil.example"] {
            assert_eq!(found(name), Some(Class::Glued), "{name}");
        }
        assert_eq!(found("0.0.0.0"), Some(Class::HostsLine));
        for name in [
            "a.example",
            "2.0.0.127",
            "4.3.2.1.dyn.example",
            "1-2-3-4.example",
            "_dmarc.a.example",
        ] {
            assert_eq!(found(name), None, "{name}");
        }
    }
}
