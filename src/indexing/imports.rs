//! From what a file asks for to the files of the tree that answer.

use std::collections::HashMap;

use super::code_index::IndexedFile;
use crate::syntax::Language;

/// The most files one import leads to: a package or a namespace of more is no close tie to any of them.
const MAX_TARGETS: usize = 24;

/// Finds files by path, name and folder.
pub(super) struct Resolver<'a> {
    files: &'a [IndexedFile],
    by_path: HashMap<&'a str, u32>,
    by_name: HashMap<&'a str, Vec<u32>>,
    by_folder: HashMap<&'a str, Vec<u32>>,
    /// Rust crates by the name of their folder, `-` as `_`: the folder with their sources.
    crates: HashMap<String, String>,
    /// C# namespaces and the files that declare them.
    namespaces: HashMap<&'a str, Vec<u32>>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(files: &'a [IndexedFile], namespaces: HashMap<&'a str, Vec<u32>>) -> Self {
        let mut resolver = Self {
            files,
            by_path: HashMap::with_capacity(files.len()),
            by_name: HashMap::new(),
            by_folder: HashMap::new(),
            crates: HashMap::new(),
            namespaces,
        };
        for (at, file) in files.iter().enumerate() {
            // a path that is not UTF-8 cannot be asked for by source code
            let Some(path) = file.path.as_utf8() else { continue };
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            resolver.by_path.insert(path, at as u32);
            resolver.by_name.entry(name).or_default().push(at as u32);
            resolver.by_folder.entry(folder).or_default().push(at as u32);
            if name == "Cargo.toml" {
                let crate_name = folder.rsplit('/').next().unwrap_or(folder).replace('-', "_");
                // the crate at the root has no folder to be named after
                if !crate_name.is_empty() {
                    resolver.crates.insert(crate_name, under(folder, "src"));
                }
            }
        }
        resolver
    }

    /// The files that `spec` of file `at` leads to, without itself.
    pub(super) fn resolve(&self, at: u32, spec: &str) -> Vec<u32> {
        let file = &self.files[at as usize];
        let (Some(path), Some(language)) = (file.path.as_utf8(), file.language) else { return Vec::new() };
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut found = match language {
            Language::Rust => self.rust(path, folder, spec),
            Language::Python => self.python(folder, spec),
            Language::JavaScript | Language::TypeScript | Language::Tsx => self.javascript(folder, spec),
            Language::Go => self.go(spec),
            Language::Java => self.java(spec),
            Language::C | Language::Cpp => self.include(folder, spec),
            Language::CSharp => self.namespaces.get(spec).cloned().unwrap_or_default(),
            Language::Ruby => self.ruby(folder, spec),
            Language::Php => self.php(folder, spec),
            Language::Bash => self.bash(folder, spec),
            _ => Vec::new(),
        };
        found.retain(|target| *target != at);
        found.truncate(MAX_TARGETS);
        found
    }

    fn at(&self, path: &str) -> Option<u32> {
        self.by_path.get(path).copied()
    }

    fn first_of(&self, candidates: impl IntoIterator<Item = String>) -> Vec<u32> {
        candidates.into_iter().find_map(|path| self.at(&path)).into_iter().collect()
    }

    /// Files whose path ends with `suffix`, whole components; at most a few, nearest to `folder` first.
    fn ending_with(&self, folder: &str, suffix: &str, most: usize) -> Vec<u32> {
        let name = suffix.rsplit('/').next().unwrap_or(suffix);
        let Some(all) = self.by_name.get(name).filter(|all| all.len() <= 200) else { return Vec::new() };
        let path_of = |at: u32| self.files[at as usize].path.as_utf8().unwrap_or_default();
        let ends = |path: &str| path.strip_suffix(suffix).is_some_and(|head| head.is_empty() || head.ends_with('/'));
        let mut found: Vec<u32> = all.iter().copied().filter(|at| ends(path_of(*at))).collect();
        let shared = |path: &str| path.bytes().zip(folder.bytes()).take_while(|(a, b)| a == b).count();
        found.sort_by_key(|at| (std::cmp::Reverse(shared(path_of(*at))), *at));
        found.truncate(most);
        found
    }

    fn rust(&self, path: &str, folder: &str, spec: &str) -> Vec<u32> {
        let name = path.rsplit('/').next().unwrap_or(path);
        // the folder of this module's children
        let own = if matches!(name, "mod.rs" | "lib.rs" | "main.rs") {
            folder.to_owned()
        } else {
            join(folder, name.trim_end_matches(".rs")).unwrap_or_default()
        };
        if let Some(child) = spec.strip_prefix("mod ") {
            return self.rust_module(&own, &[child]);
        }
        let mut segments: Vec<&str> = spec.split("::").map(str::trim).filter(|part| !part.is_empty()).collect();
        let mut base = match segments.first() {
            Some(&"crate") => self.crate_root(folder),
            Some(&"self" | &"super") => own.clone(),
            Some(other) => match self.crates.get(*other) {
                Some(root) => root.clone(),
                None => return self.rust_module(&own, &segments), // a child module, or a crate from elsewhere
            },
            None => return Vec::new(),
        };
        while segments.first() == Some(&"super") {
            base = parent(&base).to_owned();
            segments.remove(0);
        }
        let names_base = |first: &&str| {
            matches!(*first, "crate" | "self") || self.crates.get(*first).is_some_and(|root| *root == base)
        };
        if segments.first().is_some_and(names_base) {
            segments.remove(0);
        }
        let found = self.rust_module(&base, &segments);
        if found.is_empty() {
            self.first_of(["lib.rs", "main.rs", "mod.rs"].map(|end| under(&base, end)))
        } else {
            found
        }
    }

    /// The deepest module file along `segments` below `base`.
    fn rust_module(&self, base: &str, segments: &[&str]) -> Vec<u32> {
        (1..=segments.len().min(12))
            .rev()
            .find_map(|length| {
                let stem = under(base, &segments[..length].join("/"));
                self.at(&format!("{stem}.rs")).or_else(|| self.at(&format!("{stem}/mod.rs")))
            })
            .into_iter()
            .collect()
    }

    fn crate_root(&self, folder: &str) -> String {
        let is_root = |folder: &&str| ["lib.rs", "main.rs"].iter().any(|name| self.at(&under(folder, name)).is_some());
        ancestors(folder).find(is_root).unwrap_or(folder).to_owned()
    }

    fn python(&self, folder: &str, spec: &str) -> Vec<u32> {
        let dots = spec.bytes().take_while(|byte| *byte == b'.').count();
        let path = spec[dots..].replace('.', "/");
        let module = |base: &str| {
            let stem = under(base, &path);
            let package = under(&stem, "__init__.py");
            self.first_of([format!("{stem}.py"), package, format!("{stem}.pyi"), under(&stem, "__init__.pyi")])
        };
        if dots > 0 {
            return ancestors(folder).nth(dots - 1).map(module).unwrap_or_default();
        }
        // from the root down, so that `import json` does not find a `json.py` beside the file before the package's
        let mut bases: Vec<String> = ancestors(folder).map(str::to_owned).collect();
        bases.push("src".to_owned());
        bases.push("lib".to_owned());
        bases.iter().rev().map(|base| module(base)).find(|found| !found.is_empty()).unwrap_or_default()
    }

    fn javascript(&self, folder: &str, spec: &str) -> Vec<u32> {
        let bases: Vec<String> = if spec.starts_with('.') {
            join(folder, spec).into_iter().collect()
        } else {
            let rest = spec.trim_start_matches("@/").trim_start_matches("~/").trim_start_matches('/');
            vec![under("src", rest), rest.to_owned()]
        };
        const ENDS: [&str; 14] = [
            "",
            ".ts",
            ".tsx",
            ".d.ts",
            ".js",
            ".jsx",
            ".mjs",
            ".cjs",
            ".mts",
            ".json",
            "/index.ts",
            "/index.tsx",
            "/index.js",
            "/index.jsx",
        ];
        let swapped = |base: &str| {
            let stem = [".js", ".jsx", ".mjs", ".cjs"].iter().find_map(|end| base.strip_suffix(end))?;
            Some([format!("{stem}.ts"), format!("{stem}.tsx"), format!("{stem}.mts")])
        };
        let candidates = bases.iter().flat_map(|base| {
            let plain = ENDS.iter().map(move |end| format!("{base}{end}"));
            plain.chain(swapped(base).into_iter().flatten()).collect::<Vec<_>>()
        });
        self.first_of(candidates)
    }

    fn go(&self, spec: &str) -> Vec<u32> {
        let parts: Vec<&str> = spec.split('/').collect();
        let is_own = parts.first().is_some_and(|first| first.contains('.')) || parts.len() > 1;
        let mut suffixes = (0..parts.len()).map(|from| parts[from..].join("/")).filter(|_| is_own && parts.len() < 20);
        let is_source = |at: &&u32| {
            let name = self.files[**at as usize].path.file_name();
            name.ends_with(b".go") && !name.ends_with(b"_test.go")
        };
        suffixes
            .find_map(|folder| {
                let found: Vec<u32> = self.by_folder.get(folder.as_str())?.iter().filter(is_source).copied().collect();
                (!found.is_empty()).then_some(found)
            })
            .unwrap_or_default()
    }

    fn java(&self, spec: &str) -> Vec<u32> {
        let path = spec.replace('.', "/");
        if let Some(package) = path.strip_suffix("/*") {
            let file = |folder: &str| self.by_folder.get(folder).cloned().unwrap_or_default();
            let found = file(&under("src/main/java", package));
            return if found.is_empty() { file(package) } else { found };
        }
        // a class, else the class of a static member, else the class around a nested one
        let mut stem = path.as_str();
        for _ in 0..3 {
            let found = self.ending_with("", &format!("{stem}.java"), 2);
            if !found.is_empty() {
                return found;
            }
            stem = parent(stem);
            if stem.is_empty() {
                break;
            }
        }
        Vec::new()
    }

    fn include(&self, folder: &str, spec: &str) -> Vec<u32> {
        let beside = join(folder, spec).and_then(|path| self.at(&path));
        match beside {
            Some(at) => vec![at],
            None => self.ending_with(folder, spec.trim_start_matches("../").trim_start_matches("./"), 2),
        }
    }

    fn ruby(&self, folder: &str, spec: &str) -> Vec<u32> {
        let file = if spec.ends_with(".rb") { spec.to_owned() } else { format!("{spec}.rb") };
        match join(folder, &file).and_then(|path| self.at(&path)) {
            Some(at) => vec![at],
            None => self.ending_with(folder, file.trim_start_matches("./"), 1),
        }
    }

    fn php(&self, folder: &str, spec: &str) -> Vec<u32> {
        if let Some(path) = spec.ends_with(".php").then(|| spec.rsplit(['\'', '"']).next().unwrap_or(spec)) {
            let path = path.trim_start_matches('/');
            let beside = join(folder, path).and_then(|path| self.at(&path));
            return beside.map_or_else(|| self.ending_with(folder, path, 1), |at| vec![at]);
        }
        // PSR-4: the namespace's first parts are a folder of another name; the longest tail that fits is meant
        let parts: Vec<&str> = spec.trim_start_matches('\\').split('\\').collect();
        (0..parts.len().min(12))
            .map(|from| self.ending_with(folder, &format!("{}.php", parts[from..].join("/")), 1))
            .find(|found| !found.is_empty())
            .unwrap_or_default()
    }

    fn bash(&self, folder: &str, spec: &str) -> Vec<u32> {
        // `$DIR/lib.sh`, `$(dirname "$0")/lib.sh`: what follows the last variable
        let plain = spec.rsplit(['$', '}', ')', '"']).next().unwrap_or(spec);
        let plain =
            if plain.len() < spec.len() { plain.split_once('/').map_or(plain, |(_, rest)| rest) } else { plain };
        let beside =
            join(folder, plain).and_then(|path| self.at(&path)).or_else(|| self.at(plain.trim_start_matches("./")));
        beside.map_or_else(|| self.ending_with(folder, plain.trim_start_matches("./"), 1), |at| vec![at])
    }
}

/// `folder` and each folder around it, the root (empty) last.
fn ancestors(folder: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder), |folder| (!folder.is_empty()).then(|| parent(folder)))
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn under(folder: &str, rest: &str) -> String {
    match (folder, rest) {
        ("", rest) => rest.to_owned(),
        (folder, "") => folder.to_owned(),
        _ => format!("{folder}/{rest}"),
    }
}

/// `a/b` and `../c/./d` give `a/c/d`; `None` where it leaves the tree.
fn join(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RepoPath;

    /// A tree of `paths`; `spec` of `from` must lead to `expected`.
    #[track_caller]
    fn check(paths: &str, from: &str, spec: &str, expected: &str) {
        let mut paths: Vec<&str> = paths.split(' ').chain([from]).collect();
        paths.sort_unstable();
        paths.dedup();
        let file = |path: &&str| IndexedFile {
            path: RepoPath::from(*path),
            blob: "1".repeat(40).parse().expect("an id"),
            bytes: 0,
            language: Language::from_path(&RepoPath::from(*path), b""),
            lines: 0,
            skipped: None,
        };
        let files: Vec<IndexedFile> = paths.iter().map(file).collect();
        let at = paths.binary_search(&from).expect("it is among them") as u32;
        let found = Resolver::new(&files, HashMap::new()).resolve(at, spec);
        let names: Vec<String> = found.iter().map(|at| files[*at as usize].path.to_string()).collect();
        assert_eq!(names.join(" "), expected, "{spec} from {from}");
    }

    #[test]
    fn rust_modules_and_crates() {
        let tree = "src/lib.rs src/id.rs src/id/path.rs src/diff/mod.rs src/diff/change.rs crates/my-util/Cargo.toml \
                    crates/my-util/src/lib.rs crates/my-util/src/fs.rs";
        let tree = &tree.split_whitespace().collect::<Vec<_>>().join(" ");
        check(tree, "src/diff/mod.rs", "mod change", "src/diff/change.rs");
        check(tree, "src/id.rs", "mod path", "src/id/path.rs");
        check(tree, "src/diff/change.rs", "crate::id::RepoPath", "src/id.rs");
        check(tree, "src/diff/change.rs", "crate::id::path::X", "src/id/path.rs");
        check(tree, "src/diff/change.rs", "crate::Thing", "src/lib.rs");
        check(tree, "src/diff/change.rs", "super::FileSide", "src/diff/mod.rs");
        check(tree, "src/id.rs", "my_util::fs::read", "crates/my-util/src/fs.rs");
        check(tree, "src/id.rs", "std::fmt", "");
        let rooted = &format!("Cargo.toml {tree}");
        check(rooted, "src/diff/change.rs", "super::super", "src/lib.rs");
        check(rooted, "src/diff/change.rs", "super::super::super::super", "");
        check(rooted, "src/diff/change.rs", "::", "");
        check(rooted, "src/diff/change.rs", "crate", "src/lib.rs");
    }

    #[test]
    fn python_modules() {
        let tree = "pkg/__init__.py pkg/a.py pkg/sub/__init__.py pkg/sub/b.py src/other/c.py";
        check(tree, "pkg/sub/b.py", ".", "pkg/sub/__init__.py");
        check(tree, "pkg/sub/b.py", "..a", "pkg/a.py");
        check(tree, "pkg/sub/b.py", "pkg.a", "pkg/a.py");
        check(tree, "pkg/a.py", ".sub", "pkg/sub/__init__.py");
        check(tree, "pkg/a.py", "other.c", "src/other/c.py");
        check(tree, "pkg/a.py", "os.path", "");
        check(tree, "pkg/a.py", ".....x", "");
    }

    #[test]
    fn javascript_files() {
        let tree = "src/a.ts src/ui/index.tsx src/ui/button.jsx lib/x.js";
        check(tree, "src/main.ts", "./a", "src/a.ts");
        check(tree, "src/main.ts", "./a.js", "src/a.ts");
        check(tree, "src/main.ts", "./ui", "src/ui/index.tsx");
        check(tree, "src/main.ts", "../lib/x.js", "lib/x.js");
        check(tree, "src/main.ts", "@/ui/button", "src/ui/button.jsx");
        check(tree, "src/main.ts", "react", "");
        check(tree, "src/main.ts", "../../../etc/passwd", "");
    }

    #[test]
    fn the_other_languages() {
        check("b/c/x.go b/c/x_test.go", "main.go", "a.com/r/b/c", "b/c/x.go");
        check("src/main/java/a/b/C.java", "src/main/java/a/D.java", "a.b.C", "src/main/java/a/b/C.java");
        check("src/main/java/a/b/C.java", "src/main/java/a/D.java", "a.b.C.run", "src/main/java/a/b/C.java");
        check("include/my/x.h src/x.h", "src/y.c", "x.h", "src/x.h");
        check("include/my/x.h", "src/y.c", "my/x.h", "include/my/x.h");
        check("lib/a/b.rb", "lib/c.rb", "a/b", "lib/a/b.rb");
        check("lib/a/b.rb", "spec/b_spec.rb", "../lib/a/b", "lib/a/b.rb");
        check("app/Models/User.php", "app/x.php", "App\\Models\\User", "app/Models/User.php");
        check("inc/x.php", "inc/y.php", "__DIR__ . '/x.php", "inc/x.php");
        check("scripts/lib.sh", "scripts/a.sh", "$DIR/lib.sh", "scripts/lib.sh");
    }
}
