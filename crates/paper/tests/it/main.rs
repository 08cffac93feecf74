//! Papers as real readers of PDF see them: Poppler's `pdftotext` and `pdfinfo`, and `qpdf --check`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use paper::{Block, FirstCell, Level, Look, MOST_BYTES, Made, Paper, PaperError, Table, Text};
use proptest::prelude::*;
use std::path::Path;
use std::process::Command;

const MADE: Made = Made { year: 2026, month: 11, day: 22, hour: 14, minute: 5, second: 3 };
const LONG: &str =
    "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft-at-work";
const NAMES: [&str; 6] = [
    "Zoë Œuvré-Nuñez",
    "Łukasz Wiśniewski-Żółć",
    "Ngọc Ánh Nguyễn",
    "Αλεξάνδρα Παπαδοπούλου",
    "Олександра Ґалаґан",
    "Ștefănuță Țurcanu",
];

fn paper(blocks: Vec<Block>) -> Paper {
    Paper {
        title: "Case: worrying words".to_owned(),
        language: "en-GB".to_owned(),
        made: MADE,
        foot: vec![
            "Made by Alex Sample on 22 November 2026".to_owned(),
            format!("SHA-256 {}", "ab".repeat(32)),
        ],
        blocks,
    }
}

fn table(rows: usize) -> Block {
    let row = |number: usize| {
        let name = NAMES[number % NAMES.len()];
        vec![
            vec![Text::plain(format!("Line {number}"))],
            vec![
                Text::plain(name),
                Text { words: "Struck out: the wrong week".to_owned(), look: Look::Struck },
            ],
        ]
    };
    Block::Table(Table {
        summary: "What was done".to_owned(),
        columns: vec![("When".to_owned(), 1), ("In words".to_owned(), 3)],
        rows: (0..rows).map(row).collect(),
        first_cell: FirstCell::HeadsRow,
    })
}

/// What a reader says of a PDF.
fn read(pdf: &[u8], program: &str, arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("paper.pdf");
    std::fs::write(&file, pdf).unwrap();
    let arguments = arguments
        .iter()
        .map(|argument| if *argument == "FILE" { file.as_path() } else { Path::new(argument) });
    let output =
        Command::new(program).args(arguments).output().expect("the reader is there: `cargo xtask start`");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program}: {said} {}", String::from_utf8_lossy(&output.stderr));
    // Poppler of Debian 12 takes the one value that the standard has here for a mistake.
    let complaints = String::from_utf8_lossy(&output.stderr)
        .replace("Syntax Error: Suspects object is wrong type (boolean)\n", "");
    assert_eq!(complaints, "", "{program}");
    said
}

fn text_of(pdf: &[u8]) -> String {
    read(pdf, "pdftotext", &["-enc", "UTF-8", "FILE", "-"])
}

#[test]
fn names_are_read_back_letter_for_letter() {
    let mut blocks = vec![Block::Heading(Level::Section, "Names".to_owned())];
    blocks.extend(NAMES.map(|name| Block::Paragraph(Text::plain(name))));
    let pdf = paper(blocks).to_pdf().unwrap();
    let text = text_of(&pdf);
    for name in NAMES {
        assert!(text.contains(name), "{name}: {text}");
    }
}

#[test]
fn arabic_and_urdu_are_read_back_in_the_order_in_which_they_are_written() {
    for name in ["مريم خان", "محمد علی جٹ", "فاطمہ"] {
        let pdf = paper(vec![Block::Paragraph(Text::plain(name))]).to_pdf().unwrap();
        let text = text_of(&pdf);
        assert!(text.contains(name), "{name}: {text}");
        let mixed = format!("Seen by {name} on Monday");
        let pdf = paper(vec![Block::Paragraph(Text::plain(mixed))]).to_pdf().unwrap();
        let text: String =
            text_of(&pdf).chars().filter(|letter| !matches!(letter, '\u{202A}'..='\u{202E}')).collect();
        assert!(text.contains("Seen by") && text.contains(name), "{name}: {text}");
    }
}

#[test]
fn a_letter_that_no_font_has_is_read_back_all_the_same() {
    let pdf = paper(vec![Block::Paragraph(Text::plain("Written by 木村 at noon"))]).to_pdf().unwrap();
    let text = text_of(&pdf);
    assert!(text.contains("木村"), "{text}");
}

#[test]
fn a_reader_finds_title_language_tags_pages_and_no_fault() {
    let pdf =
        paper(vec![Block::Heading(Level::Section, "Timeline".to_owned()), table(200)]).to_pdf().unwrap();
    let checked = read(&pdf, "qpdf", &["--check", "FILE"]);
    assert!(checked.contains("No syntax or stream encoding errors found"), "{checked}");
    let about = read(&pdf, "pdfinfo", &["FILE"]);
    let field = |name: &str| {
        let line = about.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    assert_eq!(
        (field("Title").as_str(), field("Tagged").as_str()),
        ("Case: worrying words", "yes"),
        "{about}"
    );
    assert_eq!((field("JavaScript").as_str(), field("Encrypted").as_str()), ("no", "no"), "{about}");
    assert!(field("Page size").contains("A4"), "{about}");
    let pages: usize = field("Pages").parse().unwrap();
    assert!(pages > 4, "{about}");
    let text = text_of(&pdf);
    assert!(text.contains(&format!("Page {pages} of {pages}")) && text.contains("Page 1 of"), "{text}");
    assert_eq!(text.matches("Made by Alex Sample").count(), pages, "at each foot");
    assert_eq!(text.matches("In words").count(), pages, "a table's headings stand on each page");
    let tree = read(&pdf, "pdfinfo", &["-struct-text", "FILE"]);
    for part in ["Table", "THead", "TH", "TD", "H1", "H2", "Timeline"] {
        assert!(tree.contains(part), "{part}: {}", &tree[..tree.len().min(2_000)]);
    }
    assert!(!tree.contains("Made by Alex"), "the foot is not read aloud");
    assert!(String::from_utf8_lossy(&pdf).contains("en-GB"));
}

#[test]
fn a_word_wider_than_its_cell_loses_nothing() {
    let block = Block::Table(Table {
        summary: "One".to_owned(),
        columns: vec![("A".to_owned(), 1), ("B".to_owned(), 9)],
        rows: vec![vec![vec![Text::plain(LONG)], vec![Text::plain(LONG.repeat(60))]]],
        first_cell: FirstCell::IsOneOfThem,
    });
    let pdf = paper(vec![block]).to_pdf().unwrap();
    let letters: String = read(&pdf, "pdfinfo", &["-struct-text", "FILE"]).split_whitespace().collect();
    assert!(letters.matches("hauptbetriebswerk").count() + letters.matches("Donau").count() >= 61);
}

#[test]
fn the_same_paper_is_the_same_bytes() {
    let paper = paper(vec![table(9)]);
    assert_eq!(paper.to_pdf().unwrap(), paper.to_pdf().unwrap());
}

#[test]
fn what_is_too_long_is_said_and_takes_no_memory() {
    let text = "a ".repeat(MOST_BYTES / 2 + 1);
    let long = paper(vec![Block::Paragraph(Text::plain(text))]).to_pdf();
    assert!(matches!(long, Err(PaperError::TooLong { what: "bytes of text", .. })));
    let lines = "\n".repeat(400_000);
    let long = paper(vec![Block::Paragraph(Text::plain(lines))]).to_pdf();
    assert!(matches!(long, Err(PaperError::TooLong { what: "pages", .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_text_is_a_paper(title in any::<String>(), words in any::<String>(), cell in "\\PC{0,80}") {
        let mut paper = paper(vec![
            Block::Heading(Level::Part, title.clone()),
            Block::Paragraph(Text { words: words.clone(), look: Look::Struck }),
            Block::Table(Table {
                summary: words,
                columns: vec![(title.clone(), 1), (String::new(), 1)],
                rows: vec![vec![vec![Text::plain(cell)]], Vec::new()],
                first_cell: FirstCell::HeadsRow,
            }),
        ]);
        paper.title = title;
        let made = paper.to_pdf();
        prop_assert!(made.is_ok(), "{:?}", made.err());
    }
}
