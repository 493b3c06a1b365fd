//! What a user of a crate can name: the items that its `pub mod` and `pub use` lines lead to, with
//! their doc comments.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::{Attribute, Visibility};

use crate::imports::leaves;

/// The names that lead to something: the crate's own name first.
pub(crate) type Names = Vec<String>;

/// One crate that others use as a Rust library.
pub(crate) struct Library {
    pub(crate) name: String,
    /// By the names of the module: only the crate's name for its root.
    modules: BTreeMap<Names, Module>,
    /// What has a name and a doc comment, methods and modules among them.
    pub(crate) items: Vec<Item>,
}

#[derive(Default)]
struct Module {
    /// The `pub` items and modules that are written in it.
    public: Vec<Names>,
    exports: Vec<Export>,
}

struct Export {
    known_as: String,
    path: Names,
}

pub(crate) struct Item {
    pub(crate) names: Names,
    pub(crate) kind: Kind,
    pub(crate) docs: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A struct, enum, union, trait or alias.
    Type,
    /// A function outside an `impl`.
    Function,
    /// A module, a method, a constant.
    Other,
}

/// An item that a user can reach.
pub(crate) struct Reached<'a> {
    pub(crate) item: &'a Item,
    /// The shortest way to it is one name behind that of the crate.
    pub(crate) at_root: bool,
}

impl Library {
    /// Reads the files that `lib.rs` and its `mod` lines name, without tests.
    pub(crate) fn read(name: &str, src: &Path) -> Self {
        let mut library = Self {
            name: name.to_owned(),
            modules: BTreeMap::new(),
            items: Vec::new(),
        };
        library.add_file(vec![name.to_owned()], &src.join("lib.rs"), src, "");
        library
    }

    /// What the crate shows, and the `pub use` lines that lead nowhere that this walk can follow.
    pub(crate) fn reached(&self, libraries: &[Library]) -> (Vec<Reached<'_>>, Vec<String>) {
        let root = vec![self.name.clone()];
        let mut at_root = BTreeSet::new();
        let mut all = BTreeSet::new();
        let mut lost = Vec::new();
        let mut open = vec![root.clone()];
        let mut seen = BTreeSet::new();
        while let Some(module) = open.pop() {
            if !seen.insert(module.clone()) {
                continue;
            }
            let (shown, nowhere) = self.shown_by(&module, libraries);
            lost.extend(nowhere);
            for names in shown {
                if self.modules.contains_key(&names) {
                    open.push(names);
                } else {
                    if module == root {
                        at_root.insert(names.clone());
                    }
                    all.insert(names);
                }
            }
        }
        let reached = self.items.iter().filter(|item| all.contains(&item.names));
        let reached = reached.map(|item| Reached {
            item,
            at_root: at_root.contains(&item.names),
        });
        (reached.collect(), lost)
    }

    /// The items and modules of this crate that one module shows.
    fn shown_by(&self, module: &Names, libraries: &[Library]) -> (Vec<Names>, Vec<String>) {
        let mut shown = self.modules[module].public.clone();
        let mut lost = Vec::new();
        for export in &self.modules[module].exports {
            if let Some(names) = self.target(module, export) {
                shown.push(names);
            } else if !libraries.iter().any(|other| other.name == export.path[0]) {
                lost.push(format!(
                    "{}: pub use {}",
                    module.join("::"),
                    export.known_as
                ));
            }
        }
        (shown, lost)
    }

    /// The place where what is exported is written, if this crate holds it.
    fn target(&self, module: &Names, export: &Export) -> Option<Names> {
        let mut names = self.path_in_crate(module, &export.path);
        for _ in 0..8 {
            if self.modules.contains_key(&names) || self.item(&names).is_some() {
                return Some(names);
            }
            let (last, parent) = names.split_last()?;
            let parent = parent.to_vec();
            let exports = &self.modules.get(&parent)?.exports;
            let next = exports.iter().find(|export| export.known_as == *last)?;
            names = self.path_in_crate(&parent, &next.path);
        }
        None
    }

    fn item(&self, names: &Names) -> Option<&Item> {
        self.items.iter().find(|item| item.names == *names)
    }

    /// A path of a `use` line as names from the crate's own.
    fn path_in_crate(&self, module: &Names, path: &Names) -> Names {
        match path[0].as_str() {
            "crate" => [std::slice::from_ref(&self.name), &path[1..]].concat(),
            "self" => [module.as_slice(), &path[1..]].concat(),
            "super" => [&module[..module.len() - 1], &path[1..]].concat(),
            _ => [module.as_slice(), path].concat(),
        }
    }

    fn add_file(&mut self, names: Names, path: &Path, folder: &Path, declared: &str) {
        let text = fs::read_to_string(path).unwrap();
        let parsed = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let docs = format!("{declared}\n{}", docs_of(&parsed.attrs));
        self.push(&names, Kind::Other, docs);
        self.modules.insert(names.clone(), Module::default());
        self.add_items(&names, &parsed.items, folder);
    }

    fn add_items(&mut self, module: &Names, items: &[syn::Item], folder: &Path) {
        for item in items {
            match item {
                syn::Item::Mod(inner) if !is_test(&inner.attrs) => {
                    let names = self.declare(module, &inner.ident, &inner.vis);
                    self.add_module(names, inner, folder);
                }
                syn::Item::Use(line) if matches!(line.vis, Visibility::Public(_)) => {
                    let mut paths = Vec::new();
                    leaves(&line.tree, &mut Vec::new(), &mut paths);
                    let exports = paths
                        .into_iter()
                        .map(|(path, known_as)| Export { known_as, path });
                    self.modules
                        .get_mut(module)
                        .unwrap()
                        .exports
                        .extend(exports);
                }
                syn::Item::Impl(block) if block.trait_.is_none() => {
                    self.add_methods(module, block);
                }
                syn::Item::Trait(item) => {
                    self.add(module, Kind::Type, &item.ident, &item.vis, &item.attrs);
                    for inner in &item.items {
                        if let syn::TraitItem::Fn(f) = inner {
                            let names = [
                                &module[..],
                                &[item.ident.to_string(), f.sig.ident.to_string()],
                            ];
                            self.push(&names.concat(), Kind::Other, docs_of(&f.attrs));
                        }
                    }
                }
                syn::Item::Macro(rules) => self.add_made(module, rules.mac.tokens.clone()),
                _ => self.add_plain(module, item),
            }
        }
    }

    fn add_plain(&mut self, module: &Names, item: &syn::Item) {
        use syn::Item::{Const, Enum, Fn, Static, Struct, Type, Union};
        let (kind, name, visibility, attributes) = match item {
            Struct(item) => (Kind::Type, &item.ident, &item.vis, &item.attrs),
            Enum(item) => (Kind::Type, &item.ident, &item.vis, &item.attrs),
            Union(item) => (Kind::Type, &item.ident, &item.vis, &item.attrs),
            Type(item) => (Kind::Type, &item.ident, &item.vis, &item.attrs),
            Fn(item) => (Kind::Function, &item.sig.ident, &item.vis, &item.attrs),
            Const(item) => (Kind::Other, &item.ident, &item.vis, &item.attrs),
            Static(item) => (Kind::Other, &item.ident, &item.vis, &item.attrs),
            _ => return,
        };
        self.add(module, kind, name, visibility, attributes);
    }

    fn add_module(&mut self, names: Names, inner: &syn::ItemMod, folder: &Path) {
        let name = inner.ident.to_string();
        let docs = docs_of(&inner.attrs);
        if let Some((_, items)) = &inner.content {
            self.push(&names, Kind::Other, docs);
            self.modules.insert(names.clone(), Module::default());
            return self.add_items(&names, items, &folder.join(&name));
        }
        let below = folder.join(&name);
        let files: [PathBuf; 2] = [folder.join(format!("{name}.rs")), below.join("mod.rs")];
        let file = files.iter().find(|file| file.exists());
        let file = file.unwrap_or_else(|| panic!("no file for {}", names.join("::")));
        self.add_file(names, file, &below, &docs);
    }

    fn add_methods(&mut self, module: &Names, block: &syn::ItemImpl) {
        let syn::Type::Path(of) = &*block.self_ty else {
            return;
        };
        let of = of.path.segments.last().unwrap().ident.to_string();
        for item in &block.items {
            let (name, attributes) = match item {
                syn::ImplItem::Fn(item) => (&item.sig.ident, &item.attrs),
                syn::ImplItem::Const(item) => (&item.ident, &item.attrs),
                _ => continue,
            };
            let names = [&module[..], &[of.clone(), name.to_string()]].concat();
            self.push(&names, Kind::Other, docs_of(attributes));
        }
    }

    /// The `pub enum` and `pub struct` that a macro of the crate writes.
    fn add_made(&mut self, module: &Names, tokens: TokenStream) {
        let mut docs = String::new();
        let mut before = String::new();
        for token in tokens {
            match &token {
                TokenTree::Group(group) if before == "#" => docs += &doc_of_tokens(group.stream()),
                TokenTree::Group(group) => self.add_made(module, group.stream()),
                TokenTree::Ident(name) if matches!(before.as_str(), "enum" | "struct") => {
                    let names = [&module[..], &[name.to_string()]].concat();
                    self.modules
                        .get_mut(module)
                        .unwrap()
                        .public
                        .push(names.clone());
                    self.push(&names, Kind::Type, std::mem::take(&mut docs));
                }
                _ => {}
            }
            before = token.to_string();
        }
    }

    fn add(
        &mut self,
        module: &Names,
        kind: Kind,
        name: &syn::Ident,
        visibility: &Visibility,
        attributes: &[Attribute],
    ) {
        if !is_test(attributes) {
            let names = self.declare(module, name, visibility);
            self.push(&names, kind, docs_of(attributes));
        }
    }

    fn declare(&mut self, module: &Names, name: &syn::Ident, visibility: &Visibility) -> Names {
        let names = [&module[..], &[name.to_string()]].concat();
        if matches!(visibility, Visibility::Public(_)) {
            self.modules
                .get_mut(module)
                .unwrap()
                .public
                .push(names.clone());
        }
        names
    }

    fn push(&mut self, names: &Names, kind: Kind, docs: String) {
        self.items.push(Item {
            names: names.clone(),
            kind,
            docs,
        });
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else {
            return false;
        };
        list.path.is_ident("cfg") && list.tokens.to_string() == "test"
    })
}

/// The lines of a doc comment.
fn docs_of(attributes: &[Attribute]) -> String {
    let mut docs = String::new();
    for attribute in attributes {
        if let syn::Meta::NameValue(pair) = &attribute.meta
            && pair.path.is_ident("doc")
            && let syn::Expr::Lit(value) = &pair.value
            && let syn::Lit::Str(text) = &value.lit
        {
            docs.push_str(&text.value());
            docs.push('\n');
        }
    }
    docs
}

/// The line of a doc comment as a macro's rule holds it: `doc = "text"`.
fn doc_of_tokens(tokens: TokenStream) -> String {
    match syn::parse2::<syn::MetaNameValue>(tokens) {
        Ok(pair) if pair.path.is_ident("doc") => match pair.value {
            syn::Expr::Lit(syn::ExprLit {
                lit: syn::Lit::Str(text),
                ..
            }) => text.value() + "\n",
            _ => String::new(),
        },
        _ => String::new(),
    }
}
