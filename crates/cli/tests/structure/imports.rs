//! Which file of a crate imports from which, by its `use` lines.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::UseTree;

/// A module as the names that lead to it from the crate's root: none for the root itself.
type Module = Vec<String>;

/// The files of one crate, and their `use` lines.
pub(crate) struct Crate {
    files: BTreeMap<Module, File>,
}

#[derive(Default)]
struct File {
    name: String,
    /// Whole paths from the crate's root, of private `use` lines.
    imports: Vec<Vec<String>>,
    /// Name to path, of `pub use` lines: a door to another file, not a tie to it.
    exports: BTreeMap<String, Vec<String>>,
}

impl Crate {
    /// Reads all files below `src`. Inline modules, tests among them, are left out.
    pub(crate) fn read(src: &Path) -> Self {
        let files = rust_files(src)
            .into_iter()
            .map(|path| {
                let module = module_of(path.strip_prefix(src).unwrap());
                let file = File::read(&path, src, &module);
                (module, file)
            })
            .collect();
        Self { files }
    }

    /// The groups of files that import each other, each as their names in order.
    pub(crate) fn circles(&self) -> Vec<String> {
        let reach: BTreeMap<&Module, BTreeSet<&Module>> = self
            .files
            .keys()
            .map(|module| (module, self.reachable(module)))
            .collect();
        let mut circles = BTreeSet::new();
        for (module, reached) in &reach {
            let circle: Vec<&str> = reached
                .iter()
                .filter(|other| reach[**other].contains(*module))
                .map(|other| self.files[*other].name.as_str())
                .collect();
            if circle.len() > 1 {
                circles.insert(circle.join(", "));
            }
        }
        circles.into_iter().collect()
    }

    fn reachable<'a>(&'a self, from: &'a Module) -> BTreeSet<&'a Module> {
        let mut reached = BTreeSet::new();
        let mut open = vec![from];
        while let Some(module) = open.pop() {
            for path in &self.files[module].imports {
                if let Some(target) = self.target(path)
                    && target != module
                    && reached.insert(target)
                {
                    open.push(target);
                }
            }
        }
        reached
    }

    /// The file in which the item that `path` names is written, through the `pub use` lines on the
    /// way.
    fn target(&self, path: &[String]) -> Option<&Module> {
        let mut path = path.to_vec();
        for _ in 0..8 {
            let depth = (0..=path.len())
                .rev()
                .find(|n| self.files.contains_key(&path[..*n]))?;
            let (module, file) = self.files.get_key_value(&path[..depth])?;
            let Some(export) = path.get(depth).and_then(|name| file.exports.get(name)) else {
                return Some(module);
            };
            let mut next = export.clone();
            next.extend_from_slice(&path[depth + 1..]);
            path = next;
        }
        None
    }
}

impl File {
    fn read(path: &Path, src: &Path, module: &Module) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let parsed = syn::parse_file(&text).unwrap();
        let name = path.strip_prefix(src).unwrap().display().to_string();
        let mut file = Self {
            name,
            ..Self::default()
        };
        for item in parsed.items {
            let syn::Item::Use(line) = item else { continue };
            let is_test = line
                .attrs
                .iter()
                .any(|attribute| attribute.path().is_ident("cfg"));
            if is_test {
                continue;
            }
            let mut paths = Vec::new();
            leaves(&line.tree, &mut Vec::new(), &mut paths);
            for (path, known_as) in paths {
                let from_root = from_root(&path, module);
                if matches!(line.vis, syn::Visibility::Inherited) {
                    file.imports.extend(from_root);
                } else if let Some(path) = from_root.or_else(|| Some(beside(&path, module))) {
                    file.exports.insert(known_as, path);
                }
            }
        }
        file
    }
}

/// All `.rs` files below a folder, in order.
pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// `v4/mod.rs` and `v4.rs` are the module `v4`; `lib.rs` and `main.rs` are the root.
fn module_of(path: &Path) -> Module {
    let mut names: Vec<String> = path
        .with_extension("")
        .iter()
        .map(|name| name.to_str().unwrap().to_owned())
        .collect();
    if matches!(
        names.last().map(String::as_str),
        Some("mod" | "lib" | "main")
    ) {
        names.pop();
    }
    names
}

/// The path from the crate's root, or none if it leads to another crate.
fn from_root(path: &[String], module: &Module) -> Option<Vec<String>> {
    let ups = path.iter().take_while(|name| *name == "super").count();
    let (first, rest) = path.split_first()?;
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some(beside(rest, module)),
        "super" => {
            let base = &module[..module.len().checked_sub(ups)?];
            Some([base, &path[ups..]].concat())
        }
        _ => None,
    }
}

fn beside(path: &[String], module: &Module) -> Vec<String> {
    [module.as_slice(), path].concat()
}

/// Every path that a `use` tree names, with the name it is known by afterwards.
pub(crate) fn leaves(
    tree: &UseTree,
    before: &mut Vec<String>,
    out: &mut Vec<(Vec<String>, String)>,
) {
    let mut push = |name: String, known_as: String| {
        let mut path = before.clone();
        if name != "self" || path.is_empty() {
            path.push(name);
        }
        out.push((path, known_as));
    };
    match tree {
        UseTree::Name(name) => push(name.ident.to_string(), name.ident.to_string()),
        UseTree::Rename(name) => push(name.ident.to_string(), name.rename.to_string()),
        UseTree::Glob(_) => out.push((before.clone(), "*".into())),
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            leaves(&path.tree, before, out);
            before.pop();
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                leaves(tree, before, out);
            }
        }
    }
}
