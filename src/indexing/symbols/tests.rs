//! The symbol index on small trees.

use super::super::{CodeIndex, MemoryTagCache, NoTagCache};
use super::*;
use crate::diff::FileSide;
use crate::repository::MemoryTree;

fn tree(files: &[(&str, &str)]) -> MemoryTree {
    MemoryTree::new(files.iter().map(|(path, text)| (*path, FileSide::regular(text.as_bytes()))))
}

fn with_cache(cache: Arc<dyn TagCache>) -> SymbolIndex {
    SymbolIndex::new(Arc::new(Syntax::new()), cache, IndexSettings::default())
}

fn index(files: &[(&str, &str)], focus: &Focus) -> CodeIndex {
    with_cache(Arc::new(NoTagCache)).index(&tree(files), focus, &Cancel::new()).expect("a tree in memory reads")
}

fn order(index: &CodeIndex) -> Vec<String> {
    index.ranked_files().map(|(file, _)| file.path.to_string()).collect()
}

const SHOP: &[(&str, &str)] = &[
    ("README.md", "# Shop\n"),
    ("shop/__init__.py", ""),
    (
        "shop/cart.py",
        "from .money import Amount\nfrom shop.util import log\n\nclass Cart:\n    def total(self):\n        log('x')\n        return Amount(1)\n",
    ),
    ("shop/money.py", "class Amount:\n    def __init__(self, cents):\n        self.cents = cents\n"),
    ("shop/util.py", "def log(text):\n    print(text)\n\ndef unused_helper():\n    log('y')\n"),
    (
        "shop/checkout.py",
        "from shop.cart import Cart\nfrom shop.util import log\n\ndef checkout():\n    log('z')\n    return Cart().total()\n",
    ),
    ("tests/test_cart.py", "from shop.cart import Cart\n\ndef test_total():\n    assert Cart().total()\n"),
];

#[test]
fn definitions_references_and_edges_are_found() {
    let index = index(SHOP, &Focus::default());
    let sites: Vec<_> = index.definitions_of("Cart").map(|it| (it.file.path.to_string(), it.kind, it.line)).collect();
    assert_eq!(sites, [("shop/cart.py".to_owned(), DefinitionKind::Class, 4)]);
    let uses: Vec<_> = index.references_to("Cart").map(|it| (it.file.path.to_string(), it.line, it.count)).collect();
    assert_eq!(uses, [("shop/checkout.py".to_owned(), 1, 2), ("tests/test_cart.py".to_owned(), 1, 2)]);
    assert_eq!(index.references_to("print").count(), 0, "nobody here defines it");
    let used = |path: &str| index.uses_of(&path.into()).iter().map(|it| it.path.to_string()).collect::<Vec<_>>();
    assert_eq!(used("shop/cart.py"), ["shop/money.py", "shop/util.py"]);
    assert_eq!(used("shop/money.py"), [""; 0]);
    assert!(index.edges().iter().all(|edge| edge.imports), "every use here is imported");
}

#[test]
fn what_others_use_ranks_before_what_nobody_uses_without_a_goal() {
    let ranked = order(&index(SHOP, &Focus::default()));
    let place = |path: &str| ranked.iter().position(|it| it == path);
    for used in ["shop/money.py", "shop/util.py", "shop/cart.py"] {
        assert!(place(used) < place("shop/checkout.py") && place(used) < place("tests/test_cart.py"), "{ranked:?}");
    }
}

#[test]
fn the_file_that_defines_the_goals_word_ranks_first() {
    assert_eq!(order(&index(SHOP, &Focus::on_goal("round the Amount to cents")))[0], "shop/money.py");
    assert_eq!(order(&index(SHOP, &Focus::on_goal("remove `unused_helper`")))[0], "shop/util.py");
    assert_eq!(order(&index(SHOP, &Focus::on_goal("the cart is wrong")))[0], "shop/cart.py");
    assert_eq!(order(&index(SHOP, &Focus::on_goal("see shop/checkout.py")))[0], "shop/checkout.py");
    let focus = Focus { goal: String::new(), paths: vec!["tests/test_cart.py".into()] };
    let ranked = order(&index(SHOP, &focus));
    assert_eq!(ranked[..2], ["tests/test_cart.py", "shop/cart.py"], "what the focus uses comes next");
}

#[test]
fn the_same_tree_again_is_one_read_and_the_same_index() {
    let cache = Arc::new(MemoryTagCache::default());
    let cold = with_cache(cache.clone()).index(&tree(SHOP), &Focus::default(), &Cancel::new()).expect("reads");
    assert_eq!(cache.len(), 7, "six blobs and the tree");
    let warm = with_cache(cache.clone()).index(&tree(SHOP), &Focus::default(), &Cancel::new()).expect("reads");
    assert_eq!(cold.table(), warm.table());
    assert_eq!(order(&cold), order(&warm));
    assert_eq!(cache.len(), 7, "nothing new was kept");
}

#[test]
fn one_changed_file_is_parsed_alone() {
    let cache = Arc::new(MemoryTagCache::default());
    with_cache(cache.clone()).index(&tree(SHOP), &Focus::default(), &Cancel::new()).expect("reads");
    let mut changed = SHOP.to_vec();
    changed[3] = ("shop/money.py", "class Amount:\n    pass\n\nclass Currency:\n    pass\n");
    let index = with_cache(cache.clone()).index(&tree(&changed), &Focus::default(), &Cancel::new()).expect("reads");
    assert_eq!(cache.len(), 9, "one more blob and one more tree");
    assert_eq!(index.definitions_of("Currency").count(), 1);
    assert_eq!(*index.table(), *self::index(&changed, &Focus::default()).table(), "as if from nothing");
}

#[test]
fn a_damaged_cache_counts_as_forgotten() {
    let cache = Arc::new(MemoryTagCache::default());
    let sound = with_cache(cache.clone()).index(&tree(SHOP), &Focus::default(), &Cancel::new()).expect("reads");
    let key = tree_key(tree(SHOP).id(), &IndexSettings::default());
    let bytes = cache.get(&key).expect("kept");
    for at in 0..bytes.len() {
        let cut = Table::decode(&bytes[..at]);
        assert!(cut.is_none(), "cut at {at}");
        let mut flipped = bytes.clone();
        flipped[at] ^= 0xff;
        if let Some(table) = Table::decode(&flipped) {
            rank::by_walk(&table, &Focus::on_goal("cart total")); // whatever it says, it is in range
        }
    }
    cache.put(vec![CacheRecord { key, value: bytes[..bytes.len() / 2].to_vec() }]);
    let healed = with_cache(cache).index(&tree(SHOP), &Focus::default(), &Cancel::new()).expect("reads");
    assert_eq!(sound.table(), healed.table());
}

#[test]
fn files_of_every_kind_are_listed_with_what_was_not_read() {
    let big = "x = 1\n".repeat(200_000);
    let deep = format!("x = {}1{}", "(".repeat(60_000), ")".repeat(60_000));
    let index = index(
        &[("big.py", &big), ("binary.py", "a\0b"), ("deep.py", &deep), ("empty.py", ""), ("wrong.rs", "fn }{ (((")],
        &Focus::default(),
    );
    let skipped = |path: &str| index.file(&path.into()).map(|file| file.skipped);
    assert_eq!(skipped("big.py"), Some(Some(SkipReason::TooLarge)));
    assert_eq!(skipped("binary.py"), Some(Some(SkipReason::Binary)));
    assert_eq!(skipped("deep.py"), Some(None));
    assert_eq!(skipped("empty.py"), Some(None));
    assert_eq!(skipped("wrong.rs"), Some(None));
}

#[test]
fn bytes_that_are_no_text_do_no_harm() {
    let files = [("a\nb\x1b.py".as_bytes(), &b"def f\xff(): \xc3\n"[..]), (b"\xff\xfe.py", b"def g(): pass\n")];
    let tree =
        MemoryTree::new(files.map(|(path, bytes)| (crate::id::RepoPath::from_bytes(path), FileSide::regular(bytes))));
    let index = with_cache(Arc::new(NoTagCache)).index(&tree, &Focus::on_goal("g"), &Cancel::new()).expect("reads");
    assert_eq!(index.definitions_of("g").count(), 1);
    assert!(index.map(1000).raw().contains(r#""\377\376.py""#), "names are quoted: {:?}", index.map(1000));
}

#[test]
fn a_tree_of_many_files_is_indexed() {
    let texts: Vec<(String, String)> =
        (0..20_000).map(|n| (format!("d{}/f{n}.py", n % 100), format!("def f{n}():\n    f{}()\n", n / 2))).collect();
    let files = texts.iter().map(|(path, text)| (path.as_str(), FileSide::regular(text.as_bytes())));
    let index = with_cache(Arc::new(NoTagCache))
        .index(&MemoryTree::new(files), &Focus::on_goal("f77"), &Cancel::new())
        .expect("reads");
    assert_eq!(index.symbol_counts(), (20_000, 20_000));
    assert_eq!(order(&index)[0], "d77/f77.py");
}

#[test]
fn an_empty_tree_has_an_empty_index() {
    let index = index(&[], &Focus::on_goal("anything"));
    assert_eq!((index.files().len(), index.map(1000).raw().len()), (0, 0));
}
