//! Where the keys and texts of a document are: paths such as `prefixes[].ip_prefix`.

use std::fmt;

use crate::spec::JsonOptions;

/// The paths of keys and of the text, as a tree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Paths {
    root: Node,
    asked: String,
}

/// A place in a document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Node {
    /// Few, so that comparing lengths finds most of them out.
    fields: Vec<(String, Node)>,
    /// The elements of an array here, each of them a record.
    each: Option<Box<Node>>,
    /// Whether what stands here is a key.
    pub(super) is_key: bool,
    /// Whether what stands here is the text of its record.
    pub(super) is_text: bool,
}

impl Paths {
    /// No paths at all, for types that have none.
    pub(crate) const NONE: &'static Paths = &Paths {
        root: Node {
            fields: Vec::new(),
            each: None,
            is_key: false,
            is_text: false,
        },
        asked: String::new(),
    };

    /// The tree of the paths that are asked for. The text belongs to the record of the key: a
    /// path that begins as that of the record is one, any other is of the record.
    pub(crate) fn of(options: &JsonOptions) -> Paths {
        let mut root = Node::default();
        let text = options.text.as_deref().map(steps);
        for key in &options.keys {
            let key = steps(key);
            root.at(&key).is_key = true;
            let Some(text) = &text else { continue };
            let last_each = key.iter().rposition(|step| *step == Step::Each);
            let record = key
                .get(..last_each.map_or(0, |at| at + 1))
                .unwrap_or_default();
            let own = text.strip_prefix(record).unwrap_or(text);
            let whole = [record, own].concat();
            root.at(&whole).is_text = true;
        }
        Paths {
            root,
            asked: options.keys.join(", "),
        }
    }

    pub(super) fn root(&self) -> &Node {
        &self.root
    }
}

impl fmt::Display for Paths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.asked)
    }
}

impl Node {
    /// The place of a field, if anything there is asked for.
    pub(super) fn field(&self, name: &str) -> Option<&Node> {
        let mut fields = self.fields.iter();
        fields.find(|(own, _)| own == name).map(|(_, node)| node)
    }

    /// The place of the elements of an array.
    pub(super) fn each(&self) -> Option<&Node> {
        self.each.as_deref()
    }

    /// The place of a field, made if there is none.
    fn own(&mut self, name: &str) -> &mut Node {
        if self.field(name).is_none() {
            self.fields.push((name.to_owned(), Node::default()));
        }
        let found = self.fields.iter_mut().find(|(own, _)| own == name);
        &mut found.expect("pushed if it was not there").1
    }

    /// The place of a path, made if there is none.
    fn at(&mut self, path: &[Step]) -> &mut Node {
        let mut node = self;
        for step in path {
            node = match step {
                Step::Each => node.each.get_or_insert_default(),
                Step::Field(name) => node.own(name),
            };
        }
        node
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Each,
}

/// A path in steps. An array at the top is gone through anyway, so `[]` there says nothing.
fn steps(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let field = part.trim_end_matches("[]");
        let arrays = (part.len() - field.len()) / 2;
        if !field.is_empty() {
            steps.push(Step::Field(field.to_owned()));
        }
        if !steps.is_empty() {
            steps.extend(std::iter::repeat_n(Step::Each, arrays));
        }
    }
    steps
}
