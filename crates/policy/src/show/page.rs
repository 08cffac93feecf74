//! A readable document before it is text or HTML: headings, paragraphs, tables, lists.

/// A piece of a readable document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Block {
    /// A heading; level 1 stands once, at the top.
    Heading { level: u8, text: String },
    /// A paragraph.
    Paragraph(String),
    /// Points.
    Points(Vec<String>),
    /// A table; the first column names each row.
    Table { caption: String, columns: Vec<String>, rows: Vec<Vec<String>> },
}

impl Block {
    pub(crate) fn heading(level: u8, text: impl Into<String>) -> Self {
        Self::Heading { level, text: text.into() }
    }

    pub(crate) fn paragraph(text: impl Into<String>) -> Self {
        Self::Paragraph(text.into())
    }

    /// A table, or a sentence where there is no row.
    pub(crate) fn table<const N: usize>(caption: &str, columns: [&str; N], rows: Vec<[String; N]>) -> Self {
        if rows.is_empty() {
            return Self::Paragraph(format!("{caption}: none."));
        }
        Self::Table {
            caption: caption.to_owned(),
            columns: columns.map(str::to_owned).into(),
            rows: rows.into_iter().map(Into::into).collect(),
        }
    }
}
