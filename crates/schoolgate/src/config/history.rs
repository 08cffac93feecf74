//! `[history]`: where the access history lies. Each key stands in `docs/history.md`.

use crate::error::ProgramError;
use serde::Deserialize;
use std::path::PathBuf;

/// Where the history lies.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HistoryConfig {
    /// Where events are recorded and read from now.
    pub(crate) place: HistoryPlace,
    /// The ClickHouse server; it may be set while the folder is still in use, so that history can be moved to it.
    pub(crate) server: ServerConfig,
}

/// One of the places.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HistoryPlace {
    /// The folder `history` of this gate.
    #[default]
    Folder,
    /// The tables on a ClickHouse server.
    Clickhouse,
}

/// A ClickHouse server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServerConfig {
    /// Its HTTP interface; empty: there is none.
    pub(crate) address: String,
    /// The database.
    pub(crate) database: String,
    /// The user.
    pub(crate) user: String,
    /// The file in `secrets` that holds the user's password.
    pub(crate) password: String,
    /// PEM files of the authorities that its certificate may come from; empty: the public ones.
    pub(crate) trusted_roots: Vec<PathBuf>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            address: String::new(),
            database: "schoolgate".to_owned(),
            user: "schoolgate".to_owned(),
            password: String::new(),
            trusted_roots: Vec::new(),
        }
    }
}

impl HistoryPlace {
    /// Its name, in the configuration and on the command line.
    pub(crate) fn slug(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::Clickhouse => "clickhouse",
        }
    }
}

impl ServerConfig {
    /// Checks what belongs together.
    pub(crate) fn check(&self) -> Result<(), ProgramError> {
        let wrong = |key: &str, words: &str| ProgramError::Question(format!("history.server.{key}: {words}"));
        if self.address.is_empty() {
            return Err(wrong("address", "expected the address of a ClickHouse server, found none"));
        }
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !(1..=64).contains(&self.database.len()) || !self.database.bytes().all(is_plain) {
            return Err(wrong("database", "expected lower-case letters, digits and _, found something else"));
        }
        if !super::is_plain_name(&self.password) {
            return Err(wrong(
                "password",
                "expected the name of a file in secrets: lower-case letters, digits, hyphens; found none",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<HistoryConfig, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_folder_is_the_usual_place_and_a_server_needs_address_and_password() {
        assert_eq!(read("").unwrap().place, HistoryPlace::Folder);
        let whole =
            "place = \"clickhouse\"\n[server]\naddress = \"https://events.test\"\npassword = \"events\"\n";
        let config = read(whole).unwrap();
        assert_eq!(config.place, HistoryPlace::Clickhouse);
        config.server.check().unwrap();
        for (change, expected) in [
            (whole.replace("https://events.test", ""), "history.server.address"),
            (whole.replace("\"events\"", "\"../pepper\""), "history.server.password"),
            (format!("{whole}database = \"a b\"\n"), "history.server.database"),
        ] {
            let error = read(&change).unwrap().server.check().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn a_name_that_is_none_is_answered_with_those_there_are() {
        for (text, expected) in
            [("place = \"clikhouse\"", "`clickhouse`"), ("[server]\nadress = \"x\"", "`address`")]
        {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
