//! What the modules of a crate know of each other, read from the code itself.
//!
//! Looked at are the modules at the crate's root, each with the files below it. Tests are cut off: they may look at
//! whatever they like. A name the root passes on (`pub use`) counts as its module's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

/// One place in the code where a module names another: both as paths, `a` or `a::b::c`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mention {
    /// The file's module.
    pub(crate) from: String,
    /// What it names, from the crate's root on.
    pub(crate) to: String,
}

impl Mention {
    fn ends(&self) -> (&str, &str) {
        (top(&self.from), top(&self.to))
    }
}

fn top(path: &str) -> &str {
    path.split("::").next().unwrap_or(path)
}

/// Every place in a crate where one module at the root names another one.
pub(crate) fn mentions(crate_folder: &Path) -> BTreeSet<Mention> {
    let src = crate_folder.join("src");
    let root = Root::read(&src.join("lib.rs"));
    let mut found = BTreeSet::new();
    for name in &root.modules {
        for (path, file) in files_of(&src, name) {
            let mut names =
                Names { module: path.split("::").map(str::to_owned).collect(), found: Vec::new() };
            names.visit_file(&parse(&file));
            let resolved = names.found.iter().filter_map(|to| root.resolve(to));
            found.extend(resolved.map(|to| Mention { from: path.clone(), to }).filter(|mention| {
                let (from, to) = mention.ends();
                from != to
            }));
        }
    }
    found
}

/// The rings: modules that know each other, each with the mentions that close it.
pub(crate) fn rings(mentions: &BTreeSet<Mention>) -> Vec<Vec<Mention>> {
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for mention in mentions {
        let (from, to) = mention.ends();
        edges.entry(from).or_default().insert(to);
    }
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        edges.keys().map(|from| (*from, reach(from, &edges))).collect();
    let in_a_ring_of = |one: &str, other: &str| {
        reached.get(one).is_some_and(|all| all.contains(other))
            && reached.get(other).is_some_and(|all| all.contains(one))
    };
    let mut rings: BTreeMap<Vec<&str>, Vec<Mention>> = BTreeMap::new();
    for mention in mentions {
        let (from, to) = mention.ends();
        if in_a_ring_of(from, to) {
            let members = edges.keys().copied().filter(|other| in_a_ring_of(from, other)).collect();
            rings.entry(members).or_default().push(mention.clone());
        }
    }
    rings.into_values().collect()
}

fn reach<'a>(from: &'a str, edges: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<&'a str> {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(here) = next.pop() {
        for to in edges.get(here).into_iter().flatten() {
            if seen.insert(*to) {
                next.push(to);
            }
        }
    }
    seen
}

/// What `lib.rs` declares: its modules, and the names it passes on from them.
struct Root {
    modules: BTreeSet<String>,
    passed_on: BTreeMap<String, String>,
}

impl Root {
    fn read(file: &Path) -> Self {
        let mut root = Self { modules: BTreeSet::new(), passed_on: BTreeMap::new() };
        for item in parse(file).items {
            match item {
                Item::Mod(module) if !is_for_tests(&module.attrs) => {
                    root.modules.insert(module.ident.to_string());
                }
                Item::Use(used) => {
                    let mut paths = Vec::new();
                    flatten(&used.tree, &mut Vec::new(), &mut paths);
                    for path in paths {
                        if let (Some(name), true) = (path.last(), path.len() > 1) {
                            root.passed_on.insert(name.clone(), path.join("::"));
                        }
                    }
                }
                _ => {}
            }
        }
        root
    }

    /// The path from the root on, if it leads into one of our modules.
    fn resolve(&self, path: &[String]) -> Option<String> {
        let first = path.first()?;
        if self.modules.contains(first) {
            return Some(path.join("::"));
        }
        self.passed_on.get(first).filter(|to| self.modules.contains(top(to))).cloned()
    }
}

/// The paths that a file names, from the crate's root on.
struct Names {
    module: Vec<String>,
    found: Vec<Vec<String>>,
}

impl Names {
    /// Takes `crate::a::b`, and `super::b` as far as it leads.
    fn take(&mut self, path: &[String]) {
        let ups = path.iter().take_while(|name| *name == "super").count();
        match path.first().map(String::as_str) {
            Some("crate") => self.found.push(path[1..].to_vec()),
            Some("super") if ups <= self.module.len() => {
                let mut whole = self.module[..self.module.len() - ups].to_vec();
                whole.extend_from_slice(&path[ups..]);
                self.found.push(whole);
            }
            _ => {}
        }
    }

    /// What stands inside a macro call is not syntax yet: paths are looked for among its words.
    fn take_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) if colons == 2 || path.is_empty() => path.push(name.to_string()),
                TokenTree::Ident(name) => {
                    self.take(&path);
                    path = vec![name.to_string()];
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Group(group) => {
                    self.take(&path);
                    path.clear();
                    self.take_tokens(group.stream());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.take(&path);
                    path.clear();
                }
            }
            colons = 0;
        }
        self.take(&path);
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.module.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.module.pop();
    }

    fn visit_item_use(&mut self, used: &'ast syn::ItemUse) {
        let mut paths = Vec::new();
        flatten(&used.tree, &mut Vec::new(), &mut paths);
        for path in paths {
            self.take(&path);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.take(&names);
        visit::visit_path(self, path);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.take_tokens(call.tokens.clone());
    }
}

fn flatten(tree: &UseTree, before: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, found);
            before.pop();
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, before, found);
            }
        }
        UseTree::Name(name) if name.ident == "self" => found.push(before.clone()),
        UseTree::Name(name) => found.push(with(before, &name.ident)),
        UseTree::Rename(name) => found.push(with(before, &name.ident)),
        UseTree::Glob(_) => found.push(before.clone()),
    }
}

fn with(before: &[String], name: &syn::Ident) -> Vec<String> {
    before.iter().cloned().chain([name.to_string()]).collect()
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Const(item) => &item.attrs,
        _ => &[],
    }
}

/// The files of a module at the root, tests left out, each with its path as a module. Generated code has none here.
fn files_of(src: &Path, name: &str) -> Vec<(String, PathBuf)> {
    let mut found = vec![(name.to_owned(), src.join(name).with_extension("rs"))];
    found.retain(|(_, file)| file.exists());
    below(&src.join(name), name, &mut found);
    found
}

fn below(folder: &Path, path: &str, found: &mut Vec<(String, PathBuf)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let file = entry.unwrap().path();
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        if name == "tests" {
            continue;
        }
        let path = format!("{path}::{name}");
        match file.is_dir() {
            true => below(&file, &path, found),
            false if file.extension().is_some_and(|ending| ending == "rs") => found.push((path, file)),
            false => {}
        }
    }
}

fn parse(file: &Path) -> syn::File {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// What a file says in another dialect than the rest: imports that nest, and imports behind the modules.
pub(crate) fn foreign_to_the_dialect(file: &Path) -> Vec<&'static str> {
    let mut faults = Vec::new();
    let mut modules_began = false;
    for item in parse(file).items {
        match item {
            Item::Mod(module) if module.content.is_none() && !is_for_tests(&module.attrs) => {
                modules_began = true;
            }
            Item::Use(_) if modules_began => faults.push("a `use` behind a `mod`"),
            Item::Use(used) if nests(&used.tree) => faults.push("a `use` with braces that hold a path"),
            _ => {}
        }
    }
    faults
}

fn nests(tree: &UseTree) -> bool {
    match tree {
        UseTree::Path(path) => nests(&path.tree),
        UseTree::Group(group) => {
            group.items.iter().any(|tree| matches!(tree, UseTree::Path(_) | UseTree::Group(_)))
        }
        UseTree::Name(_) | UseTree::Rename(_) | UseTree::Glob(_) => false,
    }
}
