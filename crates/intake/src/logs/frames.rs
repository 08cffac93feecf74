//! Where one message ends on a stream (RFC 6587): by a count of octets before it, or by the end of its line.

use super::event::MOST_LINE_BYTES;

/// The most digits of a count.
const MOST_DIGITS: usize = 6;

/// Bytes of a stream, on their way to messages. A stream may change from one form to the other between messages.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    waiting: Vec<u8>,
    /// The rest of a message that was too long is passed over up to its end.
    passing: Passing,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Passing {
    #[default]
    Nothing,
    Octets(usize),
    Line,
}

impl Frames {
    /// Takes what came and hands over each whole message, cut at the longest line; true for `is_cut` where it was.
    pub fn take(&mut self, bytes: &[u8], found: &mut dyn FnMut(&[u8], bool)) {
        self.waiting.extend_from_slice(bytes);
        let mut start = 0;
        while let Some(rest) = self.waiting.get(start..).filter(|rest| !rest.is_empty()) {
            let Some(step) = step(rest, self.passing) else { break };
            if let Some((from, until)) = step.message
                && let Some(message) =
                    rest.get(from..until).filter(|message| !message.trim_ascii().is_empty())
            {
                found(message, step.passing != Passing::Nothing);
            }
            self.passing = step.passing;
            start += step.taken;
        }
        self.waiting.drain(..start);
    }

    /// What is left when the stream ends: the last line needs no end of its own.
    pub fn end(&mut self, found: &mut dyn FnMut(&[u8], bool)) {
        if self.passing == Passing::Nothing && !self.waiting.trim_ascii().is_empty() {
            found(&self.waiting, false);
        }
        self.waiting.clear();
    }
}

struct Step {
    taken: usize,
    message: Option<(usize, usize)>,
    passing: Passing,
}

/// The next step; `None`: more must come. Of at most [`MOST_LINE_BYTES`] and a count's digits it waits for more.
fn step(rest: &[u8], passing: Passing) -> Option<Step> {
    match passing {
        Passing::Octets(left) => {
            let taken = left.min(rest.len());
            let passing = if taken < left { Passing::Octets(left - taken) } else { Passing::Nothing };
            Some(Step { taken, message: None, passing })
        }
        Passing::Line => {
            let end = rest.iter().position(|byte| *byte == b'\n');
            let passing = if end.is_some() { Passing::Nothing } else { Passing::Line };
            Some(Step { taken: end.map_or(rest.len(), |end| end + 1), message: None, passing })
        }
        Passing::Nothing => match count(rest) {
            Count::Not => line(rest),
            Count::Unfinished => None,
            Count::Octets { digits, octets } => counted(rest, digits, octets),
        },
    }
}

fn counted(rest: &[u8], digits: usize, octets: usize) -> Option<Step> {
    let from = digits + 1;
    let kept = octets.min(MOST_LINE_BYTES);
    if rest.len() < from + kept {
        return None;
    }
    let left = octets - kept;
    let passing = if left == 0 { Passing::Nothing } else { Passing::Octets(left) };
    Some(Step { taken: from + kept, message: Some((from, from + kept)), passing })
}

fn line(rest: &[u8]) -> Option<Step> {
    // Some senders end a message with NUL.
    let end = rest.iter().take(MOST_LINE_BYTES + 1).position(|byte| matches!(byte, b'\n' | 0));
    match end {
        Some(end) => Some(Step { taken: end + 1, message: Some((0, end)), passing: Passing::Nothing }),
        None if rest.len() > MOST_LINE_BYTES => {
            let message = Some((0, MOST_LINE_BYTES));
            Some(Step { taken: MOST_LINE_BYTES, message, passing: Passing::Line })
        }
        None => None,
    }
}

enum Count {
    Not,
    Unfinished,
    Octets { digits: usize, octets: usize },
}

/// A count does not begin with 0, has a space behind it, and then a message begins with `<`.
fn count(rest: &[u8]) -> Count {
    let digits = rest.iter().take(MOST_DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || digits > MOST_DIGITS || rest.first() == Some(&b'0') {
        return Count::Not;
    }
    match (rest.get(digits), rest.get(digits + 1)) {
        (None, _) | (Some(b' '), None) => Count::Unfinished,
        (Some(b' '), Some(b'<')) => {
            let text = rest.get(..digits).and_then(|digits| std::str::from_utf8(digits).ok());
            match text.and_then(|text| text.parse().ok()) {
                Some(octets) => Count::Octets { digits, octets },
                None => Count::Not,
            }
        }
        _ => Count::Not,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn messages(parts: &[&[u8]]) -> Vec<(String, bool)> {
        let (mut frames, mut found) = (Frames::default(), Vec::new());
        let mut keep = |message: &[u8], is_cut: bool| {
            found.push((String::from_utf8_lossy(message).into_owned(), is_cut));
        };
        for part in parts {
            frames.take(part, &mut keep);
        }
        frames.end(&mut keep);
        found
    }

    fn whole(texts: &[&str]) -> Vec<(String, bool)> {
        texts.iter().map(|text| ((*text).to_owned(), false)).collect()
    }

    #[test]
    fn both_forms_are_told_apart_wherever_the_stream_is_cut() {
        let stream = b"7 <1>a\nbc11 <2>12 34567<3>line\n12 monkeys\n\n\r\n<4>last";
        let expected = whole(&["<1>a\nbc", "<2>12 34567", "<3>line", "12 monkeys", "<4>last"]);
        assert_eq!(messages(&[stream]), expected);
        for cut in 0..stream.len() {
            assert_eq!(messages(&[&stream[..cut], &stream[cut..]]), expected, "cut at {cut}");
        }
    }

    #[test]
    fn what_is_too_long_is_cut_said_so_and_passed_over() {
        let long = vec![b'x'; 3 * MOST_LINE_BYTES];
        let counted = [format!("{} <", long.len() + 1).as_bytes(), &long, b"5 <1>ok"].concat();
        let lined = [b"<".as_slice(), &long, b"\n<1>ok\n"].concat();
        for stream in [counted, lined] {
            let mut parts: Vec<&[u8]> = stream.chunks(1_000).collect();
            let found = messages(&parts);
            assert_eq!((found.len(), found[0].0.len(), found[0].1), (2, MOST_LINE_BYTES, true));
            assert_eq!(found[1], ("<1>ok".to_owned(), false));
            parts.truncate(20);
            assert_eq!(messages(&parts).len(), 1);
        }
    }

    proptest! {
        #[test]
        fn no_stream_stops_it_and_cutting_it_changes_nothing(
            parts in proptest::collection::vec(
                prop_oneof![Just(b"5 <1>ab".to_vec()), Just(b"9".to_vec()), Just(b" <".to_vec()), Just(b"\n".to_vec()),
                    proptest::collection::vec(any::<u8>(), 0..20)], 0..30),
        ) {
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(messages(&parts), messages(&[&parts.concat()]));
        }
    }
}
