//! Which nodes of each grammar define, refer and import.

use super::super::Language;
use super::DefinitionKind::{self as Kind};

/// When a node that may define does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    /// Always.
    Always,
    /// It has a `body` (C: `struct s { … }` defines, `struct s x;` refers).
    HasBody,
    /// Its declarator passes a function declarator (C: a prototype, not a variable).
    IsPrototype,
    /// It stands at most this deep: locals are of no interest to other files.
    Depth(u16),
    /// Its `value` is a function or a class, which is then what it defines; else as [`Guard::Depth`].
    FunctionOrDepth(u16),
}

/// A node that defines: its kind, the field that leads to the name (empty: the first named child), what, and when.
pub(super) struct DefinitionRule(pub(super) &'static str, pub(super) &'static str, pub(super) Kind, pub(super) Guard);

/// How the specification is read from an importing node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ImportShape {
    /// A field that holds a string or a path (empty: the first named child), quotes taken off.
    Field(&'static str),
    /// Rust `use a::{b, c::d}`: one import for each path.
    RustUse,
    /// Rust `mod name;`, when it has no body.
    RustMod,
    /// Python `import a.b, c as d`.
    PythonImport,
    /// Python `from .a import b, c`: `.a`, `.a.b`, `.a.c`.
    PythonFrom,
    /// The whole text between the keyword and the semicolon (Java, C#).
    Text,
    /// PHP `use A\B, A\{C, D};`.
    PhpUse,
}

/// Everything about one grammar. Kinds and fields are those of its `node-types.json`.
pub(super) struct Rules {
    pub(super) definitions: &'static [DefinitionRule],
    /// A node and the field that leads from it towards the identifier: `a.b.c` → `c`, `*f(int)` → `f`.
    pub(super) steps: &'static [(&'static str, &'static str)],
    /// A node that calls, and the field of what it calls.
    pub(super) calls: &'static [(&'static str, &'static str)],
    /// Leaves that refer wherever they stand.
    pub(super) names: &'static [&'static str],
    /// Leaves that refer when they begin with an upper-case letter.
    pub(super) capitals: &'static [&'static str],
    pub(super) imports: &'static [(&'static str, ImportShape)],
    /// Functions whose call with a string imports: `require("x")`.
    pub(super) import_calls: &'static [&'static str],
    /// Nodes whose inside says nothing.
    pub(super) opaque: &'static [&'static str],
}

const EMPTY: Rules = Rules {
    definitions: &[],
    steps: &[],
    calls: &[],
    names: &[],
    capitals: &[],
    imports: &[],
    import_calls: &[],
    opaque: &[],
};

use DefinitionRule as Def;
use Guard::{Always, Depth, FunctionOrDepth, HasBody, IsPrototype};

pub(super) fn rules_of(language: Language) -> Option<Rules> {
    Some(match language {
        Language::Rust => RUST,
        Language::Python => PYTHON,
        Language::JavaScript => JAVASCRIPT,
        Language::TypeScript => TYPESCRIPT,
        Language::Tsx => Rules { opaque: &["comment", "regex", "jsx_text"], ..TYPESCRIPT },
        Language::Go => GO,
        Language::Java => JAVA,
        Language::C => C,
        Language::Cpp => CPP,
        Language::CSharp => C_SHARP,
        Language::Ruby => RUBY,
        Language::Php => PHP,
        Language::Bash => BASH,
        Language::Markdown => Rules {
            definitions: &[Def("atx_heading", "heading_content", Kind::Section, Always)],
            opaque: &["paragraph", "fenced_code_block", "html_block", "pipe_table"],
            ..EMPTY
        },
        Language::Toml => Rules {
            definitions: &[
                Def("table", "", Kind::Section, Always),
                Def("table_array_element", "", Kind::Section, Always),
            ],
            opaque: &["pair"],
            ..EMPTY
        },
        _ => return None,
    })
}

const RUST: Rules = Rules {
    definitions: &[
        Def("function_item", "name", Kind::Function, Always),
        Def("function_signature_item", "name", Kind::Function, Always),
        Def("struct_item", "name", Kind::Struct, Always),
        Def("union_item", "name", Kind::Struct, Always),
        Def("enum_item", "name", Kind::Enum, Always),
        Def("trait_item", "name", Kind::Trait, Always),
        Def("type_item", "name", Kind::Type, Always),
        Def("const_item", "name", Kind::Constant, Always),
        Def("static_item", "name", Kind::Constant, Always),
        Def("macro_definition", "name", Kind::Macro, Always),
        Def("mod_item", "name", Kind::Module, HasBody),
        Def("impl_item", "type", Kind::Implementation, Always),
    ],
    steps: &[
        ("generic_function", "function"),
        ("field_expression", "field"),
        ("scoped_identifier", "name"),
        ("generic_type", "type"),
        ("scoped_type_identifier", "name"),
        ("reference_type", "type"),
    ],
    calls: &[("call_expression", "function"), ("macro_invocation", "macro")],
    names: &["type_identifier"],
    capitals: &["identifier"],
    imports: &[("use_declaration", ImportShape::RustUse), ("mod_item", ImportShape::RustMod)],
    opaque: &["line_comment", "block_comment", "string_literal", "raw_string_literal", "use_declaration"],
    ..EMPTY
};

const PYTHON: Rules = Rules {
    definitions: &[
        Def("function_definition", "name", Kind::Function, Always),
        Def("class_definition", "name", Kind::Class, Always),
        Def("assignment", "left", Kind::Variable, Depth(2)),
    ],
    steps: &[("attribute", "attribute")],
    calls: &[("call", "function"), ("decorator", "")],
    capitals: &["identifier"],
    imports: &[("import_statement", ImportShape::PythonImport), ("import_from_statement", ImportShape::PythonFrom)],
    opaque: &["comment", "string_content"],
    ..EMPTY
};

const JAVASCRIPT: Rules = Rules {
    definitions: &[
        Def("function_declaration", "name", Kind::Function, Always),
        Def("generator_function_declaration", "name", Kind::Function, Always),
        Def("class_declaration", "name", Kind::Class, Always),
        Def("method_definition", "name", Kind::Method, Always),
        // program > export_statement > lexical_declaration > variable_declarator
        Def("variable_declarator", "name", Kind::Variable, FunctionOrDepth(3)),
        Def("field_definition", "property", Kind::Variable, FunctionOrDepth(0)),
        Def("pair", "key", Kind::Variable, FunctionOrDepth(0)),
    ],
    steps: &[("member_expression", "property"), ("parenthesized_expression", "")],
    calls: &[
        ("call_expression", "function"),
        ("new_expression", "constructor"),
        ("import_specifier", "name"),
        ("export_specifier", "name"),
    ],
    capitals: &["identifier"],
    imports: &[("import_statement", ImportShape::Field("source")), ("export_statement", ImportShape::Field("source"))],
    import_calls: &["require", "import"],
    opaque: &["comment", "regex", "string", "jsx_text"],
    ..EMPTY
};

const TYPESCRIPT: Rules = Rules {
    definitions: &[
        Def("function_declaration", "name", Kind::Function, Always),
        Def("generator_function_declaration", "name", Kind::Function, Always),
        Def("function_signature", "name", Kind::Function, Always),
        Def("class_declaration", "name", Kind::Class, Always),
        Def("abstract_class_declaration", "name", Kind::Class, Always),
        Def("method_definition", "name", Kind::Method, Always),
        Def("method_signature", "name", Kind::Method, Always),
        Def("abstract_method_signature", "name", Kind::Method, Always),
        Def("interface_declaration", "name", Kind::Interface, Always),
        Def("type_alias_declaration", "name", Kind::Type, Always),
        Def("enum_declaration", "name", Kind::Enum, Always),
        Def("internal_module", "name", Kind::Module, Always),
        Def("module", "name", Kind::Module, Always),
        Def("variable_declarator", "name", Kind::Variable, FunctionOrDepth(3)),
        Def("public_field_definition", "name", Kind::Variable, FunctionOrDepth(0)),
        Def("pair", "key", Kind::Variable, FunctionOrDepth(0)),
    ],
    names: &["type_identifier"],
    opaque: &["comment", "regex"],
    ..JAVASCRIPT
};

const GO: Rules = Rules {
    definitions: &[
        Def("function_declaration", "name", Kind::Function, Always),
        Def("method_declaration", "name", Kind::Method, Always),
        Def("method_elem", "name", Kind::Method, Always),
        Def("type_spec", "name", Kind::Type, Always),
        Def("type_alias", "name", Kind::Type, Always),
        Def("const_spec", "name", Kind::Constant, Depth(2)),
        Def("var_spec", "name", Kind::Variable, Depth(3)),
    ],
    steps: &[("selector_expression", "field"), ("parenthesized_expression", ""), ("generic_type", "type")],
    calls: &[("call_expression", "function")],
    names: &["type_identifier"],
    capitals: &["field_identifier", "identifier"],
    imports: &[("import_spec", ImportShape::Field("path"))],
    opaque: &["comment", "interpreted_string_literal", "raw_string_literal"],
    ..EMPTY
};

const JAVA: Rules = Rules {
    definitions: &[
        Def("class_declaration", "name", Kind::Class, Always),
        Def("interface_declaration", "name", Kind::Interface, Always),
        Def("annotation_type_declaration", "name", Kind::Interface, Always),
        Def("enum_declaration", "name", Kind::Enum, Always),
        Def("record_declaration", "name", Kind::Class, Always),
        Def("method_declaration", "name", Kind::Method, Always),
        Def("constructor_declaration", "name", Kind::Method, Always),
        // program > class > class_body > field > declarator
        Def("field_declaration", "declarator", Kind::Variable, Always),
        Def("constant_declaration", "declarator", Kind::Constant, Always),
    ],
    steps: &[("variable_declarator", "name"), ("generic_type", ""), ("scoped_identifier", "name")],
    calls: &[("method_invocation", "name"), ("object_creation_expression", "type")],
    names: &["type_identifier"],
    capitals: &["identifier"],
    imports: &[("import_declaration", ImportShape::Text)],
    opaque: &["line_comment", "block_comment", "string_literal", "package_declaration", "import_declaration"],
    ..EMPTY
};

const C: Rules = Rules {
    definitions: &[
        Def("function_definition", "declarator", Kind::Function, Always),
        Def("declaration", "declarator", Kind::Declaration, IsPrototype),
        Def("struct_specifier", "name", Kind::Struct, HasBody),
        Def("union_specifier", "name", Kind::Struct, HasBody),
        Def("enum_specifier", "name", Kind::Enum, HasBody),
        Def("enumerator", "name", Kind::Constant, Always),
        Def("type_definition", "declarator", Kind::Type, Always),
        Def("preproc_def", "name", Kind::Macro, Always),
        Def("preproc_function_def", "name", Kind::Macro, Always),
    ],
    steps: &[
        ("function_declarator", "declarator"),
        ("pointer_declarator", "declarator"),
        ("array_declarator", "declarator"),
        ("init_declarator", "declarator"),
        ("parenthesized_declarator", ""),
        ("attributed_declarator", ""),
        ("field_expression", "field"),
        ("parenthesized_expression", ""),
    ],
    calls: &[("call_expression", "function")],
    names: &["type_identifier"],
    capitals: &["identifier"],
    imports: &[("preproc_include", ImportShape::Field("path"))],
    opaque: &["comment", "string_literal", "char_literal", "preproc_include"],
    ..EMPTY
};

const CPP: Rules = Rules {
    definitions: &[
        Def("function_definition", "declarator", Kind::Function, Always),
        Def("declaration", "declarator", Kind::Declaration, IsPrototype),
        Def("field_declaration", "declarator", Kind::Declaration, IsPrototype),
        Def("class_specifier", "name", Kind::Class, HasBody),
        Def("struct_specifier", "name", Kind::Struct, HasBody),
        Def("union_specifier", "name", Kind::Struct, HasBody),
        Def("enum_specifier", "name", Kind::Enum, HasBody),
        Def("enumerator", "name", Kind::Constant, Always),
        Def("type_definition", "declarator", Kind::Type, Always),
        Def("alias_declaration", "name", Kind::Type, Always),
        Def("concept_definition", "name", Kind::Trait, Always),
        Def("namespace_definition", "name", Kind::Module, Always),
        Def("preproc_def", "name", Kind::Macro, Always),
        Def("preproc_function_def", "name", Kind::Macro, Always),
    ],
    steps: &[
        ("function_declarator", "declarator"),
        ("pointer_declarator", "declarator"),
        ("reference_declarator", ""),
        ("array_declarator", "declarator"),
        ("init_declarator", "declarator"),
        ("parenthesized_declarator", ""),
        ("attributed_declarator", ""),
        ("qualified_identifier", "name"),
        ("template_function", "name"),
        ("template_method", "name"),
        ("template_type", "name"),
        ("destructor_name", ""),
        ("field_expression", "field"),
        ("parenthesized_expression", ""),
    ],
    opaque: &["comment", "string_literal", "raw_string_literal", "char_literal", "preproc_include"],
    ..C
};

const C_SHARP: Rules = Rules {
    definitions: &[
        Def("class_declaration", "name", Kind::Class, Always),
        Def("struct_declaration", "name", Kind::Struct, Always),
        Def("record_declaration", "name", Kind::Class, Always),
        Def("interface_declaration", "name", Kind::Interface, Always),
        Def("enum_declaration", "name", Kind::Enum, Always),
        Def("enum_member_declaration", "name", Kind::Constant, Always),
        Def("delegate_declaration", "name", Kind::Type, Always),
        Def("method_declaration", "name", Kind::Method, Always),
        Def("constructor_declaration", "name", Kind::Method, Always),
        Def("property_declaration", "name", Kind::Variable, Always),
        Def("namespace_declaration", "name", Kind::Module, Always),
        Def("file_scoped_namespace_declaration", "name", Kind::Module, Always),
    ],
    steps: &[
        ("member_access_expression", "name"),
        ("member_binding_expression", "name"),
        ("generic_name", ""),
        ("alias_qualified_name", "name"),
    ],
    calls: &[("invocation_expression", "function"), ("object_creation_expression", "type")],
    capitals: &["identifier"],
    imports: &[("using_directive", ImportShape::Text)],
    opaque: &["comment", "string_literal", "verbatim_string_literal", "using_directive"],
    ..EMPTY
};

const RUBY: Rules = Rules {
    definitions: &[
        Def("method", "name", Kind::Method, Always),
        Def("singleton_method", "name", Kind::Method, Always),
        Def("class", "name", Kind::Class, Always),
        Def("module", "name", Kind::Module, Always),
        Def("alias", "name", Kind::Method, Always),
        Def("assignment", "left", Kind::Constant, Depth(1)),
    ],
    steps: &[("scope_resolution", "name"), ("setter", "")],
    calls: &[("call", "method"), ("superclass", "")],
    names: &["constant"],
    import_calls: &["require", "require_relative", "load", "autoload"],
    opaque: &["comment", "string_content", "regex", "heredoc_content"],
    ..EMPTY
};

const PHP: Rules = Rules {
    definitions: &[
        Def("function_definition", "name", Kind::Function, Always),
        Def("method_declaration", "name", Kind::Method, Always),
        Def("class_declaration", "name", Kind::Class, Always),
        Def("interface_declaration", "name", Kind::Interface, Always),
        Def("trait_declaration", "name", Kind::Trait, Always),
        Def("enum_declaration", "name", Kind::Enum, Always),
        Def("const_element", "", Kind::Constant, Always),
    ],
    steps: &[],
    calls: &[
        ("function_call_expression", "function"),
        ("member_call_expression", "name"),
        ("nullsafe_member_call_expression", "name"),
        ("scoped_call_expression", "name"),
        ("object_creation_expression", ""),
    ],
    capitals: &["name"],
    imports: &[
        ("namespace_use_declaration", ImportShape::PhpUse),
        ("include_expression", ImportShape::Field("")),
        ("include_once_expression", ImportShape::Field("")),
        ("require_expression", ImportShape::Field("")),
        ("require_once_expression", ImportShape::Field("")),
    ],
    opaque: &["comment", "string_content", "text", "variable_name", "namespace_definition"],
    ..EMPTY
};

const BASH: Rules = Rules {
    definitions: &[Def("function_definition", "name", Kind::Function, Always)],
    steps: &[("command_name", "")],
    calls: &[("command", "name")],
    import_calls: &["source", "."],
    opaque: &["comment", "raw_string", "string_content", "heredoc_body"],
    ..EMPTY
};
