//! A readable document as one HTML page that needs nothing else: no script, no address outside, made to be printed.

use super::page::Block;

/// The look of the page; dark on white, no colour carries a meaning.
const STYLE: &str = "\
body{font:1.05rem/1.5 sans-serif;color:#111;background:#fff;margin:0 auto;max-width:62rem;padding:1rem}\
h1{font-size:2rem;line-height:1.2}h2{font-size:1.5rem;margin-top:2.5rem;border-bottom:2px solid #111}\
h3{font-size:1.15rem;margin-bottom:.25rem}table{border-collapse:collapse;width:100%;margin:1rem 0}\
caption{text-align:left;font-weight:bold;padding:.25rem 0}\
th,td{border:1px solid #555;padding:.3rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}\
thead th{background:#eee}tbody th{font-weight:bold;width:14rem}\
.table{overflow-x:auto}a.skip{position:absolute;left:-99rem}a.skip:focus{position:static}\
a{color:#00378b}a:focus,.table:focus{outline:3px solid #00378b}\
@media print{body{font-size:10pt;max-width:none;padding:0}h2,h3{break-after:avoid}tr{break-inside:avoid}\
nav,a.skip{display:none}.table{overflow:visible}}";

pub(crate) fn render(title: &str, blocks: &[Block]) -> String {
    let mut out = String::from("<!DOCTYPE html>\n<html lang=\"en-GB\">\n<head>\n<meta charset=\"utf-8\">\n");
    out.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    out.push_str(&format!("<title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n", escaped(title)));
    out.push_str("<a class=\"skip\" href=\"#policy\">Skip to the policy</a>\n");
    out.push_str("<main id=\"policy\">\n");
    let first_part = blocks.iter().position(|block| matches!(block, Block::Heading { level: 2, .. }));
    for (number, block) in blocks.iter().enumerate() {
        // The front page comes before the contents, as on paper.
        if Some(number) == first_part {
            contents(&mut out, blocks);
        }
        match block {
            Block::Heading { level, text } => {
                let level = (*level).clamp(1, 6);
                out.push_str(&format!("<h{level} id=\"part-{number}\">{}</h{level}>\n", escaped(text)));
            }
            Block::Paragraph(text) => out.push_str(&format!("<p>{}</p>\n", escaped(text))),
            Block::Points(points) => {
                let points: String =
                    points.iter().map(|point| format!("<li>{}</li>\n", escaped(point))).collect();
                out.push_str(&format!("<ul>\n{points}</ul>\n"));
            }
            Block::Table { caption, columns, rows } => table(&mut out, number, caption, (columns, rows)),
        }
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn contents(out: &mut String, blocks: &[Block]) {
    out.push_str("<nav aria-label=\"Contents\">\n<ul>\n");
    for (number, block) in blocks.iter().enumerate() {
        if let Block::Heading { level: 2, text } = block {
            out.push_str(&format!("<li><a href=\"#part-{number}\">{}</a></li>\n", escaped(text)));
        }
    }
    out.push_str("</ul>\n</nav>\n");
}

fn table(out: &mut String, number: usize, caption: &str, (columns, rows): (&[String], &[Vec<String>])) {
    let id = format!("table-{number}");
    out.push_str(&format!(
        "<div class=\"table\" role=\"region\" aria-labelledby=\"{id}\" tabindex=\"0\">\n<table>\n"
    ));
    out.push_str(&format!("<caption id=\"{id}\">{}</caption>\n<thead>\n<tr>", escaped(caption)));
    for column in columns {
        out.push_str(&format!("<th scope=\"col\">{}</th>", escaped(column)));
    }
    out.push_str("</tr>\n</thead>\n<tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (at, cell) in row.iter().enumerate() {
            let cell = escaped(cell);
            let cell =
                if at == 0 { format!("<th scope=\"row\">{cell}</th>") } else { format!("<td>{cell}</td>") };
            out.push_str(&cell);
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div>\n");
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
