//! A language's rules, compiled to what a walk looks up by node kind.

use tree_sitter::Node;

use super::super::Language;
use super::DefinitionKind;
use super::rules::{DefinitionRule, Guard, ImportShape, Rules, rules_of};

/// The field that leads to a child; `None`: its first named child.
pub(super) type Field = Option<u16>;

/// What the walk does at a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Action {
    pub(super) definition: Option<(Field, DefinitionKind, Guard)>,
    pub(super) call: Option<Field>,
    pub(super) import: Option<(ImportShape, Field)>,
    pub(super) leaf: Leaf,
    pub(super) is_opaque: bool,
}

/// Whether a leaf refers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaf {
    No,
    Always,
    WhenCapital,
    /// A Rust token tree: what stands before it is called.
    TokenTree,
}

const NOTHING: Action = Action { definition: None, call: None, import: None, leaf: Leaf::No, is_opaque: false };
/// The action of plain named nodes: look inside.
const DESCEND: u8 = 0;
/// The action of anonymous nodes (`(`, `fn`): they have no inside.
const PASS: u8 = 1;

/// The rules of one language by node kind.
#[derive(Debug)]
pub(in crate::syntax) struct TagTable {
    pub(super) language: Language,
    by_kind: Vec<u8>,
    actions: Vec<Action>,
    steps: Vec<(u16, Field)>,
    pub(super) body: u16,
    pub(super) value: u16,
    pub(super) function_declarator: u16,
    pub(super) function_values: Vec<(u16, DefinitionKind)>,
    pub(super) import_calls: &'static [&'static str],
}

impl TagTable {
    pub(in crate::syntax) fn compile(language: Language) -> Option<Self> {
        let rules = rules_of(language)?;
        let grammar = language.grammar();
        let mut by_kind = vec![DESCEND; grammar.node_kind_count()];
        for (kind, action) in by_kind.iter_mut().enumerate() {
            if !grammar.node_kind_is_named(kind as u16) {
                *action = PASS;
            }
        }
        let mut table = Self {
            language,
            by_kind,
            actions: vec![NOTHING, NOTHING],
            steps: rules.steps.iter().map(|(kind, name)| (kind_id(&grammar, kind), field(&grammar, name))).collect(),
            body: field(&grammar, "body").unwrap_or_default(),
            value: field(&grammar, "value").unwrap_or_default(),
            function_declarator: kind_id(&grammar, "function_declarator"),
            function_values: function_values(&grammar),
            import_calls: rules.import_calls,
        };
        table.fill(&grammar, &rules);
        Some(table)
    }

    fn fill(&mut self, grammar: &tree_sitter::Language, rules: &Rules) {
        for DefinitionRule(kind, name, makes, guard) in rules.definitions {
            self.action_mut(grammar, kind).definition = Some((field(grammar, name), *makes, *guard));
        }
        for (kind, name) in rules.calls {
            self.action_mut(grammar, kind).call = Some(field(grammar, name));
        }
        for (kind, shape) in rules.imports {
            let name = if let ImportShape::Field(name) = shape { field(grammar, name) } else { None };
            self.action_mut(grammar, kind).import = Some((*shape, name));
        }
        for kind in rules.names {
            self.action_mut(grammar, kind).leaf = Leaf::Always;
        }
        for kind in rules.capitals {
            self.action_mut(grammar, kind).leaf = Leaf::WhenCapital;
        }
        for kind in rules.opaque {
            self.action_mut(grammar, kind).is_opaque = true;
        }
        if self.language == Language::Rust {
            self.action_mut(grammar, "token_tree").leaf = Leaf::TokenTree;
        }
    }

    fn action_mut(&mut self, grammar: &tree_sitter::Language, kind: &str) -> &mut Action {
        let id = usize::from(kind_id(grammar, kind));
        let mut at = self.by_kind.get(id).copied().map_or(0, usize::from);
        if at <= usize::from(PASS) {
            at = self.actions.len();
            self.actions.push(NOTHING);
            if let Some(slot) = self.by_kind.get_mut(id) {
                *slot = u8::try_from(at).expect("a grammar has fewer than 250 rules");
            }
        }
        &mut self.actions[at]
    }

    /// What to do at a node of this kind: whether to look inside, and the rule if there is one.
    pub(super) fn action(&self, kind: u16) -> (bool, Option<&Action>) {
        match self.by_kind.get(usize::from(kind)) {
            Some(&DESCEND) | None => (true, None), // error nodes have a kind beyond the grammar's
            Some(&PASS) => (false, None),
            Some(&at) => {
                let action = &self.actions[usize::from(at)];
                (!action.is_opaque, Some(action))
            }
        }
    }

    /// Follows the steps from a callee or declarator to the identifier at its end, and says whether a function
    /// declarator lay on the way.
    pub(super) fn resolve<'tree>(&self, start: Node<'tree>) -> (Option<Node<'tree>>, bool) {
        let (mut node, mut saw_function) = (start, false);
        // nobody writes twenty levels of pointers; `((((f))))` from a fuzzer ends here
        for _ in 0..20 {
            let kind = node.kind_id();
            saw_function |= kind == self.function_declarator;
            let Some((_, field)) = self.steps.iter().find(|(step, _)| *step == kind) else {
                return (Some(node), saw_function);
            };
            match child(node, *field) {
                Some(next) => node = next,
                None => return (None, saw_function),
            }
        }
        (None, saw_function)
    }
}

/// The child in `field`, or the first named child.
pub(super) fn child(node: Node<'_>, field: Field) -> Option<Node<'_>> {
    match field {
        Some(field) => node.child_by_field_id(field),
        None => node.named_child(0),
    }
}

fn kind_id(grammar: &tree_sitter::Language, kind: &str) -> u16 {
    match grammar.id_for_node_kind(kind, true) {
        0 => u16::MAX - 1, // no node has this kind
        id => id,
    }
}

fn field(grammar: &tree_sitter::Language, name: &str) -> Field {
    if name.is_empty() { None } else { grammar.field_id_for_name(name).map(|id| id.get()) }
}

fn function_values(grammar: &tree_sitter::Language) -> Vec<(u16, DefinitionKind)> {
    [
        ("arrow_function", DefinitionKind::Function),
        ("function_expression", DefinitionKind::Function),
        ("generator_function", DefinitionKind::Function),
        ("class", DefinitionKind::Class),
    ]
    .map(|(kind, makes)| (kind_id(grammar, kind), makes))
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_names_a_node_and_a_field_of_its_grammar() {
        for language in Language::ALL {
            let Some(rules) = rules_of(language) else { continue };
            let grammar = language.grammar();
            let has_kind = |kind: &str| assert_ne!(grammar.id_for_node_kind(kind, true), 0, "{language}: {kind}");
            let has_field = |name: &str| {
                assert!(name.is_empty() || grammar.field_id_for_name(name).is_some(), "{language}: {name}")
            };
            for DefinitionRule(kind, name, ..) in rules.definitions {
                has_kind(kind);
                has_field(name);
            }
            for (kind, name) in rules.steps.iter().chain(rules.calls) {
                has_kind(kind);
                has_field(name);
            }
            for (kind, shape) in rules.imports {
                has_kind(kind);
                if let ImportShape::Field(name) = shape {
                    has_field(name);
                }
            }
            rules.names.iter().chain(rules.capitals).chain(rules.opaque).for_each(|kind| has_kind(kind));
        }
    }
}
