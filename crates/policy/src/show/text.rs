//! A readable document as plain text, at most 100 columns wide where words allow.

use super::page::Block;

/// The width of a line.
const WIDTH: usize = 100;

pub(crate) fn render(blocks: &[Block]) -> String {
    let mut out = String::new();
    let mut headed = "";
    for block in blocks {
        match block {
            Block::Heading { level, text } => {
                headed = text;
                heading(&mut out, *level, text);
            }
            Block::Paragraph(text) => wrapped(&mut out, text, ""),
            Block::Points(points) => points.iter().for_each(|point| wrapped(&mut out, point, "  - ")),
            Block::Table { caption, columns, rows } => {
                if caption != headed {
                    wrapped(&mut out, &format!("{caption}:"), "");
                }
                for row in rows {
                    table_row(&mut out, columns, row);
                }
            }
        }
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn heading(out: &mut String, level: u8, text: &str) {
    let line = match level {
        1 => "=",
        2 => "-",
        _ => "",
    };
    out.push_str(text);
    out.push('\n');
    if !line.is_empty() {
        out.push_str(&line.repeat(text.chars().count().min(WIDTH)));
        out.push('\n');
    }
}

/// A row as points: its name, then each other column with its heading. Wide tables stay readable so.
fn table_row(out: &mut String, columns: &[String], row: &[String]) {
    if let [name, value] = row {
        wrapped(out, &format!("{name}: {value}"), "  - ");
        return;
    }
    let mut cells = columns.iter().zip(row);
    if let Some((_, name)) = cells.next() {
        wrapped(out, name, "  - ");
    }
    for (column, cell) in cells.filter(|(_, cell)| !cell.is_empty()) {
        wrapped(out, &format!("{column}: {cell}"), "      ");
    }
}

fn wrapped(out: &mut String, text: &str, lead: &str) {
    let indent = " ".repeat(lead.len());
    let mut line = lead.to_owned();
    let mut used = lead.len();
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > lead.len() && used + 1 + length > WIDTH {
            out.push_str(line.trim_end());
            out.push('\n');
            line.clone_from(&indent);
            used = indent.len();
        }
        if used > lead.len() {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += length;
    }
    out.push_str(line.trim_end());
    out.push('\n');
}
