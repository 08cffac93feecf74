//! A lint that is switched off says why, and so does a test that is not run.

use super::Finding;
use super::source::{Source, line_of};
use syn::visit::Visit;

/// The attributes of one file.
pub fn check(source: &Source) -> Vec<Finding> {
    let Some(file) = &source.syntax else { return Vec::new() };
    let mut attributes = Attributes { source, findings: Vec::new() };
    attributes.visit_file(file);
    attributes.findings
}

struct Attributes<'s> {
    source: &'s Source,
    findings: Vec<Finding>,
}

impl<'ast> Visit<'ast> for Attributes<'_> {
    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        let path = attribute.path();
        let (is_lint, is_ignore) =
            (path.is_ident("expect") || path.is_ident("allow"), path.is_ident("ignore"));
        let gives_reason = match &attribute.meta {
            syn::Meta::Path(_) => false,
            syn::Meta::NameValue(_) => true,
            syn::Meta::List(list) => list.tokens.to_string().contains("reason ="),
        };
        let what = match (is_lint, is_ignore, gives_reason) {
            (true, _, false) => "a lint is switched off without a reason: add `reason = \"...\"`",
            (_, true, false) => "a test is not run, and does not say why: `#[ignore = \"...\"]`",
            _ => return,
        };
        self.findings.push(self.source.finding(line_of(attribute), what));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_without_a_reason_is_found() {
        let text = "#![allow(dead_code)]\n#[expect(lint, reason = \"proven\")]\nfn a() {}\n#[test]\n#[ignore]\nfn b() {}\n\
                    #[ignore = \"slow\"]\nfn c() {}\nfn d() {\n    #[expect(lint)]\n    work();\n}\n";
        let source = Source::new("crates/model/src/sample.rs", text.to_owned()).unwrap();
        let lines: Vec<usize> = check(&source).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [1, 5, 10]);
    }
}
