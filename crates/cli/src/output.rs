//! What a person sees besides results: notes, progress, and texts made safe for a terminal.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use rblmap_format::{Part, Template};

/// How much is said, to standard error.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Output {
    /// Say nothing but errors
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Say more
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    verbose: bool,
}

impl Output {
    /// Says what was done.
    pub(crate) fn note(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            eprintln!("{}", visible(&text.to_string()));
        }
    }

    /// Whether all is said, however often.
    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Says what only those who ask for more want to know.
    pub(crate) fn detail(&self, text: impl std::fmt::Display) {
        if self.verbose {
            eprintln!("{}", visible(&text.to_string()));
        }
    }

    /// A bar over so many bytes, with the rate and the time that is left; a spinner with the rate
    /// where their number is not known. Nothing where nobody looks.
    pub(crate) fn bytes(&self, what: &'static str, bytes: u64) -> ProgressBar {
        if self.quiet || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let (bar, form) = if bytes == 0 {
            (
                ProgressBar::new_spinner(),
                "{spinner} {msg} {bytes} {bytes_per_sec}",
            )
        } else {
            (
                ProgressBar::new(bytes),
                "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta} left",
            )
        };
        // The form above is one that indicatif reads; the default one is a bar, too.
        let style = ProgressStyle::with_template(form);
        let bar = style.map_or(bar.clone(), |style| bar.with_style(style));
        bar.with_message(what)
    }

    /// A bar over so many steps, with the time that is left; nothing where nobody looks.
    pub(crate) fn steps(&self, what: &'static str, steps: u64) -> ProgressBar {
        if self.quiet || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(steps);
        // The form is one that indicatif reads; the default one is a bar, too.
        let style = ProgressStyle::with_template("{msg} {wide_bar} {eta} left");
        let bar = style.map_or(bar.clone(), |style| bar.with_style(style));
        bar.with_message(what)
    }

    /// A spinner while something takes its time; nothing where nobody looks.
    pub(crate) fn working(&self, what: &'static str) -> ProgressBar {
        if self.quiet || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new_spinner().with_message(what);
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }
}

/// A text as it may stand on a terminal and in a line of columns: bytes below 32, above 126 and `\`
/// as `\xNN`.
pub(crate) fn escaped(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for &byte in text {
        if (32..=126).contains(&byte) && byte != b'\\' {
            out.push(byte.into());
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// A template as text that is safe to print; `$` where the key goes, literal ones doubled.
pub(crate) fn shown(template: &Template<'_>) -> String {
    let mut text = String::new();
    for part in template.parts() {
        match part {
            Part::Literal(bytes) => text.push_str(&escaped(bytes).replace('$', "$$")),
            Part::Key => text.push('$'),
            Part::KeyLess(less) => text.push_str(&format!("$-{less}")),
        }
    }
    text
}

/// A message as it may stand on a terminal: control characters, which move cursors and change
/// titles, and those that turn the direction of writing as `\xNN`.
pub(crate) fn visible(text: &str) -> String {
    let harmless = |c: char| {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        !c.is_control() && !turns
    };
    if text.chars().all(harmless) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut bytes = [0; 4];
    for c in text.chars() {
        match harmless(c) {
            true => out.push(c),
            false => out.push_str(&escaped(c.encode_utf8(&mut bytes).as_bytes())),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_forge_columns() {
        assert_eq!(escaped(b"a\tb\\c\x7f\xc3"), r"a\x09b\x5cc\x7f\xc3");
        assert_eq!(escaped(b"see http://x/?1"), "see http://x/?1");
        assert_eq!(visible("a\u{1b}[2J\u{9b}b\n"), r"a\x1b[2J\xc2\x9bb\x0a");
        assert_eq!(visible("Größe"), "Größe");
    }
}
