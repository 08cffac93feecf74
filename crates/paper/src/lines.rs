//! Text into lines: broken between words, or within one that is wider than the line, and put into the order in which it
//! stands on the page (Unicode Standard Annex 9).

use crate::fonts::{Fonts, Run, STAND_IN, Way, Weight};
use std::ops::Range;
use unicode_bidi::BidiInfo;
use unicode_script::{Script, UnicodeScript as _};

/// The most bytes that are put into order at once: a longer line of text is cut there.
const MOST_PARAGRAPH_BYTES: usize = 4_096;

/// A line as it stands on the page.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Its runs, left to right.
    pub(crate) runs: Vec<Run>,
    /// How wide it is, in parts of the font's size.
    pub(crate) width: f32,
    /// Which way the paragraph runs.
    pub(crate) way: Way,
}

/// The text as lines no wider than `width` (in parts of the font's size); a line of the text starts a line. At least one.
pub(crate) fn lines(fonts: &Fonts, text: &str, weight: Weight, width: f32) -> Vec<Line> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let cleaned = cleaned(paragraph);
        for piece in pieces(&cleaned) {
            set_paragraph(fonts, piece, (weight, width), &mut lines);
        }
    }
    if lines.is_empty() {
        lines.push(Line { runs: Vec::new(), width: 0.0, way: Way::LeftToRight });
    }
    lines
}

/// The text without what is no letter: control characters, and those that would turn the order of others round.
fn cleaned(text: &str) -> String {
    let letter = |letter: char| match letter {
        '\t' | '\u{A0}' => ' ',
        letter if letter.is_control() => STAND_IN,
        '\u{061C}'
        | '\u{200B}'
        | '\u{200E}'
        | '\u{200F}'
        | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' => STAND_IN,
        '\u{FEFF}' | '\u{FFF0}'..='\u{FFFF}' | '\u{E000}'..='\u{F8FF}' => STAND_IN,
        letter if u32::from(letter) & 0xFFFE == 0xFFFE || u32::from(letter) >= 0xE_0000 => STAND_IN,
        letter => letter,
    };
    text.chars().map(letter).collect()
}

fn pieces(mut text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    while text.len() > MOST_PARAGRAPH_BYTES {
        let at = text.floor_char_boundary(MOST_PARAGRAPH_BYTES);
        let at = text.get(..at).and_then(|start| start.rfind(' ')).map_or(at, |space| space + 1);
        let (start, rest) = text.split_at(at);
        pieces.push(start);
        text = rest;
    }
    pieces.push(text);
    pieces
}

fn set_paragraph(fonts: &Fonts, text: &str, (weight, width): (Weight, f32), lines: &mut Vec<Line>) {
    let order = BidiInfo::new(text, None);
    let Some(paragraph) = order.paragraphs.first() else {
        lines.push(Line { runs: Vec::new(), width: 0.0, way: Way::LeftToRight });
        return;
    };
    let way_of = |is_rtl: bool| if is_rtl { Way::RightToLeft } else { Way::LeftToRight };
    for range in broken(fonts, text, weight, width) {
        let (levels, visual) = order.visual_runs(paragraph, range);
        let mut runs = Vec::new();
        for stretch in visual {
            let is_rtl = levels.get(stretch.start).is_some_and(unicode_bidi::Level::is_rtl);
            runs.extend(fonts.shape(text.get(stretch).unwrap_or_default(), weight, way_of(is_rtl)));
        }
        let width = runs.iter().map(|run| run.width).sum();
        lines.push(Line { runs, width, way: way_of(paragraph.level.is_rtl()) });
    }
}

/// Where the lines of a paragraph are: the spaces at which it breaks end their line.
fn broken(fonts: &Fonts, text: &str, weight: Weight, width: f32) -> Vec<Range<usize>> {
    let (mut lines, mut start, mut used, mut at) = (Vec::new(), 0, 0.0, 0);
    for word in text.split_inclusive(' ') {
        let wide = wide(fonts, word.trim_end(), weight);
        let spaces = wide_of_spaces(fonts, word, weight);
        if used + wide > width && start < at {
            lines.push(start..at);
            (start, used) = (at, 0.0);
        }
        if wide > width {
            for cut in cuts(fonts, word, weight, width) {
                lines.push(start..at + cut);
                start = at + cut;
            }
            let rest = text.get(start..at + word.len()).unwrap_or_default();
            used = wide_by_letters(fonts, rest, weight);
        } else {
            used += wide + spaces;
        }
        at += word.len();
    }
    if start < at || lines.is_empty() {
        lines.push(start..at);
    }
    lines
}

fn wide(fonts: &Fonts, word: &str, weight: Weight) -> f32 {
    fonts.shape(word, weight, Way::LeftToRight).iter().map(|run| run.width).sum()
}

fn wide_of_spaces(fonts: &Fonts, word: &str, weight: Weight) -> f32 {
    let spaces = word.chars().rev().take_while(|letter| *letter == ' ').count();
    spaces as f32 * fonts.width_of(' ', weight)
}

fn wide_by_letters(fonts: &Fonts, text: &str, weight: Weight) -> f32 {
    text.chars().map(|letter| fonts.width_of(letter, weight)).sum()
}

/// Where a word wider than a line is cut: after a mark of an address where one is near, never before a mark on a letter.
fn cuts(fonts: &Fonts, word: &str, weight: Weight, width: f32) -> Vec<usize> {
    let (mut cuts, mut start, mut used, mut after_mark) = (Vec::new(), 0, 0.0, None);
    for (at, letter) in word.char_indices() {
        let wide = fonts.width_of(letter, weight);
        let is_mark_on_letter = letter.script() == Script::Inherited;
        if used + wide > width && at > start && !is_mark_on_letter && letter != ' ' {
            let cut = after_mark.filter(|mark| *mark > start + (at - start) / 2).unwrap_or(at);
            cuts.push(cut);
            used = wide_by_letters(fonts, word.get(cut..at).unwrap_or_default(), weight);
            (start, after_mark) = (cut, None);
        }
        used += wide;
        if matches!(letter, '/' | '&' | '?' | '=' | '-' | '_' | '.' | ',' | ';' | '+' | '%') {
            after_mark = Some(at + letter.len_utf8());
        }
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text_of(lines: &[Line]) -> String {
        let runs = lines.iter().flat_map(|line| &line.runs);
        runs.map(|run| run.actual.as_deref().unwrap_or(&run.text)).collect()
    }

    #[test]
    fn lines_are_no_wider_than_asked_and_lose_nothing() {
        let fonts = Fonts::load().unwrap();
        for text in [
            "A name with accents: Zoë Œuvré, Łukasz Wiśniewski-Żółć, Ngọc Ánh",
            "https://example.org/a/very/long/path?with=questions&and=answers-that-go-on-and-on-without-a-space",
            "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
        ] {
            let lines = lines(&fonts, text, Weight::Regular, 12.0);
            assert!(lines.iter().all(|line| line.width <= 12.6), "{text}");
            assert!(lines.len() > 1, "{text}");
            assert_eq!(text_of(&lines), text);
        }
    }

    #[test]
    fn arabic_runs_from_the_right_and_its_letters_join() {
        let fonts = Fonts::load().unwrap();
        for (text, way) in [("مريم", Way::RightToLeft), ("Report by مريم خان", Way::LeftToRight)] {
            let lines = lines(&fonts, text, Weight::Regular, 40.0);
            assert_eq!(lines.len(), 1);
            assert_eq!(lines[0].way, way, "{text}");
            let stands_in = |run: &Run| run.text.contains(STAND_IN);
            assert!(!lines[0].runs.iter().any(stands_in), "{text}");
        }
        let alone = fonts.shape("م", Weight::Regular, Way::RightToLeft)[0].glyphs[0].glyph_id;
        let joined = fonts.shape("مم", Weight::Regular, Way::RightToLeft)[0].glyphs[0].glyph_id;
        assert_ne!(alone, joined);
    }

    #[test]
    fn a_letter_that_no_font_has_stands_beneath_a_stand_in() {
        let fonts = Fonts::load().unwrap();
        let lines = lines(&fonts, "木村 and \u{1F600}", Weight::Bold, 40.0);
        let actual: Vec<&str> = lines[0].runs.iter().filter_map(|run| run.actual.as_deref()).collect();
        assert_eq!(actual, ["木村", "\u{1F600}"]);
        assert_eq!(text_of(&lines), "木村 and \u{1F600}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_text_is_lines(text in any::<String>(), width in 0.5_f32..20.0) {
            let fonts = Fonts::load().unwrap();
            prop_assert!(!lines(&fonts, &text, Weight::Regular, width).is_empty());
        }
    }
}
