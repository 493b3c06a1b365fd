//! Changes as an Atom feed (RFC 4287).

use std::fmt::Write;

use crate::cmd::time::rfc3339;
use crate::cmd::watch::Change;

/// The feed of the last changes, newest first.
pub(super) fn feed(changes: &[Change], now: u64) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <feed xmlns=\"http://www.w3.org/2005/Atom\">\n\
         <title>Listed and delisted</title>\n<id>urn:rblmap:watch</id>\n\
         <author><name>rblmap watch</name></author>\n",
    );
    // Writing to a string cannot fail.
    let _ = writeln!(out, "<updated>{}</updated>", rfc3339(now));
    for change in changes {
        let title = format!("{} {} in {}", change.key, change.event, change.zone);
        let id = format!(
            "urn:rblmap:watch:{}:{}:{}:{}",
            change.zone, change.serial, change.event, change.key
        );
        let _ = writeln!(
            out,
            "<entry><title>{}</title><id>{}</id><updated>{}</updated>\
             <content type=\"text\">{} (serial {}) {}</content></entry>",
            escaped(&title),
            escaped(&id),
            change.time,
            escaped(&title),
            change.serial,
            escaped(&change.a)
        );
    }
    out.push_str("</feed>\n");
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
