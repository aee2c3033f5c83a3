//! An updated table is the one that is made from nothing.

use std::sync::Arc;

use super::super::cache::latest_key;
use super::super::{Focus, IndexSettings, IndexStrategy as _, MemoryTagCache, NoTagCache, SymbolIndex, TagCache};
use super::Table;
use crate::cancel::Cancel;
use crate::diff::FileSide;
use crate::id::{ObjectId, RepoPath};
use crate::repository::{MemoryTree, PathChange, Tree, TreeEntry, TreeError};
use crate::syntax::Syntax;

/// A tree that can be compared with the one before it, as those of one repository can.
struct Next {
    tree: MemoryTree,
    before: Option<MemoryTree>,
}

impl Next {
    fn of(files: &[(String, String)], before: Option<&Self>) -> Self {
        let sides = files.iter().map(|(path, text)| (path.as_str(), FileSide::regular(text.as_bytes())));
        Self { tree: MemoryTree::new(sides), before: before.map(|before| before.tree.clone()) }
    }
}

impl Tree for Next {
    fn id(&self) -> &ObjectId {
        self.tree.id()
    }

    fn entries(&self) -> Result<Arc<[TreeEntry]>, TreeError> {
        self.tree.entries()
    }

    fn entry(&self, path: &RepoPath) -> Result<Option<TreeEntry>, TreeError> {
        self.tree.entry(path)
    }

    fn content(&self, entry: &TreeEntry) -> Result<Arc<[u8]>, TreeError> {
        self.tree.content(entry)
    }

    fn size(&self, entry: &TreeEntry) -> Result<u64, TreeError> {
        self.tree.size(entry)
    }

    fn store(&self) -> Option<String> {
        Some("shop".to_owned())
    }

    fn changed_since(&self, old: &ObjectId) -> Result<Option<Vec<PathChange>>, TreeError> {
        let Some(before) = self.before.as_ref().filter(|before| before.id() == old) else { return Ok(None) };
        let (old, new) = (before.entries()?, self.entries()?);
        let mut paths: Vec<&RepoPath> = old.iter().chain(new.iter()).map(|entry| &entry.path).collect();
        paths.sort();
        paths.dedup();
        let at = |entries: &[TreeEntry], path: &RepoPath| entries.iter().find(|entry| entry.path == *path).cloned();
        let differs = |path: &&&RepoPath| at(&old, path) != at(&new, path);
        Ok(Some(paths.iter().filter(differs).map(|path| ((*path).clone(), at(&new, path))).collect()))
    }
}

fn files(files: &[(&str, &str)]) -> Vec<(String, String)> {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

fn strategy(cache: Arc<dyn TagCache>) -> SymbolIndex {
    SymbolIndex::new(Arc::new(Syntax::new()), cache, IndexSettings::default())
}

/// The table of `after` by way of that of `before`, and from nothing.
fn both(before: &[(String, String)], after: &[(String, String)]) -> (Option<Table>, Arc<Table>) {
    let cache: Arc<dyn TagCache> = Arc::new(MemoryTagCache::default());
    let first = Next::of(before, None);
    let next = Next::of(after, Some(&first));
    let index = strategy(cache);
    index.index(&first, &Focus::default(), &Cancel::new()).expect("a tree in memory reads");
    let latest = latest_key("shop", &IndexSettings::default());
    let updated = index.update(&next, &latest, &Cancel::new()).expect("reads");
    (updated, strategy(Arc::new(NoTagCache)).table(&next, &Cancel::new()).expect("reads"))
}

const SHOP: &[(&str, &str)] = &[
    ("README.md", "# Shop\n"),
    ("shop/__init__.py", ""),
    (
        "shop/cart.py",
        "from .money import Amount\n\nclass Cart:\n    def total(self):\n        return Amount(1) + vat(2)\n",
    ),
    ("shop/money.py", "class Amount:\n    pass\n\ndef rate():\n    return 1\n"),
    ("shop/tax.py", "from .money import rate\n\ndef tax():\n    return rate() + vat(1)\n"),
    ("tests/test_cart.py", "from shop.cart import Cart\n\ndef test_total():\n    assert Cart().total()\n"),
];

/// `path` gets another text: the table is updated to what it would be from nothing.
#[track_caller]
fn check(path: &str, text: &str) {
    let before = files(SHOP);
    let mut after = before.clone();
    after.iter_mut().find(|(at, _)| at == path).expect("a file of the shop").1 = text.to_owned();
    let (updated, made) = both(&before, &after);
    let updated = updated.expect("one text differs");
    assert_eq!(updated, *made);
}

#[test]
fn a_text_that_differs_is_put_in() {
    check("shop/money.py", "class Amount:\n    pass\n\ndef rate():\n    return 2\n");
    check("shop/money.py", "\n\nclass Amount:\n    pass\n\ndef rate():\n    return Cart()\n");
    check("README.md", "# The shop\n\nmore\n");
}

#[test]
fn names_that_come_and_go_are_tied_to_their_uses_elsewhere() {
    check("shop/money.py", "class Amount:\n    pass\n\ndef rate():\n    return 1\n\ndef vat(n):\n    return n\n");
    check("shop/money.py", "class Amount:\n    pass\n");
    check("shop/money.py", "");
    check("shop/tax.py", "class Amount:\n    pass\n\nclass Zzz:\n    pass\n");
    check("shop/__init__.py", "def vat(n):\n    return n\n\ndef aaa():\n    return tax()\n");
}

#[test]
fn imports_that_come_and_go_are_followed() {
    check("shop/tax.py", "from .cart import Cart\n\ndef tax():\n    return rate()\n");
    check("shop/tax.py", "def tax():\n    return rate() + vat(1)\n");
    check("shop/__init__.py", "from .cart import Cart\nfrom .money import *\n");
}

#[test]
fn what_cannot_be_promised_is_made_from_nothing() {
    let before = files(SHOP);
    let mut more = before.clone();
    more.push(("shop/vat.py".to_owned(), "def vat(n):\n    return n\n".to_owned()));
    assert_eq!(both(&before, &more).0, None, "a file came");
    assert_eq!(both(&more, &before).0, None, "a file went");
    let sharp = |name: &str| files(&[("a.cs", &format!("namespace {name} {{ class A {{ }} }}\n"))]);
    assert_eq!(both(&sharp("One"), &sharp("Two")).0, None, "others may import the namespace");
}

#[test]
fn an_updated_table_is_kept_for_the_next() {
    let cache = Arc::new(MemoryTagCache::default());
    let first = Next::of(&files(SHOP), None);
    let mut after = files(SHOP);
    after[3].1 = "class Amount:\n    pass\n".to_owned();
    let next = Next::of(&after, Some(&first));
    let index = strategy(cache.clone());
    for tree in [&first, &next] {
        index.index(tree, &Focus::default(), &Cancel::new()).expect("reads");
    }
    while index.kept(next.id()).is_none() {
        std::thread::yield_now(); // it is written behind the answer's back
    }
    assert_eq!(
        index.kept(next.id()),
        Some(strategy(Arc::new(NoTagCache)).build(&next, &Cancel::new()).expect("reads"))
    );
}

#[test]
fn a_long_history_of_changes_ends_in_the_same_table() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let text = |random: &mut dyn FnMut(u64) -> u64| {
        let mut text = format!("from .m{} import f{}\n", random(12), random(30));
        for _ in 0..random(5) {
            text.push_str(&format!("def f{}():\n    g{}(f{}())\n", random(30), random(4), random(30)));
        }
        text
    };
    let mut now: Vec<(String, String)> = (0..12).map(|n| (format!("p/m{n}.py"), text(&mut random))).collect();
    for _ in 0..150 {
        let before = now.clone();
        for _ in 0..=random(2) {
            let at = random(12) as usize;
            now[at].1 = text(&mut random);
        }
        let (updated, made) = both(&before, &now);
        assert_eq!(updated.as_ref(), Some(&*made), "{before:?} became {now:?}");
    }
}
