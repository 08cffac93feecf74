//! Badges of a class in a real browser: made by the teacher, read off the printed sheet, and held before the camera of a shared
//! device by a film.
//!
//! Used by the journeys of badges and by the bench of a class at one camera, so that both hold up the same thing.

use crate::TestError;
use crate::browser::Browser;
use serde_json::Value;
use std::io::Write as _;
use std::path::Path;

const WIDTH: usize = 320;
const HEIGHT: usize = 240;
/// A code's side on the film.
const SIDE: usize = 220;
/// Pictures a second.
const RATE: usize = 10;
/// Tenths of a second between two badges.
const BETWEEN: usize = 2;
/// The longest that a greeting is waited for, in milliseconds.
const GREETING_MS: u32 = 25_000;

/// One badge of the printed sheet.
#[derive(Clone, Debug)]
pub struct Printed {
    /// Whose, by first name.
    pub first_name: String,
    /// What is typed where there is no camera.
    pub letters: String,
    /// The code: rows of pixels, true where it is light.
    code: Vec<bool>,
}

/// Opens the page of the first class of whoever is signed in: its address.
pub async fn open_class(teacher: &mut Browser, console: &str) -> Result<String, TestError> {
    teacher.visit(&format!("{console}/classes")).await?;
    let link = words(teacher, "document.querySelector('tbody a').href").await?;
    teacher.visit(&link).await?;
    Ok(link)
}

/// Makes badges for everybody in the class whose page is open and who has none, and reads the sheet.
pub async fn print_badges(teacher: &mut Browser) -> Result<Vec<Printed>, TestError> {
    teacher.press("Make and print badges").await?;
    teacher.press("Make the badges").await?;
    let count = teacher.value_of("document.querySelectorAll('.sg-badge').length").await?;
    let mut printed = Vec::new();
    for number in 0..count.as_u64().unwrap_or_default() {
        let text = |part: &str| {
            format!("document.querySelectorAll('.sg-badge__{part}')[{number}].textContent.trim()")
        };
        let first_name = words(teacher, &text("name")).await?;
        let letters = words(teacher, &text("letters")).await?;
        printed.push(Printed { first_name, letters, code: code_of(teacher, number).await? });
    }
    Ok(printed)
}

/// Writes a film on which each badge is held up for so many tenths of a second, with nothing between them for two.
pub fn film(file: &Path, badges: &[Printed], tenths: usize) -> Result<(), TestError> {
    let mut film = std::io::BufWriter::new(std::fs::File::create(file)?);
    writeln!(film, "YUV4MPEG2 W{WIDTH} H{HEIGHT} F{RATE}:1 Ip A1:1 C420jpeg")?;
    let nothing = picture(&[]);
    for badge in badges {
        for (shown, times) in [(&picture(&badge.code), tenths), (&nothing, BETWEEN)] {
            for _ in 0..times {
                film.write_all(b"FRAME\n")?;
                film.write_all(shown)?;
            }
        }
    }
    film.flush()?;
    Ok(())
}

/// Waits in the page until it says this; false after 25 seconds.
pub async fn says(browser: &mut Browser, text: &str) -> Result<bool, TestError> {
    let wait = format!(
        "new Promise(done => {{ const begun = performance.now(), look = () => {{
            if (document.body.innerText.includes({})) done(true);
            else if (performance.now() - begun > {GREETING_MS}) done(false);
            else setTimeout(look, 20); }}; look(); }})",
        Value::from(text)
    );
    Ok(browser.value_of(&wait).await? == Value::Bool(true))
}

/// The code of the `number`th badge of the sheet that is on the screen.
async fn code_of(browser: &mut Browser, number: u64) -> Result<Vec<bool>, TestError> {
    let draw = format!(
        "(async () => {{
            const svg = document.querySelectorAll('.sg-badge svg')[{number}];
            const image = new Image();
            image.src = 'data:image/svg+xml,' + encodeURIComponent(new XMLSerializer().serializeToString(svg));
            await image.decode();
            const canvas = document.createElement('canvas');
            canvas.width = canvas.height = {SIDE};
            const context = canvas.getContext('2d');
            context.drawImage(image, 0, 0, {SIDE}, {SIDE});
            const {{ data }} = context.getImageData(0, 0, {SIDE}, {SIDE});
            let text = '';
            for (let at = 0; at < data.length; at += 4) text += data[at] > 127 ? '1' : '0';
            return text;
        }})()"
    );
    let code: Vec<bool> = words(browser, &draw).await?.bytes().map(|byte| byte == b'1').collect();
    match code.len() {
        length if length == SIDE * SIDE => Ok(code),
        length => Err(TestError::new(format!("expected a code of {SIDE} by {SIDE} pixels, found {length}"))),
    }
}

/// Brightness, then two planes of no colour (4:2:0). What is not light is dark.
fn picture(code: &[bool]) -> Vec<u8> {
    let (left, top) = ((WIDTH - SIDE) / 2, (HEIGHT - SIDE) / 2);
    let light = |x: usize, y: usize| {
        let (x, y) = (x.checked_sub(left)?, y.checked_sub(top)?);
        let is_on_it = x < SIDE && y < SIDE;
        is_on_it.then(|| code.get(y * SIDE + x).copied()).flatten()
    };
    let brightness = |at: usize| match light(at % WIDTH, at / WIDTH) {
        Some(true) => 235,
        Some(false) => 16,
        None => 128,
    };
    let colours = std::iter::repeat_n(128, 2 * (WIDTH / 2) * (HEIGHT / 2));
    (0..WIDTH * HEIGHT).map(brightness).chain(colours).collect()
}

async fn words(browser: &mut Browser, expression: &str) -> Result<String, TestError> {
    let value = browser.value_of(expression).await?;
    let text = value.as_str().map(str::to_owned);
    text.ok_or_else(|| TestError::new(format!("expected words from the page, found {value}")))
}
