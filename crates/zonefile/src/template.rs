//! TXT templates: variables and base template are put in here, so that only the key is left open.

use rblmap_content::{TemplateBuf, TextPart};
use rblmap_format::MAX_TEXT;

use crate::warning::Class;

/// What the texts of a dataset may refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Settings<'t> {
    variables: [Option<&'t [u8]>; 10],
    base: Option<&'t [u8]>,
}

/// What `$=` stands for.
#[derive(Debug, Clone, Copy)]
enum Inner<'a> {
    Text(&'a [u8]),
    Key,
}

impl<'t> Settings<'t> {
    /// Sets a variable. Only the first text counts; others are not even looked at.
    pub(crate) fn set(&mut self, number: usize, text: &'t [u8]) -> Result<(), Class> {
        let slot = self.variables.get_mut(number).ok_or(Class::BadSpecial)?;
        set(slot, text)
    }

    /// Sets the base template, as [`Settings::set`] does.
    pub(crate) fn set_base(&mut self, text: &'t [u8]) -> Result<(), Class> {
        set(&mut self.base, text)
    }

    /// Whether texts in which nothing is marked are sent as they stand.
    pub(crate) fn leaves_literals(&self) -> bool {
        self.base.is_none()
    }

    /// What is sent of a text that nothing is put in, as nearly all are; `None` for others.
    pub(crate) fn literal<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        let kept = text.get(..text.len().min(MAX_TEXT)).unwrap_or_default();
        (self.leaves_literals() && is_literal(text)).then_some(kept)
    }

    /// The template of an entry's text; `None` if no text can come of it.
    pub(crate) fn template(&self, text: Option<&[u8]>) -> Option<TemplateBuf> {
        let text = text.unwrap_or_default();
        if let Some(kept) = self.literal(text) {
            return (!kept.is_empty()).then(|| TemplateBuf::literal(kept));
        }
        let mut out = Parts::default();
        match (text, self.base) {
            ([b'=', own @ ..], _) => self.expand(own, Inner::Text(own), &mut out),
            ([], Some(base)) => self.expand(base, Inner::Key, &mut out),
            (text, Some(base)) => self.expand(base, Inner::Text(text), &mut out),
            (text, None) => self.expand(text, Inner::Text(text), &mut out),
        }
        TemplateBuf::new(out.parts)
    }

    fn expand(&self, text: &[u8], inner: Inner<'_>, out: &mut Parts) {
        let mut rest = text;
        while let Some(at) = memchr::memchr(b'$', rest) {
            if out.len >= MAX_TEXT {
                return;
            }
            let (literal, after) = rest.split_at_checked(at).unwrap_or((rest, &[]));
            out.push(literal);
            rest = match after {
                [_, b'$', rest @ ..] => {
                    out.push(b"$");
                    rest
                }
                [_, digit @ b'0'..=b'9', rest @ ..] => {
                    let value = self.variables.get(usize::from(digit - b'0'));
                    out.push(value.copied().flatten().unwrap_or(&[b'$', *digit]));
                    rest
                }
                [_, b'=', rest @ ..] => {
                    match inner {
                        Inner::Text(text) => out.push(text),
                        Inner::Key => out.push_key(),
                    }
                    rest
                }
                _ => {
                    out.push_key();
                    after.get(1..).unwrap_or_default()
                }
            };
        }
        out.push(rest);
    }
}

/// The template of a text in which `$` is the key, `$$` a dollar sign, and nothing else is put in.
pub(crate) fn marked(text: &[u8]) -> Option<TemplateBuf> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'$', rest) {
        let (literal, after) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        parts.push(TextPart::Literal(literal.to_vec()));
        rest = after.get(1..).unwrap_or_default();
        if let Some(more) = rest.strip_prefix(b"$") {
            parts.push(TextPart::Literal(b"$".to_vec()));
            rest = more;
        } else {
            parts.push(TextPart::Key);
        }
    }
    parts.push(TextPart::Literal(rest.to_vec()));
    TemplateBuf::new(parts)
}

/// Whether nothing is marked in a text: neither what is put in, nor that no base template holds.
pub(crate) fn is_literal(text: &[u8]) -> bool {
    text.first() != Some(&b'=') && memchr::memchr(b'$', text).is_none()
}

fn set<'t>(slot: &mut Option<&'t [u8]>, text: &'t [u8]) -> Result<(), Class> {
    if slot.is_some() {
        return Err(Class::SecondVariable);
    }
    if text.is_empty() {
        return Err(Class::BadSpecial);
    }
    *slot = Some(text);
    Ok(())
}

/// Parts so far, and how many bytes they make at least.
#[derive(Debug, Default)]
struct Parts {
    parts: Vec<TextPart>,
    len: usize,
}

impl Parts {
    fn push(&mut self, text: &[u8]) {
        let room = MAX_TEXT.saturating_sub(self.len);
        let text = text.get(..text.len().min(room)).unwrap_or_default();
        self.len += text.len();
        if !text.is_empty() {
            self.parts.push(TextPart::Literal(text.to_vec()));
        }
    }

    fn push_key(&mut self) {
        self.len += 1;
        self.parts.push(TextPart::Key);
    }
}

#[cfg(test)]
mod tests {
    use rblmap::{Key, TextBuf};
    use rblmap_content::{Record, ValueBuf};

    use super::*;

    fn render(settings: &Settings<'_>, text: &str) -> String {
        let value = ValueBuf::new([Record {
            a: None,
            text: settings.template(Some(text.as_bytes())),
        }]);
        let mut buffer = TextBuf::new();
        let record = value.as_value().records().next();
        if let Some(template) = record.and_then(|record| record.template) {
            template.render(&Key::V4(0x0102_0304), &mut buffer);
        }
        String::from_utf8(buffer.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn templates_expand_once_from_left_to_right() {
        let mut settings = Settings::default();
        assert_eq!(settings.set(1, b""), Err(Class::BadSpecial));
        settings.set(1, b"one").unwrap();
        assert_eq!(settings.set(1, b""), Err(Class::SecondVariable));
        settings.set(2, b"$1 $").unwrap();
        let cases = [
            ("a$$b", "a$b"),
            ("$1$3", "one$3"),
            ("$12", "one2"),
            ("$2", "$1 $"),
            ("x$=y", "xx$=yy"),
            ("=x$=y", "xx$=yy"),
            ("[$] $", "[1.2.3.4] 1.2.3.4"),
            ("=", ""),
        ];
        for (text, result) in cases {
            assert_eq!(render(&settings, text), result, "{text}");
        }
    }

    #[test]
    fn a_base_template_speaks_for_every_entry() {
        let mut settings = Settings::default();
        settings.set_base(b"see [$=] for $").unwrap();
        assert_eq!(render(&settings, ""), "see [1.2.3.4] for 1.2.3.4");
        assert_eq!(render(&settings, "r$"), "see [r$] for 1.2.3.4");
        assert_eq!(render(&settings, "=no $"), "no 1.2.3.4");
    }

    #[test]
    fn variables_in_variables_cannot_make_a_text_grow() {
        let mut settings = Settings::default();
        let long = vec![b'x'; 32_000];
        settings.set(1, &long).unwrap();
        let text = "$1".repeat(127);
        assert_eq!(render(&settings, &text).len(), MAX_TEXT);
    }
}
