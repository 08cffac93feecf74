//! The templates: our pages, and the design system's components as functions for them to call.
//!
//! There are two environments. Ours is strict: a page that names something its view does not have fails, in the tests
//! rather than before a headteacher. The components' is lenient, for they ask after options that nobody gave.

use crate::error::ConsoleError;
use crate::pages::Frame;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, UndefinedBehavior, context};
use rust_embed::RustEmbed;
use serde::Serialize;
use std::sync::Arc;

#[derive(RustEmbed)]
#[folder = "templates/"]
struct Pages;

/// Made by `cargo xtask assets`; see `assets/README.md`.
#[derive(RustEmbed)]
#[folder = "assets/built/templates/"]
struct Components;

/// Every template, parsed.
pub(crate) struct Templates {
    pages: Environment<'static>,
}

impl Templates {
    /// Parses every template. Errors only where one of them is broken, which the tests see first.
    pub(crate) fn load() -> Result<Self, ConsoleError> {
        let components = Arc::new(components()?);
        let mut pages = Environment::new();
        pages.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        pages.set_syntax(syntax.map_err(|source| ConsoleError::Template { name: "any".to_owned(), source })?);
        add_all::<Pages>(&mut pages)?;
        for name in component_names() {
            let components = Arc::clone(&components);
            let function = name.replace('-', "_");
            pages.add_function(function, move |params: Value| -> Result<Value, minijinja::Error> {
                let html = components.get_template(&call_name(&name))?.render(context! { params })?;
                Ok(Value::from_safe_string(html))
            });
        }
        Ok(Self { pages })
    }

    /// Renders one page within the frame.
    pub(crate) fn render(
        &self,
        name: &str,
        frame: &Frame,
        page: &impl Serialize,
    ) -> Result<String, minijinja::Error> {
        self.pages
            .get_template(name)?
            .render(context! { frame => Value::from(Serde(frame)), page => Value::from(Serde(page)) })
    }
}

/// The components' own environment: their macros, and for each a template that calls it with `params`.
fn components() -> Result<Environment<'static>, ConsoleError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    add_all::<Components>(&mut environment)?;
    for name in component_names() {
        let call = call_name(&name);
        let macro_name = macro_name(&name);
        let source = format!(
            "{{% from \"govuk_frontend_jinja/components/{name}/macro.html\" import {macro_name} %}}\
             {{{{ {macro_name}(params) }}}}"
        );
        environment
            .add_template_owned(call.clone(), source)
            .map_err(|source| ConsoleError::Template { name: call, source })?;
    }
    Ok(environment)
}

fn add_all<Folder: RustEmbed>(environment: &mut Environment<'static>) -> Result<(), ConsoleError> {
    for name in Folder::iter() {
        let Some(file) = Folder::get(&name) else { continue };
        let source = String::from_utf8_lossy(&file.data).into_owned();
        environment
            .add_template_owned(name.to_string(), source)
            .map_err(|source| ConsoleError::Template { name: name.to_string(), source })?;
    }
    Ok(())
}

/// The components whose macros came along, such as `error-summary`.
fn component_names() -> impl Iterator<Item = String> {
    Components::iter().filter_map(|path| {
        let name = path.strip_prefix("govuk_frontend_jinja/components/")?.strip_suffix("/macro.html")?;
        Some(name.to_owned())
    })
}

/// `error-summary` is called through `call/error-summary.html`.
fn call_name(component: &str) -> String {
    format!("call/{component}.html")
}

/// `error-summary` is the macro `govukErrorSummary`.
fn macro_name(component: &str) -> String {
    let mut name = "govuk".to_owned();
    for word in component.split('-') {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

#[cfg(test)]
impl Templates {
    /// The names of our own templates, in order.
    pub(crate) fn own_pages() -> impl Iterator<Item = String> {
        let mut names: Vec<_> = Pages::iter().map(|name| name.into_owned()).collect();
        names.sort();
        names.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_component_brings_a_crest() {
        for path in Components::iter() {
            let file = Components::get(&path).unwrap();
            let text = String::from_utf8_lossy(&file.data);
            for unwanted in ["GOV.UK", "crest", "crown"] {
                assert!(!text.to_lowercase().contains(&unwanted.to_lowercase()), "{path} holds {unwanted}");
            }
        }
    }

    #[test]
    fn what_was_typed_never_becomes_markup() {
        let environment = components().unwrap();
        let hostile = "\"><script>alert(1)</script>'";
        for name in ["input", "select", "button", "tag", "error-summary"] {
            let params = context! {
                name => "q", value => hostile, text => hostile, titleText => hostile,
                label => context! { text => hostile },
                hint => context! { text => hostile },
                errorMessage => context! { text => hostile },
                errorList => [context! { text => hostile, href => hostile }],
                items => [context! { value => hostile, text => hostile }],
            };
            let html =
                environment.get_template(&call_name(name)).unwrap().render(context! { params }).unwrap();
            assert!(!html.contains("<script"), "{name}: {html}");
            assert!(!html.contains("\"\">"), "{name}: {html}");
        }
    }
}
