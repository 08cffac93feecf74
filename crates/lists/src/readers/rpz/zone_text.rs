//! The lines of a zone file into records, leniently: what cannot be read is given as the reason, and the next line is read.

use super::super::lines::whole_lines;
use super::{Record, relative};
use crate::Dropped;

/// A record with more words than this holds nothing that a policy zone needs.
const MOST_WORDS: usize = 64;

/// Told of each record or of why there is none, with the line it begins on.
type OnRecord<'a> = &'a mut dyn FnMut(u32, Result<Record, Dropped>);

#[derive(Default)]
pub(super) struct ZoneText {
    /// What is put behind relative names, without its last dot.
    origin: Option<String>,
    /// The zone's own name.
    apex: Option<String>,
    /// The owner of the record before, whole.
    owner: Option<Owner>,
}

/// An owner as it was written, in lower case.
#[derive(Clone)]
enum Owner {
    /// With the zone's name in it, without the last dot.
    Whole(String),
    /// Relative, in a file that has not said to what.
    Relative(String),
}

/// A record's words, as they come together over lines.
#[derive(Default)]
struct Words {
    words: Vec<String>,
    first_line: u32,
    inherits_owner: bool,
    open_brackets: usize,
}

impl ZoneText {
    pub(super) fn read(&mut self, bytes: &[u8], on_record: OnRecord<'_>) {
        let mut words = Words::default();
        for (line, text) in whole_lines(bytes) {
            match text {
                Ok(text) => words.take(line, text),
                Err(reason) => {
                    on_record(line, Err(reason));
                    continue;
                }
            }
            if words.open_brackets == 0 || words.words.len() > MOST_WORDS {
                self.record(std::mem::take(&mut words), on_record);
            }
        }
        self.record(words, on_record);
    }

    fn record(&mut self, words: Words, on_record: OnRecord<'_>) {
        let line = words.first_line;
        if words.words.is_empty() {
            return;
        }
        if words.words.len() > MOST_WORDS {
            on_record(line, Err(Dropped::NotUnderstood));
            return;
        }
        match self.parse(words) {
            Ok(Some(record)) => on_record(line, Ok(record)),
            Ok(None) => {}
            Err(reason) => on_record(line, Err(reason)),
        }
    }

    fn parse(&mut self, words: Words) -> Result<Option<Record>, Dropped> {
        let Words { words, inherits_owner, .. } = words;
        let mut words = words.into_iter();
        let first = words.next().unwrap_or_default();
        if first.starts_with('$') {
            return self.directive(&first, words.next()).map(|()| None);
        }
        let mut rest: Vec<String> = words.collect();
        if inherits_owner {
            rest.insert(0, first);
        } else {
            self.owner = Some(self.owner_of(&first));
        }
        let owner = self.owner.clone().ok_or(Dropped::NotUnderstood)?;
        let start = rest.iter().position(|word| !is_class(word) && !is_lifetime(word));
        let mut rest = rest.split_off(start.ok_or(Dropped::NotUnderstood)?).into_iter();
        let kind = rest.next().unwrap_or_default().to_ascii_uppercase();
        if kind == "SOA"
            && let Owner::Whole(apex) = &owner
        {
            self.apex = Some(apex.clone());
        }
        let trigger = self.trigger(owner)?;
        let value = rest.map(|word| self.value(&kind, word)).collect();
        Ok(Some(Record { trigger, kind, value }))
    }

    fn directive(&mut self, name: &str, value: Option<String>) -> Result<(), Dropped> {
        match (name, value) {
            ("$origin", Some(value)) => {
                if let Owner::Whole(origin) = self.owner_of(&value) {
                    self.apex.get_or_insert_with(|| origin.clone());
                    self.origin = Some(origin);
                }
                Ok(())
            }
            ("$ttl", _) => Ok(()),
            _ => Err(Dropped::OtherSetting),
        }
    }

    fn owner_of(&self, text: &str) -> Owner {
        match (text, text.strip_suffix('.'), &self.origin) {
            ("@", _, Some(origin)) => Owner::Whole(origin.clone()),
            ("@", _, None) => Owner::Relative(String::new()),
            (_, Some(whole), _) => Owner::Whole(whole.to_owned()),
            (_, None, Some(origin)) if !origin.is_empty() => Owner::Whole(format!("{text}.{origin}")),
            _ => Owner::Relative(text.to_owned()),
        }
    }

    fn trigger(&self, owner: Owner) -> Result<String, Dropped> {
        match (owner, &self.apex) {
            (Owner::Whole(owner), Some(apex)) => relative(&owner, apex).map(str::to_owned),
            (Owner::Whole(owner), None) | (Owner::Relative(owner), _) => Ok(owner),
        }
    }

    /// A word of a value; a relative name of an alias is made whole.
    fn value(&self, kind: &str, word: String) -> String {
        match &self.origin {
            Some(origin) if kind == "CNAME" && !word.ends_with('.') => format!("{word}.{origin}."),
            _ => word,
        }
    }
}

fn is_class(word: &str) -> bool {
    ["in", "ch", "hs", "cs"].contains(&word)
}

/// A lifetime: seconds, or numbers with units (`1h30m`), as many programs write them.
fn is_lifetime(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
        && word.bytes().all(|byte| byte.is_ascii_digit() || b"smhdw".contains(&byte))
}

impl Words {
    /// Takes the words of a line in, in lower case.
    fn take(&mut self, line: u32, text: &str) {
        if self.words.is_empty() {
            self.first_line = line;
            self.inherits_owner = text.starts_with([' ', '\t']);
        }
        let mut word = String::new();
        let mut is_quoted = false;
        for c in text.chars() {
            match c {
                '"' => is_quoted = !is_quoted,
                _ if is_quoted => word.push(c),
                ';' => break,
                '(' | ')' => {
                    self.end(&mut word);
                    self.open_brackets = if c == '(' {
                        self.open_brackets.saturating_add(1)
                    } else {
                        self.open_brackets.saturating_sub(1)
                    };
                }
                c if c.is_whitespace() => self.end(&mut word),
                c => word.push(c),
            }
        }
        self.end(&mut word);
    }

    fn end(&mut self, word: &mut String) {
        if !word.is_empty() {
            self.words.push(std::mem::take(word).to_lowercase());
        }
    }
}
