//! `schoolgate people import` and `schoolgate people rollover` as a technician types them: the built program, on a folder of
//! records in which no gate runs.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const HEADINGS: &str = "Adno,Legal Forename,Legal Surname,DOB,Year,Reg\n";

/// Rows that cannot be taken as they are, with the words that say so and whether the row counts all the same.
const MISTAKES: [(&str, &str, bool); 6] = [
    ("0020,Cleo,Sample,03/03/2018,Year 99,3A", "There is no year group \u{201c}Year 99\u{201d}.", false),
    ("0021,Eli,Double,03/03/2018,3,3A", "This id is also that of line", false),
    ("0021,Finn,Other,04/04/2018,3,3A", "This id is that of somebody else in the file too.", false),
    (",Dee,Nobody,03/03/2018,3,3A", "There is no id.", false),
    ("0024,,,05/05/2018,3,3A", "There is no name.", false),
    ("0025,Bo,Dunmoss,12/31/2017,3,3A", "has its month before its day.", true),
];

/// A folder of records with an approved policy of one school.
struct Office {
    folder: tempfile::TempDir,
}

impl Office {
    fn new() -> Self {
        let office = Self { folder: tempfile::tempdir().unwrap() };
        let config = "[gate]\nname = \"gate.larkfield.test\"\norganisation = \"Larkfield First School\"\n";
        std::fs::write(office.path().join("schoolgate.toml"), config).unwrap();
        let policies = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../../policies");
        let policy = policies.join("first-school.toml").display().to_string();
        let proposed = office.done(&["policy", "propose", &policy]);
        let hash = proposed.split_whitespace().find(|word| word.len() == 64).expect("it prints the hash");
        office.done(&["policy", "approve", &hash[..8], "--reason", "the first one"]);
        office
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self, name: &str, text: &str) -> String {
        let file = self.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_schoolgate"));
        command.args(arguments).arg("--folder").arg(self.path()).output().unwrap()
    }

    /// What a command that works prints.
    fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// What a command that is refused says.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments:?}: {}", text(&output.stdout));
        text(&output.stderr)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[arguments, &["--json"]].concat())).unwrap()
    }

    /// What sending this file would change.
    fn differences(&self, file: &str) -> Vec<String> {
        words(&self.json(&["people", "import", file, "--dry-run"])["sums"])
    }

    /// Sends a file, and approves it alone.
    fn apply(&self, arguments: &[&str]) -> String {
        let id = self.json(arguments)["import"].as_str().unwrap().to_owned();
        self.done(&["people", "import", "--approve", &id, "--emergency", "--reason", "no head today"]);
        id
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn words(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// Learners of Year 3 and, after them, two of Year 4, who leave a first school next.
fn learners() -> String {
    let of = |n: usize| if n > 10 { 4 } else { 3 };
    let rows =
        (1..=12).map(|n| format!("{n:04},Child{n},Sample,0{}/09/2018,{},{}A\n", n % 9 + 1, of(n), of(n)));
    format!("{HEADINGS}{}", rows.collect::<String>())
}

#[test]
fn a_file_with_real_mistakes_is_shown_row_by_row_and_nothing_of_it_is_lost() {
    let office = Office::new();
    let mistakes: String = MISTAKES.iter().map(|(row, ..)| format!("{row}\n")).collect();
    let file = office.file("pupils.csv", &format!("{}{mistakes}", learners()));
    let tried = office.json(&["people", "import", &file, "--dry-run"]);
    assert_eq!(
        (&tried["not_taken"], &tried["all_mistakes"]),
        (&Value::from(5), &Value::from(MISTAKES.len()))
    );
    assert_eq!(
        words(&tried["sums"]),
        ["Joining, Year 3: 11", "Joining, Year 4: 2"],
        "13 taken, 5 not, of 18"
    );
    let said = office.done(&["people", "import", &file, "--dry-run"]);
    for (number, (row, what, taken)) in MISTAKES.iter().enumerate() {
        let place = format!("line {}", number + 14);
        let fault = tried["mistakes"].as_array().unwrap().iter().find(|fault| {
            fault["place"].as_str().unwrap().contains(&place)
                && fault["what"].as_str().unwrap().contains(what)
        });
        let fault = fault.unwrap_or_else(|| panic!("{row}: {}", tried["mistakes"]));
        assert_eq!(fault["taken"], *taken, "{row}");
        assert!(!fault["mend"].as_str().unwrap().is_empty(), "{row}");
        let line = said.lines().find(|line| line.contains(&place) && line.contains(what));
        let line = line.unwrap_or_else(|| panic!("{row}: {said}"));
        assert_eq!(line.contains("(row not taken)"), !taken, "{line}");
    }
    assert!(said.contains("rows not taken: 5") && said.contains("Nothing was put down."), "{said}");
    let other = office.file("pupils.pdf", "%PDF-1.7");
    assert!(office.refused(&["people", "import", &other]).contains("no file that can be read"));
    assert!(office.refused(&["people", "import", "/nowhere.csv"]).contains("/nowhere.csv"));
}

#[test]
fn an_import_is_put_down_approved_applied_and_undone() {
    let office = Office::new();
    let file = office.file("pupils.csv", &learners());
    let said = office.done(&["people", "import", &file]);
    assert!(said.contains("Joining, Year 3: 10") && said.contains("Child12 Sample"), "{said}");
    assert!(said.contains("A headteacher, a senior leader or a business manager approves it"), "{said}");
    let id = said.split_once("It waits as ").unwrap().1.split_once('.').unwrap().0.to_owned();
    let alone = office.refused(&["people", "import", "--approve", &id, "--reason", "the new term"]);
    assert!(alone.contains("another person must approve it"), "{alone}");
    assert!(!office.differences(&file).is_empty(), "nothing of it was done");
    let approve = ["people", "import", "--approve", &id, "--emergency", "--reason", "no head today"];
    let applied = office.done(&approve);
    assert!(applied.contains("Joining, Year 3: 10"), "{applied}");
    assert_eq!(office.differences(&file), Vec::<String>::new());
    assert!(office.refused(&approve).contains("decided already"));

    let again = office.done(&["people", "import", &file]);
    assert!(again.contains("People of whom nothing changes: 12") && again.contains("--drop "), "{again}");
    let empty = again.split_once("It waits as ").unwrap().1.split_once('.').unwrap().0.to_owned();
    office.done(&["people", "import", "--drop", &empty, "--reason", "nothing in it"]);

    let undone = office.done(&["people", "import", "--undo", &id, "--reason", "the wrong file"]);
    assert!(undone.contains("People put back: 12"), "{undone}");
    let back = office.differences(&file);
    assert!(back.contains(&"Coming back: 12".to_owned()), "they rest, and are known again: {back:?}");
    let twice = office.refused(&["people", "import", "--undo", &id, "--reason", "again"]);
    assert!(twice.contains("once"), "{twice}");
}

#[test]
fn a_year_is_rehearsed_without_a_trace_ended_on_a_copy_and_then_in_earnest_and_undone() {
    let office = Office::new();
    let file = office.file("pupils.csv", &learners());
    office.apply(&["people", "import", &file]);
    let expected = ["Leaving, Year 4: 2", "Year 3 to Year 4: 10"];
    let rehearsed = office.json(&["people", "rollover", "--rehearse"]);
    assert_eq!(words(&rehearsed["sums"]), expected);
    assert!(rehearsed["end"].as_str().unwrap().contains("taken back"), "{rehearsed}");
    assert_eq!(office.differences(&file), Vec::<String>::new(), "a rehearsal leaves no trace");

    // On a copy of the whole folder, to the end.
    let copy = Office { folder: tempfile::tempdir().unwrap() };
    for entry in std::fs::read_dir(office.path()).unwrap() {
        let from = entry.unwrap().path();
        if from.is_file() {
            std::fs::copy(&from, copy.path().join(from.file_name().unwrap())).unwrap();
        }
    }
    copy.apply(&["people", "rollover"]);
    assert!(!copy.differences(&file).is_empty(), "the year ended on the copy");
    assert_eq!(office.differences(&file), Vec::<String>::new(), "and there alone");

    let said = office.done(&["people", "rollover"]);
    assert!(said.contains("It ends a school year.") && said.contains("people import"), "{said}");
    let id = said.split_once("It waits as ").unwrap().1.split_once('.').unwrap().0.to_owned();
    let approved =
        office.done(&["people", "import", "--approve", &id, "--emergency", "--reason", "1 September"]);
    assert!(expected.iter().all(|sum| approved.contains(sum)), "{approved}");
    let undone = office.done(&["people", "import", "--undo", &id, "--reason", "a week too early"]);
    assert!(undone.contains("People put back: 12"), "{undone}");
    assert_eq!(office.differences(&file), Vec::<String>::new());
}
