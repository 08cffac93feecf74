//! The readers: one a format, each with its own meaning of "a name". Pure, over bytes in memory; never panic.
//!
//! Each module says what its format holds, what of it is read, and what is left out. Files are UTF-8 or, with a byte-order
//! mark, UTF-16; lines end at LF, CR LF or CR and have at most 4 KB. Every line or name that is left out is counted with
//! its reason.

mod addresses;
mod adguard;
mod csv;
mod dnsmasq;
mod domains;
mod hashes;
mod hosts;
mod lines;
mod rpz;
mod starter;
mod unbound;
mod urls;
mod ut1;
mod wildcard;

pub(crate) use rpz::ZoneRecord;

use crate::archive::Opened;
use crate::list::ReadList;
use crate::tree::{Tree, Unresolved};
use crate::{Dropped, ListError};
use model::{Category, Host};
use policy::image::Reach;
use policy::rules::{ListFormat, ListSource};

/// Reads one file's bytes in a format without folders. UT1 and starter lists are no such files: nothing is read.
pub fn read_bytes(format: ListFormat, bytes: &[u8], category: Category, list: &mut ReadList) {
    let bytes = &*lines::decoded(bytes);
    match format {
        ListFormat::Domains => domains::read(bytes, Reach::Subtree, category, list),
        ListFormat::DomainsExact => domains::read(bytes, Reach::Exact, category, list),
        ListFormat::Hosts => hosts::read(bytes, category, list),
        ListFormat::AdGuard => adguard::read(bytes, category, list),
        ListFormat::Dnsmasq => dnsmasq::read(bytes, category, list),
        ListFormat::Unbound => unbound::read(bytes, category, list),
        ListFormat::Rpz => rpz::read(bytes, category, list),
        ListFormat::Urls => urls::read(bytes, category, list),
        ListFormat::Addresses => addresses::read(bytes, category, list),
        ListFormat::Csv => csv::read(bytes, category, list),
        ListFormat::Hashes => hashes::read(bytes, category, list),
        ListFormat::Ut1 | ListFormat::Starter => {}
    }
}

/// Reads the records of a response policy zone as a zone transfer gives them: the same set as its zone file.
pub(crate) fn read_zone<'a>(
    apex: &str,
    records: impl IntoIterator<Item = ZoneRecord<'a>>,
    category: Category,
    list: &mut ReadList,
) {
    rpz::read_records(apex, records, category, list);
}

/// Which files of a tree a format reads, by their paths.
pub(crate) fn files_read(format: ListFormat) -> fn(&str) -> bool {
    match format {
        ListFormat::Ut1 => ut1::is_read,
        _ => |_| true,
    }
}

/// Reads the lists that ship.
pub(crate) fn read_starter(list: &mut ReadList) {
    starter::read(list);
}

/// Reads the list of illegal content that ships.
pub(crate) fn read_illegal(list: &mut ReadList) {
    starter::read_illegal(list);
}

/// Reads an opened source as the policy says it is written.
pub(crate) fn read_opened(
    source: &ListSource,
    opened: &Opened<'_>,
    list: &mut ReadList,
) -> Result<(), ListError> {
    if source.format == ListFormat::Ut1 {
        let Opened::Tree(tree) = opened else { return Err(ListError::NotATree) };
        list.dropped.add_all(&tree.refused);
        return ut1::read(tree, &source.folders, list);
    }
    let category = source.category.ok_or(ListError::NoCategory)?;
    match opened {
        Opened::File(bytes) => read_bytes(source.format, bytes, category, list),
        Opened::Tree(tree) => {
            list.dropped.add_all(&tree.refused);
            read_files(tree, source.format, category, list)?;
        }
    }
    Ok(())
}

/// Reads every file of a folder or archive, in the order of their paths.
fn read_files(
    tree: &Tree,
    format: ListFormat,
    category: Category,
    list: &mut ReadList,
) -> Result<(), ListError> {
    for path in tree.paths() {
        match tree.contents(path) {
            Ok(bytes) => read_bytes(format, &bytes, category, list),
            Err(Unresolved::Refused(reason)) => list.left_out(0, reason),
            Err(Unresolved::NotAFile) => {}
            Err(Unresolved::Failed(error)) => return Err(error),
        }
    }
    Ok(())
}

/// Reads a name as lists write it: any case, one trailing dot, international names in either form.
fn host(text: &str) -> Result<Host, Dropped> {
    if text.is_ascii() {
        return Host::parse(text).map_err(|_| Dropped::NotAName);
    }
    let ascii = idna::domain_to_ascii(text).map_err(|_| Dropped::NotAName)?;
    Host::parse(&ascii).map_err(|_| Dropped::NotAName)
}

#[cfg(test)]
mod tests;
