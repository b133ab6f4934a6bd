//! What a terminal shows, cell by cell (`docs/protocol.md`, "Terminals"; the official name is
//! `TerminalState`).

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

/// Most lines of a screen, and most cells of a line, that are read.
pub const MAX_SIDE: usize = 1000;

/// Content of a snapshot frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Screen<'a> {
    /// Lines.
    pub rows: u32,
    /// Columns.
    pub cols: u32,
    /// The lines that are shown, top to bottom.
    #[serde(borrow, deserialize_with = "lines")]
    pub grid: Vec<Vec<Cell<'a>>>,
    /// The lines above them. Not read: there may be very many.
    #[serde(borrow, default, skip_deserializing)]
    pub scrollback: Vec<Vec<Cell<'a>>>,
    /// Where the next character goes.
    pub cursor: Cursor,
    /// What the program calls itself.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Cow<'a, str>>,
}

/// A cell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Cell<'a> {
    /// The character with what combines with it; a space when there is none, empty after a wide one.
    #[serde(borrow)]
    pub char: Cow<'a, str>,
    /// Colour of the character, by `fg_mode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fg: Option<u32>,
    /// Colour behind it, by `bg_mode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bg: Option<u32>,
    /// 1: one of 16; 2: one of 256; 3: `0xrrggbb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fg_mode: Option<u8>,
    /// The same for the background.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bg_mode: Option<u8>,
    /// Bold.
    pub bold: bool,
    /// Italic.
    pub italic: bool,
    /// Underlined.
    pub underline: bool,
    /// Faint.
    pub dim: bool,
    /// Colours swapped.
    pub inverse: bool,
    /// Struck through.
    pub strikethrough: bool,
}

/// All of a cell but its character.
type Style = (Option<u8>, Option<u32>, Option<u8>, Option<u32>, [bool; 6]);

impl Cell<'_> {
    /// Returns whether nothing is to be seen.
    pub fn is_blank(&self) -> bool {
        matches!(self.char.as_ref(), " " | "") && self.style() == Style::default()
    }

    /// Returns its colours and attributes, to be compared.
    pub fn style(&self) -> Style {
        let attributes = [
            self.bold,
            self.italic,
            self.underline,
            self.dim,
            self.inverse,
            self.strikethrough,
        ];
        (self.fg_mode, self.fg, self.bg_mode, self.bg, attributes)
    }
}

/// The cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Line of the screen, from 0.
    pub row: u32,
    /// Column, from 0.
    pub col: u32,
    /// Whether it is not shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    /// Its form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<CursorStyle>,
    /// Whether it blinks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blink: Option<bool>,
}

/// Form of a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CursorStyle {
    /// █
    Block,
    /// ▁
    Underline,
    /// ▏
    Bar,
}

fn lines<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Vec<Cell<'de>>>, D::Error> {
    let lines = from.deserialize_seq(Side::<Line<'de>>(PhantomData))?;
    Ok(lines.into_iter().map(|line| line.0).collect())
}

/// A line of a screen.
struct Line<'a>(Vec<Cell<'a>>);

impl<'de> Deserialize<'de> for Line<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(Side(PhantomData)).map(Self)
    }
}

/// A sequence of which [`MAX_SIDE`] are kept.
struct Side<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Side<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Vec<T>, A::Error> {
        let mut kept = Vec::new();
        while kept.len() < MAX_SIDE {
            match from.next_element()? {
                Some(element) => kept.push(element),
                None => return Ok(kept),
            }
        }
        while from.next_element::<IgnoredAny>()?.is_some() {}
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_a_screen_is_not_kept() {
        let line = format!("[{}]", vec![r#"{"char":"x"}"#; MAX_SIDE + 5].join(","));
        let lines = [line.as_str(); 3].join(",");
        let json = format!(
            r#"{{"rows":3,"cols":9,"grid":[{lines}],"scrollback":[{lines}],"cursor":{{"row":0,"col":0}},"new":[]}}"#
        );
        let screen: Screen<'_> = serde_json::from_str(&json).unwrap();
        assert_eq!((screen.grid.len(), screen.grid[0].len()), (3, MAX_SIDE));
        assert!(screen.scrollback.is_empty());
    }

    #[test]
    fn the_official_form() {
        let cell = Cell {
            char: "a".into(),
            fg: Some(1),
            fg_mode: Some(1),
            bold: true,
            ..Cell::default()
        };
        assert_eq!(
            serde_json::to_string(&cell).unwrap(),
            r#"{"char":"a","fg":1,"fgMode":1,"bold":true,"italic":false,"underline":false,"dim":false,"inverse":false,"strikethrough":false}"#
        );
    }
}
