//! Text of strangers: browsers, push services and whoever writes what callers pass on. It is text, and does nothing to a
//! terminal or a log. It is [`cleaned`] where it enters from outside, and [`escaped`] where it is shown.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character does something to a terminal or to the lines or order of text, and shows nothing: the control
/// characters of C0 and C1, DEL, the separators of lines and paragraphs, and what overrides or isolates a direction.
#[must_use]
pub const fn is_control(c: char) -> bool {
    matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text without such characters: a run of them is one space, and nothing at the ends.
#[must_use]
pub fn cleaned(text: &str) -> Cow<'_, str> {
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let parts = text.split(is_control).filter(|part| !part.is_empty());
    Cow::Owned(parts.collect::<Vec<_>>().join(" "))
}

/// The text with such characters as JSON writes them (`\u001b`), which makes JSON of JSON.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    escaped_but(text, &[])
}

/// The same, with those that are to stay.
#[must_use]
pub fn escaped_but<'a>(text: &'a str, kept: &[char]) -> Cow<'a, str> {
    let escapes = |c: char| is_control(c) && !kept.contains(&c);
    if !text.contains(escapes) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if escapes(c) {
            // Writing to a string does not fail.
            let _ = write!(shown, "\\u{:04x}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD: &str = "a\u{1b}[31m\r\nb\u{7f}\u{9b}2Jc\u{202e}d\u{2066}\u{2028}e\0";

    #[test]
    fn what_controls_is_taken_out_of_what_enters() {
        assert_eq!(cleaned(BAD), "a [31m b 2Jc d e");
        assert_eq!(cleaned("\t\u{2029}"), "");
        for plain in ["", "open", "größe 漢字", "👩\u{200d}👧", "\u{200f}שלום"] {
            assert!(matches!(cleaned(plain), Cow::Borrowed(same) if same == plain));
            assert!(matches!(escaped(plain), Cow::Borrowed(same) if same == plain));
        }
    }

    #[test]
    fn what_controls_is_shown_as_what_it_is() {
        let shown = r"a\u001b[31m\u000d\u000ab\u007f\u009b2Jc\u202ed\u2066\u2028e\u0000";
        assert_eq!(escaped(BAD), shown);
        assert_eq!(escaped_but("a\tb\r\n", &['\n', '\t']), "a\tb\\u000d\n");
        let json = serde_json::to_string(&format!("{BAD}\\")).unwrap();
        let read: String = serde_json::from_str(&escaped(&json)).unwrap();
        assert_eq!(read, format!("{BAD}\\"), "JSON says the same");
    }
}
