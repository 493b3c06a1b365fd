//! Words behind a key that say that it is not to be listed, whatever list it stands in.

use crate::line::{trim, word};

/// Verdicts of Postfix, Exim, sendmail, nftables and response policy zones that let a key in.
const PASSES: [&[u8]; 12] = [
    b"ok",
    b"dunno",
    b"permit",
    b"pass",
    b"accept",
    b"allow",
    b"allowed",
    b"relay",
    b"whitelist",
    b"whitelisted",
    b"welcomelist",
    b"nomatch",
];

/// Whether what stands behind a key lets it in.
pub(super) fn lets_in(key: &[u8], rest: &[u8]) -> bool {
    let (first, after) = word(rest);
    if first.eq_ignore_ascii_case(b"cname") {
        let target = word(after).0;
        return is_passthru(key, target);
    }
    // `IN CNAME`, with or without a lifetime.
    let mut words = rest.split(|&byte| byte == b' ' || byte == b'\t');
    if words.any(|word| starts_with_ignoring_case(word, b"rpz-passthru")) {
        return true;
    }
    is_pass(first)
}

/// Whether a word alone lets a key in.
pub(super) fn is_pass(word: &[u8]) -> bool {
    let word = trim(word);
    PASSES.iter().any(|pass| word.eq_ignore_ascii_case(pass))
        || starts_with_ignoring_case(word, b"permit_")
}

/// Words in the names of sets whose elements are let in.
const LET_IN: [&[u8]; 10] = [
    b"allow",
    b"allowed",
    b"allowlist",
    b"white",
    b"whitelist",
    b"welcomelist",
    b"accept",
    b"permit",
    b"trusted",
    b"exempt",
];

/// Whether a set is one of those that are let in, by its name.
pub(super) fn is_set_of_passes(name: &[u8]) -> bool {
    let mut words = name.split(|byte| !byte.is_ascii_alphabetic());
    words.any(|word| {
        LET_IN
            .iter()
            .any(|let_in| word.eq_ignore_ascii_case(let_in))
    })
}

/// Whether the target of a policy's CNAME lets its owner in: by the name for it, or, as before
/// there was one, by naming the owner itself.
pub(super) fn is_passthru(owner: &[u8], target: &[u8]) -> bool {
    let bare = target.strip_suffix(b".").unwrap_or(target);
    let owner = owner.strip_suffix(b".").unwrap_or(owner);
    bare.eq_ignore_ascii_case(b"rpz-passthru")
        || !bare.is_empty() && bare.eq_ignore_ascii_case(owner)
}

fn starts_with_ignoring_case(text: &[u8], head: &[u8]) -> bool {
    text.get(..head.len())
        .is_some_and(|text| text.eq_ignore_ascii_case(head))
}
