//! Unbound's configuration (unbound.conf(5)): `local-zone: "a" TYPE` and `local-data: "a A 0.0.0.0"`.
//!
//! A zone covers its name and everything below it. The types that answer for it themselves block (`deny`, `refuse`, `static`,
//! `redirect`, `inform_deny`, `always_nxdomain`, `always_nodata`, `always_refuse`, `always_deny`, `always_null`); `block_a`
//! blocks questions for A; `transparent`, `typetransparent`, `always_transparent` and `inform` let through what a zone above
//! closes, an exception. `local-data` is the name alone, and a block where its address leads nowhere.
//!
//! A zone whose data is a real address or another name is a redirection and left out with its data. Views, tags,
//! `local-zone-override` and every other setting are left out.

use super::hosts::leads_nowhere;
use super::lines::lines;
use super::wildcard::rule;
use crate::Dropped;
use crate::list::{ReadList, Says};
use model::Category;
use policy::image::{Conditions, Effect, NewRule, Pattern, Reach};
use std::collections::HashSet;
use std::net::IpAddr;

/// `A`, RFC 1035, section 3.2.2.
const TYPE_A: u16 = 1;

pub(super) fn read(bytes: &[u8], category: Category, list: &mut ReadList) {
    let redirected = redirected_names(bytes);
    for (line, text) in lines(bytes) {
        let read = text.and_then(|text| match parse(text)? {
            Some(Setting::Zone(name, kind)) => {
                if kind == "redirect" && redirected.contains(&name_of(name)) {
                    return Err(Dropped::Redirection);
                }
                add_zone(name, kind, category, line, list)
            }
            Some(Setting::Name(name)) => list.read_name(name, Says::block(Reach::Exact, category), line),
            Some(Setting::Redirection(_)) => Err(Dropped::Redirection),
            None => Ok(()),
        });
        if let Err(reason) = read {
            list.left_out(line, reason);
        }
    }
}

/// The names whose data leads somewhere.
fn redirected_names(bytes: &[u8]) -> HashSet<String> {
    let texts = lines(bytes).filter_map(|(_, text)| text.ok()).filter(|text| text.starts_with("local-data"));
    let redirection = |text| match parse(text) {
        Ok(Some(Setting::Redirection(name))) => Some(name_of(name)),
        _ => None,
    };
    texts.filter_map(redirection).collect()
}

fn name_of(text: &str) -> String {
    text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase()
}

enum Setting<'a> {
    Zone(&'a str, &'a str),
    Name(&'a str),
    /// The name's data leads to a real address or another name.
    Redirection(&'a str),
}

fn parse(text: &str) -> Result<Option<Setting<'_>>, Dropped> {
    let text = text.split('#').next().unwrap_or(text).trim_ascii_end();
    if text.is_empty() || text == "server:" {
        return Ok(None);
    }
    let (key, value) = text.split_once(':').ok_or(Dropped::NotUnderstood)?;
    let value = value.trim_ascii_start();
    match key {
        "local-zone" => {
            let (name, kind) = unquoted_word(value).ok_or(Dropped::NotUnderstood)?;
            let kind = unquoted_word(kind.trim_ascii_start()).map_or("", |(kind, _)| kind);
            Ok(Some(Setting::Zone(name, kind)))
        }
        "local-data" => {
            let quoted = unquoted_word(value).filter(|_| value.starts_with(['"', '\'']));
            local_data(quoted.map_or(value, |(inside, _)| inside)).map(Some)
        }
        _ => Err(Dropped::OtherSetting),
    }
}

/// A record: the name, then in any order a lifetime and a class, then type and value.
fn local_data(text: &str) -> Result<Setting<'_>, Dropped> {
    let mut words = text.split_ascii_whitespace();
    let name = words.next().ok_or(Dropped::NotUnderstood)?;
    let is_preface =
        |word: &&str| word.eq_ignore_ascii_case("IN") || word.bytes().all(|byte| byte.is_ascii_digit());
    let mut words = words.skip_while(is_preface);
    let kind = words.next().unwrap_or_default().to_ascii_uppercase();
    match (&*kind, words.next().map(str::parse::<IpAddr>)) {
        ("A" | "AAAA", Some(Ok(address))) if leads_nowhere(address) => Ok(Setting::Name(name)),
        ("A" | "AAAA", Some(Ok(_))) | ("CNAME", Some(_)) => Ok(Setting::Redirection(name)),
        _ => Err(Dropped::UnknownAction),
    }
}

/// The first word, out of its quotes, and what follows.
fn unquoted_word(text: &str) -> Option<(&str, &str)> {
    for quote in ['"', '\''] {
        if let Some(inside) = text.strip_prefix(quote) {
            return inside.split_once(quote);
        }
    }
    let end = text.find(|c: char| c.is_ascii_whitespace()).unwrap_or(text.len());
    Some(text.split_at(end)).filter(|(word, _)| !word.is_empty())
}

fn add_zone(
    name: &str,
    kind: &str,
    category: Category,
    line: u32,
    list: &mut ReadList,
) -> Result<(), Dropped> {
    let says = Says::block(Reach::Subtree, category);
    match kind {
        "deny" | "refuse" | "static" | "redirect" | "inform_deny" | "inform_redirect" | "always_nxdomain"
        | "always_nodata" | "always_refuse" | "always_deny" | "always_null" => {
            list.read_name(name, says, line)
        }
        "transparent" | "typetransparent" | "always_transparent" | "inform" => {
            list.read_name(name, Says { effect: Effect::Exception, ..says }, line)
        }
        "block_a" => {
            let pattern = Pattern::Name { host: super::host(name)?, reach: Reach::Subtree };
            let conditions = Conditions { types: vec![TYPE_A], ..Conditions::default() };
            list.rule(NewRule { conditions, ..rule(pattern, says, line) });
            Ok(())
        }
        _ => Err(Dropped::UnknownAction),
    }
}
