//! The shape of the code: how long files and functions are, and which files of a crate import each
//! other. A newcomer reads a whole file to change one line, and a circle of files has no first one.
//! And what the libraries show: each type has an example, or a link to one.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod examples;
mod face;
mod imports;

use std::fs;
use std::path::{Path, PathBuf};

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use examples::without_example;
use face::Library;
use imports::Crate;

const LONGEST_FILE: usize = 600;
const LONGEST_FUNCTION: usize = 60;

#[test]
fn no_file_is_longer_than_a_sitting() {
    let long: Vec<String> = sources()
        .into_iter()
        .filter_map(|path| {
            let lines = read(&path).lines().count();
            (lines > LONGEST_FILE).then(|| format!("{}: {lines} lines", name_of(&path)))
        })
        .collect();
    assert!(
        long.is_empty(),
        "over {LONGEST_FILE} lines:\n{}",
        long.join("\n")
    );
}

#[test]
fn no_function_is_longer_than_a_screen() {
    let mut long = Vec::new();
    for path in sources() {
        let mut finder = LongFunctions {
            file: name_of(&path),
            found: &mut long,
        };
        finder.visit_file(&parse(&path));
    }
    assert!(
        long.is_empty(),
        "over {LONGEST_FUNCTION} lines:\n{}",
        long.join("\n")
    );
}

#[test]
fn no_files_of_a_crate_import_each_other_in_a_circle() {
    let circles: Vec<String> = crates()
        .iter()
        .flat_map(|folder| {
            let circles = Crate::read(&folder.join("src")).circles();
            let name = name_of(folder);
            circles
                .into_iter()
                .map(move |circle| format!("{name}: {circle}"))
        })
        .collect();
    assert!(circles.is_empty(), "circles:\n{}", circles.join("\n"));
}

#[test]
fn a_circle_of_imports_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("lib.rs", "mod a; mod b; mod c; pub use a::A;");
    write("a.rs", "use crate::b::B; pub struct A;");
    write("b.rs", "use crate::A; pub struct B;");
    write("c.rs", "use crate::{a::A, b::B};");
    assert_eq!(Crate::read(folder.path()).circles(), ["a.rs, b.rs"]);
}

#[test]
fn all_that_a_library_shows_has_an_example_or_a_link_to_one() {
    let libraries = libraries();
    let without = without_example(&libraries);
    assert!(
        without.is_empty(),
        "{} without an example in the doc comment, and without a sentence such as \"See the example \
         of [`X`].\" that leads to one:\n{}",
        without.len(),
        without.join("\n")
    );
}

#[test]
fn a_type_without_an_example_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "lib.rs",
        "mod a; pub mod b; pub use a::{Shown, Linked, Bare, bare, Same}; pub use other::X;",
    );
    write(
        "a.rs",
        r#"/// Text.
/// ```
/// let one = 1;
/// ```
pub struct Shown;
/// See the example of [`Shown`].
pub enum Linked {}
/// For example [`Shown`]. This is no example.
pub struct Bare;
/// See the example of [`Bare`].
pub fn bare() {}
pub struct Hidden;
/// See the example of [`crate::b::Deep::new`].
pub type Same = Bare;
"#,
    );
    write(
        "b.rs",
        r#"/// ```text
/// nothing that is compiled
/// ```
pub trait Deep {}
impl Deep {
    /// ```
    /// let one = 1;
    /// ```
    pub fn new() {}
}
pub fn not_at_the_root() {}
macro_rules! made { () => { /** See the example of [`Linked`]. */ pub enum Made {} } }
#[cfg(test)]
mod tests { pub struct OfTests; }
"#,
    );
    let library = Library::read("made", folder.path());
    assert_eq!(
        without_example(&[library]),
        [
            "made: pub use X",
            "made::a::Bare",
            "made::a::bare",
            "made::b::Deep",
            "made::b::Made",
        ]
    );
}

struct LongFunctions<'a> {
    file: String,
    found: &'a mut Vec<String>,
}

impl LongFunctions<'_> {
    fn check(&mut self, name: &syn::Ident, block: &syn::Block) {
        let lines = block.span().end().line - name.span().start().line + 1;
        if lines > LONGEST_FUNCTION {
            self.found.push(format!("{}: {name}", self.file));
        }
    }
}

impl<'ast> Visit<'ast> for LongFunctions<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.check(&item.sig.ident, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.check(&item.sig.ident, &item.block);
        visit::visit_impl_item_fn(self, item);
    }
}

fn crates() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut crates: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("src").is_dir())
        .collect();
    crates.sort();
    crates
}

/// The crates that are used from Rust: those with a `lib.rs` that are not made into a library of
/// another language.
fn libraries() -> Vec<Library> {
    let libraries: Vec<Library> = crates()
        .iter()
        .filter(|folder| folder.join("src/lib.rs").exists())
        .filter_map(|folder| {
            let manifest: toml::Table = read(&folder.join("Cargo.toml")).parse().unwrap();
            let library = manifest.get("lib");
            let kinds = library.and_then(|library| library.get("crate-type"));
            let is_foreign = kinds
                .and_then(toml::Value::as_array)
                .is_some_and(|kinds| kinds.iter().any(|kind| kind.as_str() == Some("cdylib")));
            let package = manifest["package"]["name"]
                .as_str()
                .unwrap()
                .replace('-', "_");
            (!is_foreign).then(|| Library::read(&package, &folder.join("src")))
        })
        .collect();
    assert!(libraries.len() > 10, "the libraries were not found");
    libraries
}

fn sources() -> Vec<PathBuf> {
    let sources: Vec<PathBuf> = crates()
        .iter()
        .flat_map(|folder| imports::rust_files(&folder.join("src")))
        .collect();
    assert!(sources.len() > 100, "the sources were not found");
    sources
}

/// The path below `crates/`.
fn name_of(path: &Path) -> String {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    path.strip_prefix(crates).unwrap().display().to_string()
}

fn parse(path: &Path) -> syn::File {
    syn::parse_file(&read(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
