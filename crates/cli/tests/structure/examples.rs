//! Whether what a user can name is shown in use: by an example in its doc comment, or by a link
//! there to one.

use crate::face::{Item, Kind, Library};

/// The types that each library shows, and the functions at its root, that have neither an example
/// nor a link to one.
pub(crate) fn without_example(libraries: &[Library]) -> Vec<String> {
    let mut without = Vec::new();
    for library in libraries {
        let (reached, lost) = library.reached(libraries);
        without.extend(lost);
        for reached in reached {
            let wanted = match reached.item.kind {
                Kind::Type => true,
                Kind::Function => reached.at_root,
                Kind::Other => false,
            };
            if wanted && !is_shown(reached.item, library, libraries) {
                without.push(reached.item.names.join("::"));
            }
        }
    }
    without
}

fn is_shown(item: &Item, library: &Library, libraries: &[Library]) -> bool {
    has_example(&item.docs)
        || links_of_examples(&item.docs).iter().any(|link| {
            targets(link, item, library, libraries).any(|target| has_example(&target.docs))
        })
}

/// Whether a doc comment holds a block that is compiled.
fn has_example(docs: &str) -> bool {
    let mut inside = false;
    for line in docs.lines() {
        let Some(words) = line.trim().strip_prefix("```") else {
            continue;
        };
        let is_rust = words
            .split(',')
            .all(|word| matches!(word, "" | "rust" | "no_run" | "should_panic"));
        if !inside && is_rust {
            return true;
        }
        inside = !inside;
    }
    false
}

/// What the sentences that begin with "See the example" link to. Another one, such as "for example
/// [`X`]", promises nothing.
fn links_of_examples(docs: &str) -> Vec<String> {
    let mut inside = false;
    let prose: Vec<&str> = docs
        .lines()
        .map(str::trim)
        .filter(|line| {
            let fence = line.starts_with("```");
            inside ^= fence;
            !inside && !fence
        })
        .collect();
    prose
        .join(" ")
        .split(". ")
        .filter(|sentence| sentence.contains("See the example"))
        .flat_map(links)
        .collect()
}

/// The targets of links: of [`A::b`] and of [words](A::b).
fn links(sentence: &str) -> Vec<String> {
    let mut links = Vec::new();
    for part in sentence.split('[').skip(1) {
        let Some((label, rest)) = part.split_once(']') else {
            continue;
        };
        let target = rest
            .strip_prefix('(')
            .and_then(|rest| rest.split_once(')'))
            .map_or(label, |(target, _)| target);
        // `fn@write` is the function of that name.
        let target = target.rsplit('@').next().unwrap_or(target);
        links.push(target.trim_matches('`').trim_end_matches("()").to_owned());
    }
    links
}

/// What a link may name: by its last name, or by two for what belongs to a type. What the item's
/// own crate holds comes before the other crates; `rustdoc` itself refuses links to nothing.
fn targets<'a>(
    link: &str,
    from: &Item,
    library: &'a Library,
    libraries: &'a [Library],
) -> impl Iterator<Item = &'a Item> {
    let mut names: Vec<&str> = link.split("::").collect();
    let own = from.names.last().map(String::as_str);
    match names[0] {
        "crate" => names[0] = &library.name,
        "Self" => names[0] = own.unwrap_or_default(),
        _ => {}
    }
    let named = libraries.iter().find(|other| other.name == names[0]);
    let is_of_type = names.len() > 1 && names[names.len() - 2].starts_with(char::is_uppercase);
    let tail = names.len() - if is_of_type { 2 } else { 1 };
    let tail: Vec<String> = names[tail..]
        .iter()
        .map(|name| (*name).to_owned())
        .collect();
    let is_named = move |item: &&Item| item.names.ends_with(&tail);
    let first = named.unwrap_or(library);
    let rooms: &[Library] = if named.is_some() || first.items.iter().any(|item| is_named(&item)) {
        std::slice::from_ref(first)
    } else {
        libraries
    };
    rooms
        .iter()
        .flat_map(|room| &room.items)
        .filter(move |item| is_named(item))
}
