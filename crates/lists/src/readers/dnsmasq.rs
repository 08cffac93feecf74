//! dnsmasq's configuration (dnsmasq(8)): `address=/a/b/0.0.0.0`, `address=/a/#`, `address=/a/`, `local=/a/` and `server=/a/`
//! close each name and everything below it; `server=/a/#` sends it the usual way again, an exception. `*x` before a name is
//! any name that ends so.
//!
//! A real address (`address=/a/192.0.2.1`) or server is a redirection and left out; so are settings that list no name.

use super::hosts::leads_nowhere;
use super::lines::lines;
use super::wildcard;
use crate::Dropped;
use crate::list::{ReadList, Says};
use model::Category;
use policy::image::{Effect, Reach};
use std::net::IpAddr;

pub(super) fn read(bytes: &[u8], category: Category, list: &mut ReadList) {
    for (line, text) in lines(bytes) {
        if let Err(reason) = text.and_then(|text| read_line(text, category, line, list)) {
            list.left_out(line, reason);
        }
    }
}

fn read_line(text: &str, category: Category, line: u32, list: &mut ReadList) -> Result<(), Dropped> {
    if text.is_empty() || text.starts_with('#') {
        return Ok(());
    }
    let text = text.split_once(" #").map_or(text, |(setting, _)| setting.trim_ascii_end());
    let (key, value) =
        text.strip_prefix("--").unwrap_or(text).split_once('=').ok_or(Dropped::OtherSetting)?;
    let key = key.trim_ascii_end();
    let Some(value) = value.trim_ascii_start().strip_prefix('/') else {
        return Err(Dropped::OtherSetting);
    };
    let (names, target) = value.rsplit_once('/').ok_or(Dropped::NotUnderstood)?;
    let effect = effect_of(key, target.trim_ascii())?;
    let says = Says { effect, ..Says::block(Reach::Subtree, category) };
    for name in names.split('/') {
        if let Err(reason) = add(name, says, line, list) {
            list.left_out(line, reason);
        }
    }
    Ok(())
}

fn effect_of(key: &str, target: &str) -> Result<Effect, Dropped> {
    match (key, target) {
        ("address" | "local" | "server", "") | ("address", "#") => Ok(Effect::Block),
        ("server", "#") => Ok(Effect::Exception),
        ("address", address) => match address.parse::<IpAddr>() {
            Ok(address) if leads_nowhere(address) => Ok(Effect::Block),
            Ok(_) => Err(Dropped::Redirection),
            Err(_) => Err(Dropped::NotUnderstood),
        },
        ("server" | "local", _) => Err(Dropped::Redirection),
        _ => Err(Dropped::OtherSetting),
    }
}

fn add(name: &str, says: Says, line: u32, list: &mut ReadList) -> Result<(), Dropped> {
    if name == "#" {
        return Err(Dropped::TooBroad);
    }
    if name.contains('*') {
        list.rule(wildcard::rule(wildcard::pattern(name)?, says, line));
        return Ok(());
    }
    list.read_name(name.strip_prefix('.').unwrap_or(name), says, line)
}
