//! The fonts of a paper, which of them has a letter, and letters into glyphs (OpenType shaping).
//!
//! Invariant: no run has a glyph that its font does not have; a letter that no font has is a run of stand-ins.

use crate::PaperError;
use krilla::text::{Font, GlyphId, KrillaGlyph};
use rustybuzz::{Direction, Face, ShapePlan, UnicodeBuffer};
use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use unicode_script::{Script, UnicodeScript as _};

/// A family: its name, and its files, regular and bold.
type Family = (&'static str, &'static [u8], &'static [u8]);

/// The one to be preferred first.
const FAMILIES: [Family; 2] = [
    (
        "Noto Sans",
        include_bytes!("../assets/built/sans.ttf"),
        include_bytes!("../assets/built/sans-bold.ttf"),
    ),
    // Its letters are whole glyphs, which every reader of PDF puts together into words again. Noto's Arabic ones are made of
    // a stroke and dots, whose places some take for gaps.
    (
        "Scheherazade New",
        include_bytes!("../assets/built/arabic.ttf"),
        include_bytes!("../assets/built/arabic-bold.ttf"),
    ),
];

/// What is printed for a letter that no font has.
pub(crate) const STAND_IN: char = '\u{FFFD}';

/// How heavy letters are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Weight {
    /// As most.
    Regular,
    /// Heavier.
    Bold,
}

/// Which way letters run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// As Latin.
    LeftToRight,
    /// As Arabic.
    RightToLeft,
}

/// The fonts, read once for a paper.
pub(crate) struct Fonts {
    regular: Vec<Typeface>,
    bold: Vec<Typeface>,
}

struct Typeface {
    face: Face<'static>,
    font: Font,
    /// How each script is shaped, as far as it came up: working that out takes longer than a word.
    plans: RefCell<Vec<(rustybuzz::Script, Way, Rc<ShapePlan>)>>,
}

/// The most plans that are kept of a face.
const MOST_PLANS: usize = 64;

/// Letters of one font, script and direction as glyphs, left to right as they stand on the page.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// The font.
    pub(crate) font: Font,
    /// The glyphs; lengths are parts of the font's size.
    pub(crate) glyphs: Vec<KrillaGlyph>,
    /// What the glyphs' ranges are ranges of.
    pub(crate) text: String,
    /// What really stands here, where the glyphs are stand-ins.
    pub(crate) actual: Option<String>,
    /// How wide it is, in parts of the font's size.
    pub(crate) width: f32,
}

/// A stretch of text that one font has, or none.
struct Stretch {
    /// Which family; `None`: none has it.
    family: Option<usize>,
    /// Its script, once a letter has told.
    script: Option<Script>,
    /// Where it is.
    at: Range<usize>,
}

impl Fonts {
    /// The fonts that the program carries.
    ///
    /// # Errors
    /// [`PaperError::FontUnreadable`].
    pub(crate) fn load() -> Result<Self, PaperError> {
        let all = |bytes: fn(&Family) -> &'static [u8]| {
            FAMILIES.iter().map(|family| typeface(family.0, bytes(family))).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self { regular: all(|family| family.1)?, bold: all(|family| family.2)? })
    }

    /// Text of one direction as runs, left to right as they stand on the page.
    pub(crate) fn shape(&self, text: &str, weight: Weight, way: Way) -> Vec<Run> {
        let faces = self.of(weight);
        let stretches = stretches(faces, text);
        let shaped = stretches.into_iter().filter_map(|stretch| {
            let words = text.get(stretch.at)?;
            let face = stretch.family.and_then(|family| faces.get(family));
            face.and_then(|face| shaped(face, words, way)).or_else(|| stand_ins(faces, words, way))
        });
        let mut runs: Vec<Run> = shaped.collect();
        if way == Way::RightToLeft {
            runs.reverse();
        }
        runs
    }

    /// About how wide a letter is by itself, in parts of the font's size: wide enough for breaking a long word.
    pub(crate) fn width_of(&self, letter: char, weight: Weight) -> f32 {
        let faces = self.of(weight);
        let wide = faces.iter().find_map(|typeface| {
            let glyph = typeface.face.glyph_index(letter)?;
            let advance = typeface.face.glyph_hor_advance(glyph)?;
            Some(f32::from(advance) / typeface.font.units_per_em())
        });
        wide.unwrap_or(1.0)
    }

    fn of(&self, weight: Weight) -> &[Typeface] {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }
}

impl Way {
    fn direction(self) -> Direction {
        match self {
            Self::LeftToRight => Direction::LeftToRight,
            Self::RightToLeft => Direction::RightToLeft,
        }
    }
}

impl Typeface {
    fn plan(&self, script: rustybuzz::Script, way: Way) -> Rc<ShapePlan> {
        let mut plans = self.plans.borrow_mut();
        if let Some((.., plan)) = plans.iter().find(|(of, to, _)| *of == script && *to == way) {
            return Rc::clone(plan);
        }
        if plans.len() == MOST_PLANS {
            plans.clear();
        }
        let plan = Rc::new(ShapePlan::new(&self.face, way.direction(), Some(script), None, &[]));
        plans.push((script, way, Rc::clone(&plan)));
        plan
    }
}

fn typeface(name: &'static str, bytes: &'static [u8]) -> Result<Typeface, PaperError> {
    let face = Face::from_slice(bytes, 0).ok_or(PaperError::FontUnreadable(name))?;
    let font = Font::new(bytes.into(), 0).ok_or(PaperError::FontUnreadable(name))?;
    Ok(Typeface { face, font, plans: RefCell::default() })
}

/// The text cut where font or script change.
fn stretches(faces: &[Typeface], text: &str) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for (start, letter) in text.char_indices() {
        let end = start + letter.len_utf8();
        let script = match letter.script() {
            Script::Common | Script::Inherited | Script::Unknown => None,
            script => Some(script),
        };
        let has =
            |family: usize| faces.get(family).is_some_and(|face| face.face.glyph_index(letter).is_some());
        let family = (0..faces.len()).find(|family| has(*family));
        let stays = |last: &Stretch| match script {
            _ if is_joined(letter) => true,
            None => last.family.map_or(family.is_none(), has),
            Some(script) => {
                last.family == family && (family.is_none() || last.script.is_none_or(|held| held == script))
            }
        };
        match stretches.last_mut().filter(|last| stays(last)) {
            Some(last) => {
                last.at.end = end;
                last.script = last.script.or(script);
            }
            None => stretches.push(Stretch { family, script, at: start..end }),
        }
    }
    stretches
}

/// True for what only changes how its neighbours look: it stays with what stands before it.
fn is_joined(letter: char) -> bool {
    matches!(letter, '\u{200C}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}')
}

/// The words in this face; `None` where the face lacks something of them after all.
fn shaped(typeface: &Typeface, words: &str, way: Way) -> Option<Run> {
    let mut buffer = UnicodeBuffer::new();
    buffer.push_str(words);
    buffer.guess_segment_properties();
    buffer.set_direction(way.direction());
    let plan = typeface.plan(buffer.script(), way);
    let output = rustybuzz::shape_with_plan(&typeface.face, &plan, buffer);
    let mut starts: Vec<usize> =
        output.glyph_infos().iter().filter_map(|info| usize::try_from(info.cluster).ok()).collect();
    starts.sort_unstable();
    starts.dedup();
    let unit = typeface.font.units_per_em();
    let (mut glyphs, mut width) = (Vec::with_capacity(output.len()), 0.0);
    for (info, place) in output.glyph_infos().iter().zip(output.glyph_positions()) {
        let start = usize::try_from(info.cluster).ok()?;
        let next = starts.partition_point(|known| *known <= start);
        let end = starts.get(next).copied().unwrap_or(words.len());
        if info.glyph_id == 0 {
            return None;
        }
        let part = |units: i32| units as f32 / unit;
        width += part(place.x_advance);
        glyphs.push(KrillaGlyph::new(
            GlyphId::new(info.glyph_id),
            part(place.x_advance),
            part(place.x_offset),
            part(place.y_offset),
            part(place.y_advance),
            start..end,
            None,
        ));
    }
    Some(Run { font: typeface.font.clone(), glyphs, text: words.to_owned(), actual: None, width })
}

/// A stand-in for each letter, with the letters themselves beneath.
fn stand_ins(faces: &[Typeface], words: &str, way: Way) -> Option<Run> {
    let letters: String = words.chars().map(|_| STAND_IN).collect();
    let run = faces.iter().find_map(|face| shaped(face, &letters, way))?;
    Some(Run { actual: Some(words.to_owned()), ..run })
}
