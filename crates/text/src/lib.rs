//! One preparation of text for everybody who looks for words in it: rules of monitoring, phrases of pages.
//!
//! - [`decode`]: percent and plus signs of addresses, and words without markup;
//! - [`fold`]: one form for letters that differ only in case, width, accents or dress;
//! - [`words`]: text cut into words;
//! - [`pattern`]: what a rule's author writes, `(cut|cutting) my (arm|arms)`;
//! - [`patterns`]: many patterns sought at once, through disguise and misspelling.
//!
//! Left out on purpose: I/O, what a pattern means, and telling which language a text is in (the caller chooses the patterns
//! of the languages its school sets). Matching is by whole words in a graph of words, not by bytes in an automaton: one
//! place of a text may then be read in several ways at once (`h4rm` as itself and as `harm`), and no word is ever found
//! inside another one.
//!
//! Invariants: every function is pure and answers any text without a panic; work is bounded by the text's length, and of a
//! long text only the beginning is read.

pub mod decode;
mod disguise;
pub mod fold;
pub mod pattern;
pub mod patterns;
mod vocabulary;
pub mod words;
