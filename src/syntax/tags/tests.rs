//! Each language's definitions, references and imports, on a small source.

use super::*;

fn tags(language: Language, text: &str) -> Tags {
    Syntax::new().tags_of(language, text.as_bytes(), ParseLimits::default(), &Cancel::new()).expect("parses")
}

/// `definitions` as `kind name@first-end`, `references` and `imports` as words that must be exactly the set found.
#[track_caller]
fn check(language: Language, text: &str, definitions: &str, references: &str, imports: &str) {
    let found = tags(language, text);
    let shown: Vec<String> = found
        .definitions
        .iter()
        .map(|it| format!("{}:{}@{}-{}", it.kind.name(), it.name, it.lines.start, it.lines.end))
        .collect();
    assert_eq!(shown.join(" "), definitions, "definitions of {language}");
    let mut names: Vec<&str> = found.references.iter().map(|it| it.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names.join(" "), references, "references of {language}");
    let specs: Vec<&str> = found.imports.iter().map(|it| it.spec.as_str()).collect();
    assert_eq!(specs.join(" "), imports, "imports of {language}");
}

#[test]
fn rust() {
    check(
        Language::Rust,
        "use crate::id::{RepoPath, path as p};\nmod child;\nmod inline {}\npub struct S { field: Other }\n\
         impl S {\n    fn go(&self) -> Result<u8, Bad> { helper(self.x()); wrap!(inner(1)) }\n}\nconst MAX: u8 = LIMIT;\n",
        "module:inline@3-4 struct:S@4-5 impl:S@5-8 method:go@6-7 constant:MAX@8-9",
        "Bad LIMIT Other RepoPath Result S helper inner path wrap x",
        "crate::id::RepoPath crate::id::path mod child",
    );
}

#[test]
fn python() {
    check(
        Language::Python,
        "import os.path, sys as s\nfrom .models import User, base as b\nfrom . import util\nLIMIT = 3\n\n\
         @cached\nclass A(Base):\n    def run(self):\n        local = helper(self.go())\n        return LIMIT\n",
        "variable:LIMIT@4-5 class:A@7-11 method:run@8-11",
        "Base LIMIT User base cached go helper util",
        "os.path sys .models .models.User .models.base . .util",
    );
}

#[test]
fn javascript() {
    check(
        Language::JavaScript,
        "import { a } from './x.js';\nconst fs = require('fs');\nexport * from \"./y\";\nclass A extends B { go() { this.run(); } }\n\
         const f = () => { const local = g(); };\nfunction h() { new Thing(); }\n",
        "variable:fs@2-3 class:A@4-5 method:go@4-5 function:f@5-6 function:h@6-7",
        "B Thing a g require run",
        "./x.js fs ./y",
    );
}

#[test]
fn typescript_and_tsx() {
    check(
        Language::TypeScript,
        "import type { T } from '../t';\ninterface I extends J { m(): K }\ntype Alias = L;\nenum E { One }\nexport const f = (x: M) => g<N>(x);\n",
        "interface:I@2-3 method:m@2-3 type:Alias@3-4 enum:E@4-5 function:f@5-6",
        "J K L M N T g",
        "../t",
    );
    check(
        Language::Tsx,
        "export function App() { return <Panel onClick={go}>{show()}</Panel>; }\n",
        "function:App@1-2",
        "Panel show",
        "",
    );
}

#[test]
fn go() {
    check(
        Language::Go,
        "package p\nimport (\n\t\"fmt\"\n\tx \"a.com/b/c\"\n)\ntype S struct { f Other }\nconst Max = 3\n\
         func (s *S) Run() error { return helper(x.Call(s.Field)) }\nfunc New() *S { return &S{} }\n",
        "type:S@6-7 constant:Max@7-8 method:Run@8-9 function:New@9-10",
        "Call Field Other S error helper",
        "fmt a.com/b/c",
    );
}

#[test]
fn java() {
    check(
        Language::Java,
        "package a.b;\nimport a.c.Other;\nimport static a.d.Util.run;\nclass A extends B implements C {\n  private Other field;\n\
           A() {}\n  void go() { helper(new Thing()); Other.call(MAX); }\n}\ninterface I { int m(); }\n",
        "class:A@4-9 variable:field@5-6 method:A@6-7 method:go@7-8 interface:I@9-10 method:m@9-10",
        "B C MAX Other Thing call helper",
        "a.c.Other a.d.Util.run",
    );
}

#[test]
fn c() {
    check(
        Language::C,
        "#include <stdio.h>\n#include \"my/own.h\"\n#define LIMIT 3\nstruct s { int x; };\nint run(struct t *a);\n\
         typedef struct s s_t;\nstatic char *go(s_t *p) { return helper(p->f(LIMIT)); }\n",
        "macro:LIMIT@3-4 struct:s@4-5 declaration:run@5-6 type:s_t@6-7 function:go@7-8",
        "LIMIT f helper s s_t t",
        "stdio.h my/own.h",
    );
}

#[test]
fn cpp() {
    check(
        Language::Cpp,
        "#include \"a.hpp\"\nnamespace n {\nclass A : public B {\n public:\n  void run();\n  int inline_one() { return 1; }\n};\n\
         void A::run() { helper(); std::make<T>(1); p->call(); }\n}\nusing Al = C;\n",
        "module:n@2-10 class:A@3-8 declaration:run@5-6 method:inline_one@6-7 function:run@8-9 type:Al@10-11",
        "B C T call helper make",
        "a.hpp",
    );
}

#[test]
fn c_sharp() {
    check(
        Language::CSharp,
        "using System.Text;\nusing static A.B;\nnamespace N.M {\n  class C : Base {\n    public int P { get; set; }\n\
             void Go() { helper.Run(new Thing()); Call<T>(); }\n  }\n}\n",
        "module:N.M@3-9 class:C@4-8 variable:P@5-6 method:Go@6-7",
        "Base Call M Run T Thing",
        "System.Text A.B",
    );
}

#[test]
fn ruby() {
    check(
        Language::Ruby,
        "require 'set'\nrequire_relative '../lib/x'\nmodule M\n  class A < Base\n    LIMIT = 3\n    def self.make; Other.new; end\n    def go\n      helper(1)\n    end\n  end\nend\ndef top; end\n",
        "module:M@3-12 class:A@4-11 method:make@6-7 method:go@7-10 function:top@12-13",
        "Base LIMIT Other helper new require require_relative",
        "set ../lib/x",
    );
}

#[test]
fn php() {
    check(
        Language::Php,
        "<?php\nnamespace App;\nuse App\\Models\\User;\nuse App\\{A, B as C};\nrequire_once 'x.php';\n\
         class P extends Q {\n  const MAX = 1;\n  function go(User $u) { helper($u->run()); return new Thing(self::make()); }\n}\n",
        "class:P@6-10 constant:MAX@7-8 method:go@8-9",
        "A App B C Models Q Thing User helper make run",
        "App\\Models\\User App\\A App\\B x.php",
    );
}

#[test]
fn bash() {
    check(
        Language::Bash,
        "source ./lib.sh\n. \"other.sh\"\nrun() {\n  helper \"$1\"\n}\nrun x\n",
        "function:run@3-6",
        ". helper run source",
        "./lib.sh other.sh",
    );
}

#[test]
fn documents_have_sections() {
    check(Language::Markdown, "# One\n\ntext\n\n## Two\n", "section:One@1-2 section:Two@5-6", "", "");
    check(Language::Toml, "[a.b]\nx = 1\n[[c]]\n", "section:a.b@1-3 section:c@3-4", "", "");
}

#[test]
fn a_use_tree_of_any_shape_ends() {
    let paths = |text: &str| walk::use_paths(text.as_bytes(), "::").join(" ");
    assert_eq!(paths("a::b"), "a::b");
    assert_eq!(paths("a::{b, c::{d, self}, e as f, g::*}"), "a::b a::c::d a::c a::e a::g");
    assert_eq!(paths("a::*"), "a");
    assert_eq!(paths("}}}{{{,,,"), "");
    assert!(paths(&"a::{".repeat(100_000)).len() < 100_000);
}

#[test]
fn hostile_sources_give_some_answer() {
    let deep = format!("{}x{}", "f(".repeat(2_000), ")".repeat(2_000));
    let long = format!("fn {}() {{}}", "a".repeat(100_000));
    let wild = "((((((((((((((((((((((((((f))))))))))))))))))))))))))();".to_owned();
    let noise: String =
        (0..5000_u32).map(|n| char::from_u32(n.wrapping_mul(2_654_435_761) >> 12).unwrap_or('{')).collect();
    for language in Language::ALL {
        for text in [&deep, &long, &wild, &noise] {
            let found = tags(language, text);
            assert!(found.definitions.iter().all(|it| it.name.len() <= 200 && it.lines.start < it.lines.end));
        }
    }
    assert!(tags(Language::Rust, &long).definitions.is_empty(), "a name of 100,000 bytes is not kept");
}

#[test]
fn a_file_of_too_many_names_says_so() {
    let text: String = (0..60_000).map(|n| format!("f{n}()\n")).collect();
    let found = tags(Language::Python, &text);
    assert!(found.truncated);
    assert_eq!(found.references.len(), 50_000);
}
