//! Which recipients a rule is for.

/// A set of recipients: with `@` inside an address, `@DOMAIN` every address of a domain, else a
/// local part at any domain. Case is ignored, and so are the angle brackets of an envelope.
///
/// ```
/// use rblmap_policy::Recipients;
/// let recipients = Recipients::parse(["postmaster", "@customer.example", "bob@isp.example"])?;
/// assert!(recipients.find("<Postmaster@isp.example>").is_some());
/// assert!(recipients.find("Postmaster").is_some());
/// assert!(recipients.find("eve@Customer.Example").is_some());
/// assert!(recipients.find("bob@other.example").is_none());
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recipients {
    /// In lower case.
    who: Vec<String>,
}

impl Recipients {
    /// Reads the words of a list.
    ///
    /// # Errors
    /// The word that is none, in words.
    pub fn parse<'t>(words: impl IntoIterator<Item = &'t str>) -> Result<Recipients, String> {
        let word = |word: &str| match word.split_once('@') {
            _ if word.chars().any(|c| c.is_whitespace() || c.is_control()) => Err(bad(word)),
            Some((_, "")) => Err(bad(word)),
            None if word.is_empty() => Err(bad(word)),
            Some(_) | None => Ok(word.to_lowercase()),
        };
        let who = words.into_iter().map(word).collect::<Result<_, _>>()?;
        Ok(Recipients { who })
    }

    /// The word of the list that a recipient of an envelope is meant by, the first of several.
    pub fn find(&self, recipient: &str) -> Option<&str> {
        let recipient = bare(recipient);
        if recipient.is_empty() {
            return None;
        }
        let recipient = recipient.to_lowercase();
        let (local, domain) = recipient.rsplit_once('@').unwrap_or((&recipient, ""));
        let matches = |word: &&String| match word.rsplit_once('@') {
            None => word.as_str() == local,
            Some(("", of)) => of == domain,
            Some(_) => **word == recipient,
        };
        self.who.iter().find(matches).map(String::as_str)
    }
}

/// An address of an envelope without its angle brackets.
pub(crate) fn bare(address: &str) -> &str {
    let address = address.trim();
    let inside = address
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'));
    inside.unwrap_or(address)
}

fn bad(word: &str) -> String {
    format!("\"{word}\": neither a local part, ADDRESS@DOMAIN nor @DOMAIN")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_means_what_it_says() {
        let list = Recipients::parse(["abuse", "A@b.example", "@c.example"]).unwrap();
        for (recipient, word) in [
            ("abuse", Some("abuse")),
            ("ABUSE@x.example", Some("abuse")),
            ("<abuse@x.example>", Some("abuse")),
            ("a@B.example", Some("a@b.example")),
            ("\"a@b\"@c.example", Some("@c.example")),
            ("x@sub.c.example", None),
            ("", None),
            ("<>", None),
        ] {
            assert_eq!(list.find(recipient), word, "{recipient}");
        }
        for word in ["", "a b", "a@", "@"] {
            assert!(Recipients::parse([word]).is_err(), "{word}");
        }
    }
}
