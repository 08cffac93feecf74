//! Functions of at most 70 lines and 5 parameters; files of at most 800 lines without their tests.
//!
//! Lines of a function are those of its body that hold code: blank ones and comments do not count. `self` counts as a
//! parameter; what a trait asks for is counted where the trait is.

use super::Finding;
use super::source::{Source, is_for_tests, line_of, test_items};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

const MOST_FUNCTION_LINES: usize = 70;
const MOST_PARAMETERS: usize = 5;
const MOST_FILE_LINES: usize = 800;

/// The sizes of one file.
pub fn check(source: &Source) -> Vec<Finding> {
    let Some(file) = &source.syntax else { return Vec::new() };
    if source.is_test() {
        return Vec::new();
    }
    let mut functions = Functions { source, findings: Vec::new() };
    functions.visit_file(file);
    let mut findings = functions.findings;
    let of_tests: usize = test_items(file).into_iter().map(|span| source.lines_of(span).count()).sum();
    let lines = source.text.lines().count().saturating_sub(of_tests);
    if lines > MOST_FILE_LINES {
        let what =
            format!("{lines} lines without tests, at most {MOST_FILE_LINES}: split the file by subject");
        findings.push(source.finding(1, what));
    }
    findings
}

struct Functions<'s> {
    source: &'s Source,
    findings: Vec<Finding>,
}

impl Functions<'_> {
    fn look_at_parameters(&mut self, signature: &syn::Signature) {
        let name = &signature.ident;
        let parameters = signature.inputs.len();
        if parameters > MOST_PARAMETERS {
            let what = format!(
                "`{name}` takes {parameters} parameters, at most {MOST_PARAMETERS}: make a struct of them"
            );
            self.findings.push(self.source.finding(line_of(name), what));
        }
    }

    fn look_at_body(&mut self, name: &syn::Ident, body: &syn::Block) {
        let lines = code_lines(self.source, body);
        if lines > MOST_FUNCTION_LINES {
            let what = format!(
                "`{name}` has {lines} lines of code, at most {MOST_FUNCTION_LINES}: split it by what it does"
            );
            self.findings.push(self.source.finding(line_of(name), what));
        }
    }
}

/// The lines between the braces of a body that hold code.
fn code_lines(source: &Source, body: &syn::Block) -> usize {
    let with_braces = source.lines_of(body.span());
    let code = with_braces.map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    code.count().saturating_sub(2)
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_for_tests(&item.attrs) {
            self.look_at_parameters(&item.sig);
            self.look_at_body(&item.sig.ident, &item.block);
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if item.trait_.is_none() {
            for function in item.items.iter() {
                if let syn::ImplItem::Fn(function) = function {
                    self.look_at_parameters(&function.sig);
                }
            }
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.look_at_body(&item.sig.ident, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.look_at_parameters(&item.sig);
        if let Some(body) = &item.default {
            self.look_at_body(&item.sig.ident, body);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: String) -> Vec<String> {
        let source = Source::new("crates/model/src/sample.rs", text).unwrap();
        check(&source).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_long_function_is_found_and_blank_lines_and_comments_do_not_count() {
        let body = "    work();\n".repeat(70);
        assert!(findings(format!("fn fits() {{\n    // why\n\n{body}}}\n")).is_empty());
        let found = findings(format!("impl Thing {{\nfn long(&self) {{\n    more();\n{body}}}\n}}\n"));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/model/src/sample.rs:2: `long` has 71 lines"), "{found:?}");
    }

    #[test]
    fn six_parameters_are_found() {
        let six = "fn six(&self, a: u8, b: u8, c: u8, d: u8, e: u8) {}";
        assert!(findings(six.replace("&self, ", "")).is_empty());
        assert!(findings(format!("impl Outside for T {{ {six} }}")).is_empty());
        for holder in ["trait T", "impl T"] {
            let found = findings(format!("{holder} {{ {six} }}"));
            assert!(found[0].contains("`six` takes 6 parameters"), "{found:?}");
        }
    }

    #[test]
    fn a_long_file_is_found_and_its_tests_do_not_count() {
        let product = "const A: u8 = 1;\n".repeat(800);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "    const B: u8 = 1;\n".repeat(300));
        assert!(findings(format!("{product}{tests}")).is_empty());
        assert!(findings(format!("{product}const C: u8 = 1;\n"))[0].contains("801 lines"));
    }
}
