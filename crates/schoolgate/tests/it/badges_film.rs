//! Films for a browser's camera: badges of the printed sheet, held up one after another.

use std::io::Write as _;
use std::path::Path;
use testkit::browser::Browser;

const WIDTH: usize = 320;
const HEIGHT: usize = 240;
/// A code's side on the film.
const SIDE: usize = 220;
/// Pictures a second.
const RATE: usize = 10;

/// The code of the `number`th badge of the sheet that is on the screen: `SIDE` rows of `SIDE` pixels, true where it is light.
pub async fn code_of(browser: &mut Browser, number: usize) -> Vec<bool> {
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
    let text = browser.value_of(&draw).await.unwrap();
    let code: Vec<bool> = text.as_str().unwrap().bytes().map(|byte| byte == b'1').collect();
    assert_eq!(code.len(), SIDE * SIDE);
    code
}

/// Writes a film on which each code is held up for so many tenths of a second, with nothing between them for two.
pub fn write(file: &Path, codes: &[Vec<bool>], tenths: usize) {
    let mut film = std::io::BufWriter::new(std::fs::File::create(file).unwrap());
    writeln!(film, "YUV4MPEG2 W{WIDTH} H{HEIGHT} F{RATE}:1 Ip A1:1 C420jpeg").unwrap();
    let nothing = vec![false; SIDE * SIDE];
    for code in codes {
        for (shown, times) in [(code, tenths), (&nothing, 2)] {
            let picture = picture(shown);
            for _ in 0..times {
                film.write_all(b"FRAME\n").unwrap();
                film.write_all(&picture).unwrap();
            }
        }
    }
    film.flush().unwrap();
}

/// Brightness, then two planes of no colour (4:2:0).
fn picture(code: &[bool]) -> Vec<u8> {
    let (left, top) = ((WIDTH - SIDE) / 2, (HEIGHT - SIDE) / 2);
    let mut picture = vec![128; WIDTH * HEIGHT + 2 * (WIDTH / 2) * (HEIGHT / 2)];
    for (y, row) in code.chunks(SIDE).enumerate() {
        for (x, light) in row.iter().enumerate() {
            picture[(top + y) * WIDTH + left + x] = if *light { 235 } else { 16 };
        }
    }
    picture
}
