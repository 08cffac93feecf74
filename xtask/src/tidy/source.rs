//! A file of the checkout, parsed when it is Rust.

use super::Finding;
use crate::failure::Failure;
use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// A text file.
pub struct Source {
    /// From the root, with `/`.
    pub path: String,
    /// What is in it.
    pub text: String,
    /// Its items, when it is Rust.
    pub syntax: Option<syn::File>,
}

impl Source {
    /// Takes a file; an error when Rust does not parse.
    pub fn new(path: &str, text: String) -> Result<Self, Failure> {
        let syntax = if path.ends_with(".rs") {
            let parsed = syn::parse_file(&text);
            Some(parsed.map_err(|error| {
                Failure::new(format!("{path}:{}: not Rust: {error}", error.span().start().line))
            })?)
        } else {
            None
        };
        Ok(Self { path: path.to_owned(), text, syntax })
    }

    /// True for files of tests alone.
    pub fn is_test(&self) -> bool {
        self.path.split('/').any(|part| part == "tests" || part == "benches")
    }

    /// The extension, such as `rs`.
    pub fn extension(&self) -> &str {
        self.path.rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    /// A finding in this file.
    pub fn finding(&self, line: usize, what: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, what: what.into() }
    }

    /// The lines from the first to the last line of a span, both counted.
    pub fn lines_of(&self, span: Span) -> impl Iterator<Item = &str> {
        let (first, last) = (span.start().line, span.end().line);
        self.text.lines().skip(first.saturating_sub(1)).take((last + 1).saturating_sub(first))
    }
}

/// The line a thing begins on.
pub fn line_of(thing: &impl Spanned) -> usize {
    thing.span().start().line
}

/// True when an item's attributes mark it as a test's own.
pub fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        path.is_ident("test")
            || path.is_ident("cfg")
                && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

/// The spans of the outermost items that are for tests.
pub fn test_items(file: &syn::File) -> Vec<Span> {
    let mut found = TestItems(Vec::new());
    found.visit_file(file);
    found.0
}

struct TestItems(Vec<Span>);

impl<'ast> Visit<'ast> for TestItems {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if is_for_tests(&item.attrs) {
            self.0.push(item.span());
        } else {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if is_for_tests(&item.attrs) {
            self.0.push(item.span());
        }
    }
}
