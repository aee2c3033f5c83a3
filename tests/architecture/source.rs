//! Reads a crate's sources: modules as they are declared, and every path that their code names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// A path as it was written, with its imports followed: `crate::api::Reply`, `std::process::Command::new`.
pub(crate) struct Named {
    /// The module that names it, without `crate`.
    pub(crate) module: String,
    pub(crate) path: String,
}

/// A static item.
pub(crate) struct Static {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) mutable: bool,
    /// Whether it can be filled or changed while the program runs.
    pub(crate) filled_later: bool,
}

/// One parsed file.
pub(crate) struct SourceFile {
    /// Below the repository's top.
    pub(crate) shown: String,
    /// `session::apply`.
    pub(crate) module: String,
    /// What it names outside of tests.
    pub(crate) named: Vec<Named>,
    pub(crate) statics: Vec<Static>,
    /// Names of the macros that it calls.
    pub(crate) macros: BTreeSet<String>,
    pub(crate) has_unsafe: bool,
}

/// A crate, from its roots.
pub(crate) struct Crate {
    pub(crate) files: Vec<SourceFile>,
    /// Modules of the library's top level.
    pub(crate) modules: BTreeSet<String>,
    /// Files in `src` that no module declares.
    pub(crate) orphans: BTreeSet<String>,
    manifest: String,
}

impl Crate {
    /// Reads the crate at `root`, following `mod` from `src/lib.rs` and `src/main.rs`. Modules that only tests have
    /// are followed, so that they are no orphans, and left out.
    pub(crate) fn read(root: &Path) -> Self {
        let mut reader = Reader { root, files: Vec::new(), seen: BTreeSet::new() };
        reader.file(&root.join("src/lib.rs"), &[], false);
        let modules = reader.files.iter().filter_map(|file| file.module.split("::").next()).map(str::to_owned);
        let modules = modules.filter(|name| name != "lib").collect();
        reader.file(&root.join("src/main.rs"), &["main".to_owned()], false);
        let all = super::rust_files(&root.join("src"));
        let orphans = all.filter(|path| !reader.seen.contains(path)).map(|path| shown(root, &path)).collect();
        let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
        Self { files: reader.files, modules, orphans, manifest }
    }

    /// Every dependency, as code names it.
    pub(crate) fn dependencies(&self) -> BTreeSet<String> {
        let manifest: toml::Table = self.manifest.parse().unwrap();
        let of = |table: &toml::Table| {
            let named = table.get("dependencies").and_then(toml::Value::as_table);
            named.into_iter().flat_map(|table| table.keys().map(|name| name.replace('-', "_"))).collect::<Vec<_>>()
        };
        let mut found: BTreeSet<String> = of(&manifest).into_iter().collect();
        let targets = manifest.get("target").and_then(toml::Value::as_table);
        for target in targets.into_iter().flat_map(|targets| targets.values()) {
            found.extend(target.as_table().map(of).unwrap_or_default());
        }
        found
    }
}

fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap().display().to_string()
}

struct Reader<'a> {
    root: &'a Path,
    files: Vec<SourceFile>,
    seen: BTreeSet<PathBuf>,
}

impl Reader<'_> {
    fn file(&mut self, path: &Path, module: &[String], of_tests: bool) {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self.seen.insert(path.to_owned());
        if !of_tests {
            let module = if module.is_empty() { "lib".to_owned() } else { module.join("::") };
            let mut file = read_file(&module, &parsed);
            file.shown = shown(self.root, path);
            self.files.push(file);
        }
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let beside = path.parent().unwrap().to_owned();
        let below = if matches!(stem.as_str(), "lib" | "main" | "mod") { beside.clone() } else { beside.join(stem) };
        self.children(&parsed.items, module, &beside, &below, of_tests);
    }

    fn children(&mut self, items: &[syn::Item], module: &[String], beside: &Path, below: &Path, of_tests: bool) {
        for item in items {
            let syn::Item::Mod(item) = item else { continue };
            let of_tests = of_tests || is_for_tests(&item.attrs);
            let name = item.ident.to_string();
            let module: Vec<String> = module.iter().cloned().chain([name.clone()]).collect();
            if let Some((_, items)) = &item.content {
                self.children(items, &module, beside, &below.join(&name), of_tests);
                continue;
            }
            let named = item.attrs.iter().find(|attr| attr.path().is_ident("path")).map(|attr| match &attr.meta {
                syn::Meta::NameValue(value) => match &value.value {
                    syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => beside.join(text.value()),
                    _ => panic!("a path is a string"),
                },
                _ => panic!("a path has a value"),
            });
            let flat = below.join(format!("{name}.rs"));
            let path = named.unwrap_or_else(|| if flat.exists() { flat } else { below.join(&name).join("mod.rs") });
            self.file(&path, &module, of_tests);
        }
    }
}

fn is_for_tests(attrs: &[syn::Attribute]) -> bool {
    attrs.iter().any(|attr| {
        let of = |name: &str| attr.path().is_ident(name);
        let list = || attr.meta.require_list().map(|list| list.tokens.to_string()).unwrap_or_default();
        of("test") || (of("cfg") && (list() == "test" || list().starts_with("all (test")))
    })
}

/// Reads code as if it were the file of `module`.
pub(crate) fn read_text(module: &str, code: &str) -> SourceFile {
    read_file(module, &syn::parse_file(code).unwrap())
}

fn read_file(module: &str, parsed: &syn::File) -> SourceFile {
    let empty = SourceFile {
        shown: String::new(),
        module: module.to_owned(),
        named: Vec::new(),
        statics: Vec::new(),
        macros: BTreeSet::new(),
        has_unsafe: false,
    };
    let module = module.split("::").filter(|part| *part != "lib").map(str::to_owned).collect();
    let mut names = Names { file: empty, module, imports: BTreeMap::new(), collecting: true };
    // imports first: a path may stand above the import that gives it its meaning
    names.visit_file(parsed);
    names.collecting = false;
    names.visit_file(parsed);
    names.file
}

struct Names {
    file: SourceFile,
    module: Vec<String>,
    imports: BTreeMap<String, String>,
    collecting: bool,
}

impl Names {
    /// The path with `self`, `super` and imported names followed.
    fn absolute(&self, parts: &[String]) -> String {
        let mut parts = parts.to_vec();
        let first = parts[0].as_str();
        if first == "self" || first == "super" {
            let ups = parts.iter().take_while(|part| *part == "super").count();
            let skip = ups.max(1);
            let kept = self.module.len().saturating_sub(ups);
            let mut whole = vec!["crate".to_owned()];
            whole.extend_from_slice(&self.module[..kept]);
            whole.extend(parts.drain(..).skip(skip));
            return whole.join("::");
        }
        if first == "paraph" {
            parts[0] = "crate".to_owned();
        } else if let Some(known) = self.imports.get(first) {
            parts[0].clone_from(known);
        }
        parts.join("::")
    }

    fn name(&mut self, parts: &[String]) {
        if parts.is_empty() || self.collecting {
            return;
        }
        let path = self.absolute(parts);
        if path.contains("::") || parts.len() > 1 {
            let module = if self.module.is_empty() { "lib".to_owned() } else { self.module.join("::") };
            self.file.named.push(Named { module, path });
        }
    }

    fn import(&mut self, parts: &[String], name: &str) {
        if self.collecting {
            let whole = self.absolute(parts);
            if parts.len() > 1 && name != "_" {
                self.imports.insert(name.to_owned(), whole);
            }
        } else {
            let whole = if parts.len() > 1 { parts.to_vec() } else { vec![parts[0].clone(), "self".to_owned()] };
            self.name(&whole);
        }
    }

    fn tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| before.iter().cloned().chain([name.to_string()]).collect::<Vec<_>>();
        match tree {
            syn::UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) if name.ident == "self" && !before.is_empty() => {
                self.import(before, before.last().unwrap());
            }
            syn::UseTree::Name(name) => self.import(&with(&name.ident), &name.ident.to_string()),
            syn::UseTree::Rename(rename) if rename.ident == "self" => self.import(before, &rename.rename.to_string()),
            syn::UseTree::Rename(rename) => self.import(&with(&rename.ident), &rename.rename.to_string()),
            syn::UseTree::Glob(_) => self.name(before),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(before, tree)),
        }
    }

    /// Paths in tokens that nobody parsed: `a::b::{c, d::e}` gives three.
    fn tokens(&mut self, before: &[String], tokens: TokenStream) {
        let mut path = before.to_vec();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons < 2 {
                        self.name(&std::mem::replace(&mut path, before.to_vec()));
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) if colons == 2 && group.delimiter() == Delimiter::Brace => {
                    self.tokens(&std::mem::replace(&mut path, before.to_vec()), group.stream());
                    colons = 0;
                }
                other => {
                    self.name(&std::mem::replace(&mut path, before.to_vec()));
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(&[], group.stream());
                    }
                }
            }
        }
        self.name(&path);
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attrs = match item {
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            syn::Item::Const(item) => &item.attrs,
            syn::Item::Static(item) => &item.attrs,
            syn::Item::Struct(item) => &item.attrs,
            syn::Item::Enum(item) => &item.attrs,
            syn::Item::Macro(item) => &item.attrs,
            syn::Item::ExternCrate(item) => &item.attrs,
            _ => &Vec::new(),
        };
        if !is_for_tests(attrs) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_for_tests(&item.attrs) {
            self.file.has_unsafe |= item.sig.unsafety.is_some();
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.name(&parts);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        if let Some(last) = item.path.segments.last() {
            self.file.macros.insert(last.ident.to_string());
        }
        self.tokens(&[], item.tokens.clone());
        visit::visit_macro(self, item);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(&[], list.tokens.clone());
        }
        visit::visit_attribute(self, attribute);
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        if !self.collecting {
            let kind = type_name(&item.ty);
            let cells = ["OnceLock", "LazyLock", "OnceCell", "Mutex", "RwLock", "RefCell", "Cell", "Atomic", "ArcSwap"];
            self.file.statics.push(Static {
                name: item.ident.to_string(),
                filled_later: cells.iter().any(|cell| kind.starts_with(cell)),
                kind,
                mutable: matches!(item.mutability, syn::StaticMutability::Mut(_)),
            });
        }
        visit::visit_item_static(self, item);
    }

    fn visit_expr_unsafe(&mut self, item: &'ast syn::ExprUnsafe) {
        self.file.has_unsafe = true;
        visit::visit_expr_unsafe(self, item);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.file.has_unsafe |= item.sig.unsafety.is_some();
        visit::visit_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.file.has_unsafe |= item.unsafety.is_some();
        visit::visit_item_impl(self, item);
    }
}

fn type_name(kind: &syn::Type) -> String {
    match kind {
        syn::Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default(),
        _ => String::new(),
    }
}

/// What no finished file holds.
pub(crate) fn forbidden(path: &Path, text: &str) -> Vec<String> {
    struct Forbidden(Vec<String>);
    impl<'ast> Visit<'ast> for Forbidden {
        fn visit_macro(&mut self, item: &'ast syn::Macro) {
            let name = item.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
            if matches!(name.as_str(), "todo" | "unimplemented") {
                self.0.push(format!("{name}!"));
            }
            visit::visit_macro(self, item);
        }
        fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
            if attribute.path().is_ident("ignore") {
                self.0.push("#[ignore]".to_owned());
            }
        }
    }
    let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut found = Forbidden(Vec::new());
    found.visit_file(&parsed);
    found.0
}
