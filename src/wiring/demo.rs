//! The throw-away repository of `paraph demo`: small, real, with tests that pass and a few things to mend.

use std::path::Path;

use crate::api::{Failure, FailureKind};
use crate::cancel::Cancel;
use crate::infrastructure::process::Git;

/// What the demo asks for.
pub(super) const GOAL: &str = "compare with None by identity, and give no function a shared default argument";

/// The rules that the demo's goal is about.
pub(super) const RULES: &[&str] = &["py-none-equality", "py-mutable-default"];

const FILES: &[(&str, &str)] = &[
    ("README.md", "# orchard\n\nKeeps count of trees and what they bear. Run the tests with `python3 -m unittest`.\n"),
    (
        "orchard/__init__.py",
        "\"\"\"An orchard, its trees and its harvest.\"\"\"\n\nfrom orchard.harvest import Harvest, best_tree\nfrom orchard.trees import Tree, find_tree, plant\n\n__all__ = [\"Harvest\", \"Tree\", \"best_tree\", \"find_tree\", \"plant\"]\n",
    ),
    (
        "orchard/trees.py",
        "\"\"\"Trees by name.\"\"\"\n\n\nclass Tree:\n    \"\"\"A tree of some kind, planted in some year.\"\"\"\n\n    def __init__(self, name, kind, year=None):\n        self.name = name\n        self.kind = kind\n        self.year = year\n\n    def age(self, now):\n        \"\"\"Years since it was planted; None where nobody knows.\"\"\"\n        if self.year == None:\n            return None\n        return now - self.year\n\n\ndef plant(tree, row=[]):\n    row.append(tree)\n    return row\n\n\ndef find_tree(row, name):\n    \"\"\"The tree of that name, or None.\"\"\"\n    for tree in row:\n        if tree.name == name:\n            return tree\n    return None\n",
    ),
    (
        "orchard/harvest.py",
        "\"\"\"What the trees bear.\"\"\"\n\n\nclass Harvest:\n    \"\"\"Kilograms by tree.\"\"\"\n\n    def __init__(self):\n        self.kilograms = {}\n\n    def pick(self, tree, kilograms, notes=[]):\n        notes.append(f\"{tree.name}: {kilograms}\")\n        self.kilograms[tree.name] = self.kilograms.get(tree.name, 0) + kilograms\n        return notes\n\n    def of(self, tree):\n        \"\"\"Kilograms picked from a tree.\"\"\"\n        picked = self.kilograms.get(tree.name)\n        if picked != None:\n            return picked\n        return 0\n\n\ndef best_tree(harvest, row):\n    \"\"\"The tree that bore the most, or None for an empty row.\"\"\"\n    best = None\n    for tree in row:\n        if best == None or harvest.of(tree) > harvest.of(best):\n            best = tree\n    return best\n",
    ),
    ("tests/__init__.py", ""),
    (
        "tests/test_orchard.py",
        "import unittest\n\nfrom orchard import Harvest, Tree, best_tree, find_tree, plant\n\n\nclass OrchardTest(unittest.TestCase):\n    def test_a_tree_without_a_year_has_no_age(self):\n        self.assertIsNone(Tree(\"old one\", \"pear\").age(2026))\n        self.assertEqual(Tree(\"young one\", \"apple\", 2020).age(2026), 6)\n\n    def test_rows_do_not_share_their_trees(self):\n        first = plant(Tree(\"a\", \"apple\"))\n        second = plant(Tree(\"b\", \"pear\"))\n        self.assertEqual([tree.name for tree in first], [\"a\"])\n        self.assertEqual([tree.name for tree in second], [\"b\"])\n\n    def test_trees_are_found_by_name(self):\n        row = plant(Tree(\"c\", \"cherry\"), [])\n        self.assertEqual(find_tree(row, \"c\").kind, \"cherry\")\n        self.assertIsNone(find_tree(row, \"d\"))\n\n\nclass HarvestTest(unittest.TestCase):\n    def test_picking_adds_up(self):\n        harvest, tree = Harvest(), Tree(\"e\", \"apple\")\n        harvest.pick(tree, 3, [])\n        harvest.pick(tree, 4, [])\n        self.assertEqual(harvest.of(tree), 7)\n\n    def test_notes_are_not_shared(self):\n        tree = Tree(\"f\", \"plum\")\n        Harvest().pick(tree, 1)\n        self.assertEqual(Harvest().pick(tree, 2), [\"f: 2\"])\n\n    def test_the_best_tree_bore_the_most(self):\n        harvest, row = Harvest(), []\n        self.assertIsNone(best_tree(harvest, row))\n        for name, kilograms in ((\"g\", 2), (\"h\", 5)):\n            tree = Tree(name, \"apple\")\n            plant(tree, row)\n            harvest.pick(tree, kilograms, [])\n        self.assertEqual(best_tree(harvest, row).name, \"h\")\n\n\nif __name__ == \"__main__\":\n    unittest.main()\n",
    ),
    (
        ".paraph.toml",
        "# read from the base commit: what a proposal says here does not count\n[[check]]\nname = \"unittest\"\nkind = \"test\"\ncommand = [\"python3\", \"-m\", \"unittest\", \"-v\"]\ntimeout_s = 60\n",
    ),
];

/// Writes the repository to the empty folder `into` and commits it.
///
/// # Errors
/// A [`Failure`] where a file cannot be written, or git is missing.
pub(super) fn make_repository(into: &Path, path: &std::ffi::OsStr) -> Result<(), Failure> {
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        Failure::new(FailureKind::Failed, format!("cannot make the demo's repository: {what}: {error}"))
            .hint("paraph doctor")
    };
    for (name, text) in FILES {
        let file = into.join(name);
        let folder = file.parent().expect("every file of the demo lies in a folder");
        std::fs::create_dir_all(folder).map_err(|error| failed("mkdir", &error))?;
        std::fs::write(&file, text).map_err(|error| failed("write", &error))?;
    }
    let git = Git::new(path);
    let cancel = Cancel::new();
    let steps: [&[&str]; 6] = [
        &["init", "-q", "-b", "main"],
        &["config", "user.name", "Paraph demo"],
        &["config", "user.email", "demo@paraph.invalid"],
        &["config", "commit.gpgSign", "false"],
        &["add", "--all"],
        &["commit", "-q", "-m", "feat: an orchard with its harvest"],
    ];
    for args in steps {
        git.run(into, args, &cancel).map_err(|error| failed(&format!("git {}", args[0]), &error))?;
    }
    Ok(())
}
